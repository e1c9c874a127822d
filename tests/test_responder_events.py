from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from responder_fakes import ADDRESS, GROUP, QUESTION, Bench, Plain, Scribe, message
from turn_fakes import Scripted

from assistant.bot.meters import Feedback
from assistant.bot.sources import tapped
from assistant.errors import ConfigurationError, TransientError
from assistant.types import Address, Attachment, Incoming

SENTENCE = "The Zeta-9 pump must be serviced every 45 days by a certified technician"
DEAF = "I cannot listen to recordings. Please send me a text."
HEARD = "responder_fakes:Scribe"


@pytest.fixture(autouse=True)
def no_blocking_call_on_an_event_loop() -> Iterator[None]:
    with blockbuster_ctx("assistant"):
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def tap(data: str | None, *, id: str = "t", sender: str = "ada") -> Incoming:
    return message(data or "", id=id, kind="button", reply_to="m1", sender=sender)


def edit(text: str, *, id: str = "1:edit:5", of: str | None = "1") -> Incoming:
    return message(text, id=id, kind="edit", reply_to=of)


def reaction(emoji: str, *, address: Address = ADDRESS) -> Incoming:
    return message(emoji, id="r", kind="reaction", reply_to="m1", address=address)


async def test_an_opinion_is_counted_told_and_thanked_for(bench: Bench) -> None:
    button = (await bench.say(message())).buttons[1]
    reply = await bench.ask(tap(button.data))
    about = (button.data or "").partition(":")[2]

    assert "Thank you for your feedback!" == reply.messages[0].text
    assert {"feedback": "up", "about": about} == reply.details
    assert [Feedback("up", ADDRESS, "ada", about, "button")] == bench.feedback
    assert 1 == bench.count("assistant_feedback", connector="memory", verdict="up", by="button")


