from __future__ import annotations

from assistant.connector import parts
from assistant.types import Address, Attachment, Button, Outgoing

WHOLE = Outgoing(
    Address("memory", "bot", "7"),
    "One two three",
    reply_to="1",
    buttons=(Button("Yes", data="yes"),),
    attachments=(Attachment("image", url="https://example.org/a.png"),),
    key="turn",
)


def test_parts_share_what_the_message_has() -> None:
    first, second, third = parts(WHOLE, ["One", "two", "three"])
    assert ["One", "two", "three"] == [first.text, second.text, third.text]
    assert ["turn", "turn/1", "turn/2"] == [first.key, second.key, third.key]
    assert ["1", None, None] == [first.reply_to, second.reply_to, third.reply_to]
    assert [(), (), WHOLE.buttons] == [first.buttons, second.buttons, third.buttons]
    assert [WHOLE.attachments, (), ()] == [first.attachments, second.attachments, third.attachments]


def test_one_part_is_the_message_itself() -> None:
    assert [WHOLE] == parts(WHOLE, [WHOLE.text])


def test_no_text_is_no_part() -> None:
    assert [] == parts(WHOLE, [])


def test_without_a_key_no_part_has_one() -> None:
    assert [None, None] == [part.key for part in parts(Outgoing(WHOLE.address, "One two"), ["One", "two"])]
