"""Messages that go out to WhatsApp: from an `Outgoing` to the bodies that are posted, one after the other; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.connector import parts
from assistant.errors import Rejected
from assistant.markup import utf16
from assistant.types import Address, Attachment, Outgoing
from connectors._meta_text import unhurried, whatsapp, whatsapp_parts
from connectors._whatsapp_keyboard import Keyboard, keyboard
from connectors._whatsapp_limits import CAPTION_CHARS, KEY_CHARS, MEDIA, TEXT_CHARS
from connectors._whatsapp_media import medium, sent_as
from connectors._whatsapp_people import recipient

TAIL = 256
"""Characters that stand at least above buttons, where a text is cut for them."""

MESSAGE = "wamid."
"""How the ids of messages begin."""

REST = re.compile(r"(/[0-9]+|:[1-9][0-9]*)$")
"""Ends the key of what is not the first part of an answer: as the inbox gives them (`Turn.key`), and `assistant.connector.parts`."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Style:
    """How messages look: `previews` of links, and what is written on the button that opens a list."""

    previews: bool = False
    menu: str = "☰"


def split(outgoing: Outgoing, style: Style) -> tuple[Outgoing, ...]:
    """The same as messages that each are one of WhatsApp's, where there is no file. A text above buttons is shorter than
    others, so the last part of a long one is cut once more.

    Raises:
        Rejected: the buttons cannot be sent.
    """
    room = keyboard(outgoing.buttons, menu=style.menu).room
    texts = whatsapp_parts(outgoing.text, TEXT_CHARS)
    while (length := _length(texts[-1])) > room:
        last = texts.pop()
        shorter = whatsapp_parts(last, max(length - TAIL, room // 2))
        if len(shorter) < 2:
            raise Rejected(f"a text of {length} characters cannot be cut to stand above its buttons")
        texts += shorter
    return tuple(parts(outgoing, texts))


async def parted(outgoing: Outgoing, style: Style) -> tuple[Outgoing, ...]:
    """`split`, beside the event loop where it may take long."""
    return await unhurried(lambda: split(outgoing, style), outgoing.text)


def check(outgoing: Outgoing, style: Style) -> None:
    """Raises Rejected: what no part of it could be sent with, before any is."""
    if not outgoing.text.strip() and not outgoing.attachments:
        raise Rejected("a message to WhatsApp has no text and no attachment")
    if outgoing.buttons and not outgoing.text.strip():
        raise Rejected("buttons of WhatsApp need a text above them")
    keyboard(outgoing.buttons, menu=style.menu)
    for attachment in outgoing.attachments:
        sent_as(attachment)


def bodies(part: Outgoing, style: Style, at: Sequence[Mapping[str, str]]) -> list[Body]:
    """What is posted for a part: each file, to be found `at`, and the text, under the first file where it can be there.

    The last has the key of the part: once it arrived, so did all before it.
    """
    pieces = list(_pieces(part, style, at))
    last = len(pieces) - 1
    return [
        {
            **envelope(part.address),
            **_replying(part.reply_to if number == 0 else None),
            **keyed(part.key if number == last or not part.key else f"{part.key}#{number}"),
            **piece,
        }
        for number, piece in enumerate(pieces)
    ]


def envelope(address: Address) -> Body:
    """What every message begins with."""
    return {"messaging_product": "whatsapp", "recipient_type": "individual", **recipient(address.chat)}


def keyed(key: str | None) -> Body:
    """The field that comes back with what became of a message; a key that is too long for it is left out."""
    return {"biz_opaque_callback_data": key} if key and len(key) <= KEY_CHARS else {}


def is_rest(part: Outgoing) -> bool:
    """Whether it is a part of an answer, and not the first."""
    return REST.search(part.key or "") is not None


def message_id(event: str | None) -> str | None:
    """The id of the message that an event is or is about; None: it has none."""
    found = (event or "").partition(":")[0]
    return found if found.startswith(MESSAGE) else None


def _pieces(part: Outgoing, style: Style, at: Sequence[Mapping[str, str]]) -> Iterator[Body]:
    text = (whatsapp(part.text) or part.text) if part.text.strip() else ""
    under = bool(part.attachments) and _goes_under(text, part)
    for number, (attachment, place) in enumerate(zip(part.attachments, at, strict=True)):
        yield medium(attachment, dict(place), text if under and number == 0 else "")
    if text and not under:
        yield _text(text, keyboard(part.buttons, menu=style.menu), style)


def _goes_under(text: str, part: Outgoing) -> bool:
    first: Attachment = part.attachments[0]
    return MEDIA[sent_as(first)].caption and not part.buttons and utf16(text) <= CAPTION_CHARS


def _text(text: str, below: Keyboard, style: Style) -> Body:
    if below.action is None:
        return {"type": "text", "text": {"body": below.under(text), "preview_url": style.previews}}
    interactive = {"type": below.kind, "body": {"text": below.under(text)}, "action": below.action}
    return {"type": "interactive", "interactive": interactive}


def _replying(reply_to: str | None) -> Body:
    found = message_id(reply_to)
    return {"context": {"message_id": found}} if found else {}


def _length(text: str) -> int:
    return utf16(whatsapp(text) or text)
