"""What is sent to WhatsApp is what Meta takes: against a strict fake Graph server over HTTP, and as values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from accounts import PHONE_NUMBER_ID
from graph_server import GraphServer
from graph_world import Person, Shown
from hypothesis import given, settings
from hypothesis import strategies as st
from whatsapp_contract import complaints
from whatsapp_graph import FIXTURES, SOURCES, TO, Connect
from whatsapp_payloads import PHONE, USER, body, change, message, one, signed, text

from assistant.errors import RateLimited, Rejected
from assistant.markup import utf16
from assistant.types import Attachment, Button, Incoming, Outgoing, Webhook
from connectors._meta_text import whatsapp
from connectors._whatsapp_messages import Style, bodies, split
from connectors.whatsapp import WhatsApp

OUTGOING = Path(__file__).parents[3] / "shared" / "contracts" / "whatsapp" / "whatsapp_outgoing_50.json"

THUMBS = (Button("👍", data="up:0123456789abcdef"), Button("👎", data="down:0123456789abcdef"))

ann, connect, bot = FIXTURES


async def test_a_text_goes_out_with_whatsapps_marks_and_the_key(graph: GraphServer, ann: Person, bot: WhatsApp) -> None:
    heard = next(iter(ann.wrote))
    receipt = await bot.send(Outgoing(TO, "**Yes**, see [here](https://example.org/a).", reply_to=heard, key="t:0"))
    [shown] = ann.seen
    assert ((shown.id,), "sent") == (receipt.ids, receipt.state)
    assert "*Yes*, see here (https://example.org/a)." == shown.text
    assert (heard, "t:0") == (shown.reply_to, shown.key)
    assert ("individual", PHONE, False) == (
        shown.body["recipient_type"], shown.body["to"], shown.body["text"]["preview_url"]
    )  # fmt: skip


async def test_who_has_no_number_is_written_to_by_the_id(graph: GraphServer, bot: WhatsApp) -> None:
    person = graph.person("whatsapp", USER)
    graph.says(person, "hello")
    await bot.send(Outgoing(replace(TO, chat=USER), "Hello."))
    assert USER == person.seen[0].body["recipient"]
    assert "to" not in person.seen[0].body


async def test_a_reply_to_what_is_no_message_has_no_context(ann: Person, bot: WhatsApp) -> None:
    await bot.send(Outgoing(TO, "Hello.", reply_to="handover:1"))
    assert "context" not in ann.seen[0].body


async def test_up_to_three_buttons_stand_side_by_side(ann: Person, bot: WhatsApp) -> None:
    await bot.send(Outgoing(TO, "An answer.", buttons=(SOURCES, *THUMBS)))
    [shown] = ann.seen
    assert ("button", "An answer.", ("Sources", "👍", "👎")) == (
        shown.body["interactive"]["type"], shown.text, shown.buttons
    )  # fmt: skip


async def test_what_a_button_carries_comes_back(ann: Person, bot: WhatsApp) -> None:
    await bot.send(Outgoing(TO, "An answer.", buttons=(SOURCES,)))
    reply = ann.seen[0].body["interactive"]["action"]["buttons"][0]["reply"]
    event = one(message("interactive", {"type": "button_reply", "button_reply": reply}, context={"id": ann.seen[0].id}))
    assert ("button", SOURCES.data, ann.seen[0].id) == (event.kind, event.text, event.reply_to)


async def test_other_buttons_are_a_list(ann: Person, bot: WhatsApp) -> None:
    labels = (["One", "Two", "Three", "Four"], ["A label of twenty-one"], ["Same", "Same"], list("0123456789"))
    for each in labels:
        await bot.send(
            Outgoing(TO, "Choose.", buttons=tuple(Button(*pair) for pair in zip(each, "0123456789", strict=False)))
        )
    assert ["list"] * 4 == [shown.body["interactive"]["type"] for shown in ann.seen]
    assert [tuple(each) for each in labels] == [shown.buttons for shown in ann.seen]


async def test_a_label_too_long_for_a_row_is_whole_below_it(ann: Person, bot: WhatsApp) -> None:
    label = "Tell me more about the guarantee of the machine"
    await bot.send(Outgoing(TO, "Choose.", buttons=(Button(label, data="x"),)))
    [row] = ann.seen[0].body["interactive"]["action"]["sections"][0]["rows"]
    assert {"id": "x", "title": "Tell me more about the…", "description": label} == row


async def test_buttons_that_fit_nowhere_are_numbered_lines(ann: Person, bot: WhatsApp) -> None:
    buttons = tuple(Button(f"Choice {number}", data=f"{number}") for number in range(1, 12))
    await bot.send(Outgoing(TO, "Choose.", buttons=buttons))
    assert ann.seen[0].text.startswith("Choose.\n\n1. Choice 1\n2. Choice 2\n")
    assert "text" == ann.seen[0].kind


async def test_an_address_is_a_line_above_the_other_buttons(ann: Person, bot: WhatsApp) -> None:
    buttons = (Button("Open", url="https://example.org/"), Button("Yes", data="yes"))
    await bot.send(Outgoing(TO, "Choose.", buttons=buttons))
    [shown] = ann.seen
    assert ("Choose.\n\nOpen: https://example.org/", ("Yes",)) == (shown.text, shown.buttons)


async def test_a_long_text_comes_first_and_the_buttons_stand_under_its_end(ann: Person, bot: WhatsApp) -> None:
    long = " ".join(f"Sentence number {number} says something." for number in range(70))
    receipt = await bot.send(Outgoing(TO, long, buttons=(SOURCES,), key="t:0"))
    first, second = ann.seen
    assert long == f"{first.text} {second.text}"
    assert ((), ("Sources",), (first.id, second.id)) == (first.buttons, second.buttons, receipt.ids)
    assert 200 <= len(second.text) <= 1024
    assert ("t:0", "t:0/1") == (first.key, second.key)


async def test_what_cannot_be_sent_is_rejected_before_anything_is(ann: Person, bot: WhatsApp) -> None:
    picture = Attachment("image", url="https://x.org/a.png")
    refused = (
        (Outgoing(TO, " "), "no text and no attachment"),
        (Outgoing(TO, "", attachments=(picture,), buttons=(SOURCES,)), "need a text"),
        (Outgoing(TO, "x", attachments=(Attachment("location", url="geo:1,2"),)), "kind 'location'"),
        (Outgoing(TO, "x", attachments=(picture, Attachment("image"))), "no data"),
        (Outgoing(TO, "x", attachments=(Attachment("document", url="https://x.org", size=2**30),)), "at most"),
        (Outgoing(TO, "x", buttons=tuple(Button("y" * 100, data=f"{n}") for n in range(11))), "room"),
        (Outgoing(TO, "word " * 2000, buttons=(Button("Yes", data=""),)), "'Yes' has 0 bytes"),
        (Outgoing(TO, "word " * 2000, buttons=(Button("Yes", data="x" * 257),)), "'Yes' has 257 bytes"),
    )
    for outgoing, reason in refused:
        with pytest.raises(Rejected, match=reason):
            await bot.send(outgoing)
    assert [] == ann.seen


async def test_a_file_is_uploaded_and_has_the_text_under_it(graph: GraphServer, ann: Person, bot: WhatsApp) -> None:
    pdf = Attachment("document", data=b"%PDF-1.4", name="offer.pdf")
    receipt = await bot.send(Outgoing(TO, "Our **offer**", attachments=(pdf,), key="t:0"))
    [shown] = ann.seen
    document = shown.body["document"]
    assert ("offer.pdf", "Our *offer*", (shown.id,)) == (document["filename"], document["caption"], receipt.ids)
    stored = graph.media[document["id"]]
    assert (b"%PDF-1.4", "application/pdf", "t:0") == (stored.data, stored.mime_type, shown.key)


async def test_a_file_at_an_address_is_named_by_it(ann: Person, bot: WhatsApp) -> None:
    picture = Attachment("image", url="https://example.org/a.png")
    await bot.send(Outgoing(TO, "", attachments=(picture,)))
    assert {"link": "https://example.org/a.png"} == ann.seen[0].body["image"]


async def test_a_file_that_its_kind_does_not_take_is_a_document(ann: Person, bot: WhatsApp) -> None:
    strange = (
        Attachment("image", url="https://example.org/a.svg", mime_type="image/svg+xml"),
        Attachment("image", url="https://example.org/a.png", size=6 * 2**20),
        Attachment("audio", url="https://example.org/a.flac", mime_type="audio/flac"),
    )
    await bot.send(Outgoing(TO, "", attachments=strange))
    assert [{"link": each.url} for each in strange] == [shown.body["document"] for shown in ann.seen]


async def test_a_recording_has_no_text_under_it_so_that_follows(ann: Person, bot: WhatsApp) -> None:
    spoken = Attachment("audio", data=b"OggS", mime_type="audio/ogg; codecs=opus")
    receipt = await bot.send(Outgoing(TO, "Listen.", attachments=(spoken,), key="t:0"))
    audio, words = ann.seen
    assert (["id"], "Listen.") == (list(audio.body["audio"]), words.text)
    assert (("t:0#0", "t:0"), (audio.id, words.id)) == ((audio.key, words.key), receipt.ids)


async def test_a_text_too_long_for_a_caption_follows_its_file(ann: Person, bot: WhatsApp) -> None:
    picture = Attachment("image", url="https://example.org/a.png")
    await bot.send(Outgoing(TO, "word " * 300, attachments=(picture, picture)))
    assert ["image", "image", "text"] == [shown.kind for shown in ann.seen]


class Screen(list[Shown]):
    """Does something after the first message was shown."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._then = then

    def append(self, shown: Shown) -> None:
        super().append(shown)
        if len(self) == 1:
            self._then()


