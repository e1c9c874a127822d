"""Public comments: answered where the platform's section says, from what everybody may know, or not, with a reason."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from people_fakes import Public, comment
from responder_fakes import QUESTION, Bench, Plain
from turn_fakes import Found, Scripted

from assistant import Assistant, Settings
from assistant.inbox import Reply
from assistant.types import Address

SENTENCE = "The Zeta-9 pump must be serviced every 45 days by a certified technician"
SOURCED = f"{SENTENCE}. [1]\n\n**Sources**  \n[1] Pump"
POST = Address("memory", "bot", "7", "p1")
ALONE = Address("memory", "bot", "7")
SENT = "I have sent you the answer in a private message."


@pytest.fixture(autouse=True)
def no_blocking_call_on_an_event_loop() -> Iterator[None]:
    with blockbuster_ctx("assistant"):
        yield


def told(reply: Reply) -> list[tuple[Address, str]]:
    assert [None] * len(reply.messages) == [each.buttons or None for each in reply.messages]
    return [(each.address, each.text) for each in reply.messages]


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (("public",), [(POST, SOURCED)]),
        (("private",), [(ALONE, SOURCED)]),
        (("public", "private"), [(ALONE, SOURCED), (POST, SENT)]),
    ],
)
async def test_a_comment_is_answered_in_the_ways_that_are_configured(
    tmp_path: Path, ways: Any, expected: list[tuple[Address, str]]
) -> None:
    reply = await Bench(tmp_path, connector=Public(*ways)).ask(comment(QUESTION))

    assert expected == told(reply)
    assert {"c1"} == {each.reply_to for each in reply.messages}
    assert list(ways) == reply.details["replied"]


async def test_what_is_said_publicly_of_a_private_answer_can_be_the_businesss_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, connector=Public("public", "private"), bot={"commented": "See your inbox!"})
    assert (POST, "See your inbox!") == told(await bench.ask(comment(QUESTION)))[-1]


async def test_sources_are_left_out_where_they_are_off(tmp_path: Path) -> None:
    bench = Bench(tmp_path, connector=Public("public"), bot={"sources": "off"})
    assert [(POST, f"{SENTENCE}. [1]")] == told(await bench.ask(comment(QUESTION)))


async def test_only_what_everybody_may_know_is_looked_up(tmp_path: Path) -> None:
    asked: list[Any] = []

    class Watched(Assistant):
        def astream(self, question: str, **options: Any) -> Any:
            asked.append(options["access"])
            return super().astream(question, **options)

    def opened(settings: Settings) -> Assistant:
        return Watched(Scripted(pieces=["No."]), Found(), settings=settings)

    await Bench(tmp_path, connector=Public("public"), bot={"access": ["staff"]}, assistant=opened).ask(comment("Hm?"))

    assert [["staff"]] == asked


@pytest.mark.parametrize(
    ("connector", "given", "reason"),
    [
        (Public(), comment(QUESTION), "connectors.memory does not answer such comments"),
        (Public("public", verdict="ignore"), comment(QUESTION), "moderation says so"),
        (Public("public", verdict="hide"), comment(QUESTION), "it was hidden by moderation"),
        (Public("public"), comment(" "), "it has no text"),
        (Public("public"), comment("?" * 9000), "it cannot be asked: InvalidQuestion"),
        (Public("public"), comment("What a lovely day!"), "the documents do not answer it"),
        (Public("public"), comment(QUESTION, kind="edit", reply_to="c0"), "it was edited, and is answered once"),
    ],
)
async def test_every_comment_that_is_not_answered_has_its_reason_in_the_log_and_in_the_turn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, connector: Any, given: Any, reason: str
) -> None:
    def opened(settings: Settings) -> Assistant:
        model = Scripted(pieces=[f"{SENTENCE} [1]."] if given.text == QUESTION else ["I do not know."])
        return Assistant(model, Found(), settings=settings)

    with caplog.at_level(logging.INFO, "assistant.bot"):
        reply = await Bench(tmp_path, connector=connector, assistant=opened).ask(given)

    assert ((), "comment", reason) == (reply.messages, reply.details["ignored"], reply.details["reason"])
    assert [f"comment=not answered conversation=memory:bot:7:p1 comment=c1: {reason}"] == caplog.messages


async def test_a_comment_that_moderation_wants_hidden_is_hidden(tmp_path: Path) -> None:
    bench = Bench(tmp_path, connector=Public("public", verdict="hide"))
    reply = await bench.ask(comment("spam"))

    assert (["c1"], True) == (bench.connector.hidden, reply.details["hidden"])


async def test_moderation_may_take_its_time(tmp_path: Path) -> None:
    connector = Public("public")

    async def slow(event: Any) -> str:
        return "ignore"

    connector.moderate = slow  # type: ignore[assignment]
    assert () == (await Bench(tmp_path, connector=connector).ask(comment(QUESTION))).messages


async def test_a_verdict_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'maybe'"):
        await Bench(tmp_path, connector=Public("public", verdict="maybe")).ask(comment(QUESTION))


@pytest.mark.parametrize("text", ["/reset", "/human", "/stop"])
async def test_a_comment_is_never_a_command(tmp_path: Path, text: str) -> None:
    bench = Bench(tmp_path, connector=Public("public"))
    await bench.ask(comment(QUESTION))
    await bench.ask(comment(text, id="c2"))

    assert QUESTION == (await bench.remembered(POST))[0]
    assert 0 == bench.count("assistant_human_requests", connector="memory")


async def test_a_private_answer_tells_first_that_a_machine_writes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, connector=Public("public", "private", disclosure="A bot."))
    texts = [told(await bench.ask(comment(QUESTION, id=id))) for id in ("c1", "c1", "c2")]

    first = [(ALONE, f"A bot.\n\n{SOURCED}"), (POST, SENT)]
    assert [first, first, [(ALONE, SOURCED), (POST, SENT)]] == texts


async def test_nothing_that_was_sent_shows_that_a_comment_is_being_answered(tmp_path: Path) -> None:
    bench = Bench(tmp_path, connector=Public("public"))
    await bench.ask(comment(QUESTION))

    assert [] == bench.connector.platform.calls
    assert 0 == bench.connector.platform.typings(POST)


async def test_where_comments_are_nothing_special_they_are_messages(tmp_path: Path) -> None:
    assert (POST, "c1") == (
        (sent := await Bench(tmp_path, connector=Plain()).say(comment(QUESTION))).address,
        sent.reply_to,
    )