async def test_an_opinion_is_logged_without_what_was_said(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    button = (await bench.say(message())).buttons[2]
    with caplog.at_level(logging.INFO, "assistant.bot"):
        await bench.ask(tap(button.data))

    about = (button.data or "").partition(":")[2]
    assert [f"feedback=down by=button conversation=memory:bot:7 about={about}"] == caplog.messages


async def test_who_changes_their_mind_is_counted_again_and_thanked_once(bench: Bench) -> None:
    _, up, down = (await bench.say(message())).buttons
    replies = [await bench.ask(tap(up.data, id="t1")), await bench.ask(tap(down.data, id="t2"))]
    other = await bench.ask(tap(up.data, id="t3", sender="bob"))

    assert [1, 0, 1] == [len(reply.messages) for reply in (*replies, other)]
    assert ["up", "down", "up"] == [each.verdict for each in bench.feedback]


async def test_a_tap_that_is_answered_twice_is_thanked_for_as_the_first_time(bench: Bench) -> None:
    button = (await bench.say(message())).buttons[1]

    assert await bench.ask(tap(button.data)) == await bench.ask(tap(button.data))


@pytest.mark.parametrize(("emoji", "verdict"), [("👍", "up"), ("👎🏽", "down"), ("👍 ❤", "up")])
async def test_a_thumb_as_a_reaction_is_an_opinion_without_a_reply(bench: Bench, emoji: str, verdict: str) -> None:
    reply = await bench.ask(reaction(emoji))

    assert ((), {"feedback": verdict, "about": "m1"}) == (reply.messages, reply.details)
    assert 1 == bench.count("assistant_feedback", connector="memory", verdict=verdict, by="reaction")


async def test_what_people_in_a_group_think_of_each_other_is_no_opinion_on_an_answer(bench: Bench) -> None:
    await bench.ask(reaction("👍", address=GROUP))

    assert [] == bench.feedback


@pytest.mark.parametrize("emoji", ["", "🔥"])
async def test_other_reactions_are_none(bench: Bench, emoji: str) -> None:
    reply = await bench.ask(reaction(emoji))

    assert ((), {}, []) == (reply.messages, dict(reply.details), bench.feedback)


@pytest.mark.parametrize("data", ["Tell me about pumps", "up:", "up:xyz", "boo:0123456789abcdef", ""])
def test_data_of_other_buttons_is_not_taken_for_ours(data: str) -> None:
    assert tapped(data) is None


async def test_a_tap_on_a_button_that_is_not_ours_says_what_it_says(bench: Bench) -> None:
    assert SENTENCE in await bench.text(tap(QUESTION))


async def test_the_last_question_edited_is_answered_anew_and_replies_to_it(bench: Bench) -> None:
    await bench.ask(message("How often must it?"))
    sent = await bench.say(edit(QUESTION))

    assert ("1", True, 4) == (sent.reply_to, SENTENCE in sent.text, len(await bench.remembered()))


async def test_an_edit_that_runs_twice_is_answered_the_same_and_remembered_once(bench: Bench) -> None:
    await bench.ask(message("How often must it?"))
    first = await bench.ask(edit(QUESTION))

    assert (first, 4) == (await bench.ask(edit(QUESTION)), len(await bench.remembered()))


async def test_a_question_can_be_edited_again(bench: Bench) -> None:
    await bench.ask(message("How often must it?"))
    await bench.ask(edit("How often must pumps?"))

    assert SENTENCE in await bench.text(edit(QUESTION, id="1:edit:6"))


@pytest.mark.parametrize("text", [QUESTION, f" {QUESTION}\n", ""])
async def test_an_edit_that_asks_nothing_new_is_not_answered(bench: Bench, text: str) -> None:
    await bench.ask(message())
    reply = await bench.ask(edit(text))

    assert ((), {"ignored": "edit"}) == (reply.messages, reply.details)


@pytest.mark.parametrize("of", ["0", None])
async def test_an_edit_of_any_message_but_the_last_one_asked_is_not_answered(bench: Bench, of: str | None) -> None:
    await bench.ask(message())

    assert () == (await bench.ask(edit("Something else?", of=of))).messages


async def test_an_edit_where_nothing_is_remembered_is_not_answered(bench: Bench) -> None:
    assert () == (await bench.ask(edit(QUESTION))).messages


@pytest.mark.parametrize("kind", ["image", "video", "sticker", "location", "contact"])
async def test_what_cannot_be_read_is_answered_politely(bench: Bench, kind: Any) -> None:
    files = (Attachment(kind, file_id="x"), Attachment(kind, file_id="y"))

    assert "I can only read text and documents." == await bench.text(message("", kind="media", files=files))


async def test_a_picture_sent_as_a_file_is_a_picture(bench: Bench) -> None:
    picture = Attachment("document", file_id="x", name="a.png", mime_type="image/png")

    assert "I can only read text and documents." == await bench.text(message("", kind="media", files=(picture,)))


async def test_where_files_cannot_be_fetched_only_text_is_read(tmp_path: Path) -> None:
    bench = Bench(tmp_path, connector=Plain())

    text = await bench.text(message("", kind="media", files=(Attachment("image", file_id="x"),)))
    assert "I can only read text." == text


async def test_the_question_below_a_picture_is_answered(bench: Bench) -> None:
    text = await bench.text(message(kind="media", files=(Attachment("image", file_id="x"),)))

    assert ["I can only read text and documents.", f"{SENTENCE}. [1]"] == text.split("\n\n")


@pytest.mark.parametrize("connector", [None, Plain()])
async def test_a_recording_is_answered_politely_where_nobody_listens(tmp_path: Path, connector: Any) -> None:
    bench = Bench(tmp_path, connector=connector, bot={"transcriber": HEARD} if connector else {})
    voice = Attachment("audio", file_id="v", mime_type="audio/ogg")

    assert DEAF == await bench.text(message("", kind="media", files=(voice, voice)))


def recorded(bench: Bench, data: bytes) -> Incoming:
    file = bench.connector.platform.add_file(data, name="v.oga")
    voice = Attachment("audio", file_id=file.file_id, mime_type="audio/ogg", size=len(data))
    return message("", kind="media", files=(voice,))


async def test_a_recording_is_written_down_and_answered(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bot={"transcriber": HEARD})
    text = await bench.text(recorded(bench, QUESTION.encode()))

    assert [f"> “{QUESTION}”", f"{SENTENCE}. [1]"] == text.split("\n\n")
    assert QUESTION == (await bench.remembered())[0]


async def test_the_transcriber_is_told_the_type_and_the_language(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bot={"transcriber": HEARD})
    scribe = bench.respond._attachments._transcriber
    await bench.ask(recorded(bench, QUESTION.encode()))

    assert isinstance(scribe, Scribe)
    assert [(QUESTION.encode(), "audio/ogg", "en")] == scribe.heard


@pytest.mark.parametrize("data", [b"noise", b" "])
async def test_a_recording_without_words_is_told_so(tmp_path: Path, data: bytes) -> None:
    bench = Bench(tmp_path, bot={"transcriber": HEARD})

    expected = "I could not understand the recording. Please send me a text."
    assert expected == await bench.text(recorded(bench, data))


async def test_a_transcriber_that_is_busy_is_asked_again_later(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bot={"transcriber": HEARD})
    with pytest.raises(TransientError):
        await bench.ask(recorded(bench, b"later"))


async def test_a_recording_that_is_too_large_is_not_fetched(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bot={"transcriber": HEARD, "max_file_mib": 0.001})
    voice = Attachment("audio", file_id="gone", mime_type="audio/ogg", size=5000)

    text = await bench.text(message("", kind="media", files=(voice,)))
    assert text.startswith("“audio")
    assert text.endswith("is too large: 0.001 MiB at most.")


@pytest.mark.parametrize("named", ["nowhere:Scribe", "responder_fakes:Plain"])
def test_a_transcriber_that_cannot_be_had_is_a_configuration_error(tmp_path: Path, named: str) -> None:
    with pytest.raises(ConfigurationError, match=r"bot\.transcriber"):
        Bench(tmp_path, bot={"transcriber": named})


async def test_a_recording_and_a_text_are_one_question(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bot={"transcriber": HEARD}, model=Scripted(pieces=[f"{SENTENCE} [1]."]))
    await bench.ask(message("About the pump:", id="0"), recorded(bench, QUESTION.encode()))

    assert f"About the pump:\n{QUESTION}" == (await bench.remembered())[0]