async def test_what_was_begun_is_finished_after_a_rate_limit(graph: GraphServer, ann: Person, bot: WhatsApp) -> None:
    ann.seen = Screen(lambda: graph.faults.add("rate_limit", retry_after=0))
    receipt = await bot.send(Outgoing(TO, "word " * 2000))
    assert (tuple(shown.id for shown in ann.seen), "sent") == (receipt.ids, receipt.state)
    assert len(ann.seen) > 1
    graph.faults.add("rate_limit", retry_after=7)
    with pytest.raises(RateLimited) as limited:
        await bot.send(Outgoing(TO, "Another."))
    assert 7 == limited.value.retry_after


async def test_a_rest_that_does_not_arrive_is_told(graph: GraphServer, ann: Person, bot: WhatsApp) -> None:
    ann.seen = Screen(lambda: graph.faults.add("blocked"))
    receipt = await bot.send(Outgoing(TO, "word " * 2000))
    assert (1, "failed") == (len(receipt.ids), receipt.state)


async def test_a_rest_of_which_nobody_knows_is_told(graph: GraphServer, ann: Person, bot: WhatsApp) -> None:
    ann.seen = Screen(lambda: graph.faults.add("cut"))
    receipt = await bot.send(Outgoing(TO, "word " * 2000))
    assert (1, 2, "unknown") == (len(receipt.ids), len(ann.seen), receipt.state)


async def test_typing_marks_the_message_as_read_and_is_shown(graph: GraphServer, ann: Person, bot: WhatsApp) -> None:
    heard = next(iter(ann.wrote))
    await bot.typing(TO, about=heard)
    await bot.typing(TO, about=f"{heard}:edit:1")
    assert ([heard, heard], 2) == (ann.read, len(ann.typings))


async def test_typing_finds_the_last_message_of_a_chat_and_shows_nothing_where_there_is_none(
    graph: GraphServer, ann: Person, bot: WhatsApp
) -> None:
    calls = len(graph.calls)
    await bot.typing(TO)
    assert calls == len(graph.calls)
    heard = next(iter(ann.wrote))
    bot.parse(heard_of(heard))
    await bot.typing(TO)
    await bot.typing(replace(TO, chat=USER))
    assert [heard, heard] == ann.read


def heard_of(id: str, **fields: Any) -> Webhook:
    return signed(body(change(number=PHONE_NUMBER_ID, messages=[text(id=id, from_user_id=USER, **fields)])))


async def test_what_was_taken_is_marked_as_read_unless_somebody_else_answers(
    graph: GraphServer, ann: Person, bot: WhatsApp, connect: Connect
) -> None:
    first, second = next(iter(ann.wrote)), graph.says(ann, "again")
    events = [*bot.parse(heard_of(first)), *bot.parse(heard_of(second))]
    await bot.acknowledge(events)
    assert [second] == ann.read
    await bot.acknowledge([replace(event, raw={"standby": True}) for event in events])
    await (await connect(mark_read=False)).acknowledge(events)
    await bot.acknowledge(bot.parse(heard_of("wamid.unknown")))  # refused, and silent
    assert [second] == ann.read


async def test_a_reaction_is_shown_and_taken_back(ann: Person, bot: WhatsApp) -> None:
    heard = next(iter(ann.wrote))
    await bot.react(TO, heard, "👍")
    assert {heard: "👍"} == ann.reactions
    await bot.react(TO, heard, None)
    assert {} == ann.reactions


async def test_a_file_is_fetched_up_to_a_size(graph: GraphServer, bot: WhatsApp) -> None:
    kept = graph.store(b"x" * 1000, "a.pdf", "application/pdf")
    document = Attachment("document", file_id=kept.id)
    assert b"x" * 1000 == await bot.fetch(document, max_bytes=1000)
    for refused, most in (
        (document, 999),
        (replace(document, file_id="1"), 1000),
        (Attachment("location", url="geo:1,2"), 9),
    ):
        with pytest.raises(Rejected):
            await bot.fetch(refused, max_bytes=most)


async def test_nothing_blocks_the_event_loop(
    graph: GraphServer, ann: Person, connect: Connect, unblocked: None
) -> None:
    complaints({})  # the server reads Meta's document
    bot = await connect(template="answer", template_language="en_US")
    heard = bot.parse(heard_of(next(iter(ann.wrote))))
    await bot.acknowledge(heard)
    await bot.typing(TO)
    await bot.send(Outgoing(TO, "word " * 2000, buttons=(SOURCES,)))
    await bot.send(Outgoing(TO, "A file", attachments=(Attachment("document", data=b"x", name="a.pdf"),)))
    await bot.fetch(Attachment("document", file_id=next(iter(graph.media))), max_bytes=10)
    assert "warn" == (await bot.check())[-1].status


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=80)
WORDS = st.lists(
    st.sampled_from(["word", "天地", "كلمة", "नमस्ते", "👨‍👩‍👧‍👦", "**bold**", "_it_", "`x`", "\n\n", "- item\n"]),
    max_size=900,
)


@settings(deadline=None, max_examples=30)
@given(words=WORDS, more=TEXTS, choices=st.integers(0, 12))
def test_every_part_of_any_answer_is_one_message_within_its_limits(words: list[str], more: str, choices: int) -> None:
    buttons = tuple(Button(f"Choice {number}", data=f"{number}") for number in range(choices))
    outgoing = Outgoing(TO, "x " + " ".join([*words, more]), buttons=buttons, key="t:0", reply_to="wamid.ONE")
    parts = split(outgoing, Style())
    made = [bodies(part, Style(), []) for part in parts]
    assert [1] * len(parts) == list(map(len, made))
    for [posted] in made:
        limit, said = (1024, posted["interactive"]) if posted["type"] == "interactive" else (4096, posted)
        shown = said["body"]["text"] if limit == 1024 else said["text"]["body"]
        assert 0 < utf16(shown) <= limit
        assert [] == complaints(posted)
    assert [True, *[False] * (len(parts) - 1)] == ["context" in posted for [posted] in made]
    tappable = 0 < choices <= 10
    assert [*[False] * (len(parts) - 1), tappable] == ["interactive" in posted for [posted] in made]
    assert [tuple(split(part, Style())) for part in parts] == [(part,) for part in parts]


@pytest.mark.skipif(not OUTGOING.exists(), reason="the examples of Meta are not at hand")
def test_what_goes_out_has_the_shape_of_metas_examples() -> None:
    examples = json.loads(OUTGOING.read_text())
    file = Attachment("document", file_id="1", name="a.pdf")
    [document] = bodies(Outgoing(TO, "Read", attachments=(file,)), Style(), [{"id": "1"}])
    [plain] = bodies(Outgoing(TO, "Hi", reply_to="wamid.ONE"), Style(), [])
    [buttons] = bodies(Outgoing(TO, "Hi", buttons=THUMBS), Style(), [])
    [rows] = bodies(Outgoing(TO, "Hi", buttons=tuple(Button(f"{n}", data=f"{n}") for n in range(4))), Style(), [])
    for name, posted in (
        ("Send Document Message by ID", document), ("Send Reply to Text Message", plain),
        ("Send Reply Button", buttons), ("Send List Message", rows),
    ):  # fmt: skip
        assert _keys(posted) <= _keys(examples[name]), name


def _keys(value: Any, path: str = "") -> set[str]:
    if isinstance(value, list):
        return {key for each in value for key in _keys(each, f"{path}[]")}
    if not isinstance(value, dict):
        return {path}
    return {key for name, each in value.items() for key in _keys(each, f"{path}.{name}")}


def test_marks_are_those_of_whatsapp() -> None:
    assert "*Bold* _italic_ ~gone~ `code`" == whatsapp("**Bold** *italic* ~~gone~~ `code`")


def test_an_event_of_this_connector_can_be_answered_where_it_came_from() -> None:
    event: Incoming = one(text(from_user_id=USER))
    [posted] = bodies(Outgoing(event.address, "Hi", reply_to=event.id), Style(), [])
    assert (USER, {"message_id": "wamid.ONE"}) == (posted["recipient"], posted["context"])
