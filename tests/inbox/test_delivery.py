"""What is sent, and what becomes of a send that fails or of which nobody knows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from inbox_fakes import Bench, Counting, address, echo, eventually, message

from assistant.connector import Rate
from assistant.inbox import Reply, State, Turn
from assistant.testing.memory_connector import AskingMemoryConnector, MemoryConnector
from assistant.testing.platform import Failure
from assistant.types import Address, Outgoing, Receipt

LONG = "one two three four"


@pytest.fixture
def short(any_bench: Bench) -> Bench:
    """On a platform whose messages hold a word or two."""
    any_bench.connector = MemoryConnector(secret="s", text_limit=6)
    return any_bench


async def test_a_long_answer_is_several_parts_with_a_key_and_a_receipt_each(short: Bench) -> None:
    inbox = await short.open()
    await inbox.accept([message("1", LONG)])
    await short.until("1", "answered")

    parts = (await short.shown("1")).parts
    assert (LONG, ["one ", "two ", "three ", "four"]) == ("".join(short.texts()), [part.text for part in parts])
    assert [f"memory:bot:1:{n}" for n in range(4)] == [part.key for part in parts]
    sent = [(each.id,) for each in short.connector.platform.messages(address())]
    assert [(ids, "sent", 1, False) for ids in sent] == [(p.ids, p.state, p.attempts, p.resent) for p in parts]


async def test_a_part_that_fails_for_the_moment_is_sent_again_and_the_others_are_not(short: Bench) -> None:
    asked = Counting()
    short.connector.platform.fail("server_error", times=2)
    inbox = await short.open(asked)
    await inbox.accept([message("1", LONG), message("2", "next")])
    await short.until("2", "answered")

    assert ["one ", "two ", "three ", "four", "next"] == short.texts()
    assert [3, 1, 1, 1] == [part.attempts for part in (await short.shown("1")).parts]
    assert {"7": [LONG, "next"]} == asked.asked


async def test_a_chat_that_is_too_fast_waits_as_long_as_it_is_told_and_others_do_not(bench: Bench) -> None:
    loop = asyncio.get_running_loop()
    inbox = await bench.open()
    bench.connector.platform.fail("rate_limit", retry_after=3)
    await inbox.accept([message("1", "held")])
    await bench.until_calls(1)
    held = loop.time()
    await inbox.accept([message("2", "behind it"), message("3", chat="8")])
    await bench.until("3", "answered")
    assert [] == bench.texts()
    await bench.until("2", "answered")

    assert ["held", "behind it"] == bench.texts()
    assert loop.time() - held >= 2.9
    assert 4 == len(bench.connector.platform.calls)


async def test_who_blocked_the_bot_is_a_dead_letter_at_once(bench: Bench) -> None:
    bench.connector.platform.fail("blocked")
    inbox = await bench.open()
    await inbox.accept([message("1"), message("2", "unblocked")])
    await bench.until("2", "answered")

    dead = await bench.shown("1")
    assert ("dead", "failed", 1) == (dead.entry.state, dead.parts[0].state, len(bench.texts()))
    assert "blocked" in (dead.entry.error or "")


@pytest.mark.parametrize("failure", ["cut", "lost"])
async def test_a_send_of_unknown_outcome_is_repeated_and_marked(bench: Bench, failure: str) -> None:
    bench.connector.platform.fail(failure)  # type: ignore[arg-type]
    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "answered")

    assert ["hello"] * (2 if failure == "cut" else 1) == bench.texts()
    part = (await bench.shown("1")).parts[0]
    assert (True, 2, "sent") == (part.resent, part.attempts, part.state)
    assert 1 == bench.metric("unknown_sends_total", connector="memory", what="resent")


async def test_a_send_of_unknown_outcome_can_wait_for_a_person(any_bench: Bench) -> None:
    asked = Counting()
    any_bench.connector.platform.fail("cut")
    inbox = await any_bench.open(asked, unknown_sends="park")
    await inbox.accept([message("1"), message("2", "next")])
    await any_bench.until("2", "answered")

    assert ("parked", "unknown") == ((await any_bench.entry("1")).state, (await any_bench.shown("1")).parts[0].state)
    assert ["hello", "next"] == any_bench.texts()
    assert ["memory:bot:1"] == [entry.id for entry in await inbox.desk.alist(state="parked")]
    assert [] == await inbox.desk.alist(state="dead")

    await inbox.desk.aretry("memory:bot:1")
    await any_bench.until("1", "answered")
    assert (["hello", "next", "hello"], ["hello", "next"]) == (any_bench.texts(), asked.asked["7"])
    part = (await any_bench.shown("1")).parts[0]
    assert (True, 2) == (part.resent, part.attempts)
    assert 1 == any_bench.metric("unknown_sends_total", connector="memory", what="resent")


@pytest.mark.parametrize(("failure", "what"), [("cut", "found"), ("lost", "missing")])
async def test_a_platform_that_can_tell_is_asked(bench: Bench, failure: str, what: str) -> None:
    bench.connector = AskingMemoryConnector(secret="s")
    bench.connector.platform.fail(failure)  # type: ignore[arg-type]
    inbox = await bench.open(unknown_sends="park")
    await inbox.accept([message("1")])
    await bench.until("1", "answered")

    assert ["hello"] == bench.texts()
    assert 1 == bench.metric("unknown_sends_total", connector="memory", what=what)


async def test_a_platform_that_drops_repeats_is_sent_it_again(bench: Bench) -> None:
    bench.connector = MemoryConnector(secret="s", repeats="dropped")
    bench.connector.platform.fail("cut")
    inbox = await bench.open(unknown_sends="park")
    await inbox.accept([message("1")])
    await bench.until("1", "answered")

    assert (["hello"], False) == (bench.texts(), (await bench.shown("1")).parts[0].resent)


async def test_a_connector_may_have_a_policy_of_its_own(bench: Bench) -> None:
    class Careful(MemoryConnector):
        unknown_sends = "park"

    bench.connector = Careful(secret="s")
    bench.connector.platform.fail("cut")
    inbox = await bench.open(unknown_sends="resend")
    await inbox.accept([message("1")])

    await bench.until("1", "parked")


async def test_unknown_sends_end_after_the_attempts(bench: Bench) -> None:
    bench.connector.platform.fail("lost", times=9)
    inbox = await bench.open(attempts=2)
    await inbox.accept([message("1")])
    await bench.until("1", "dead")

    assert 2 == len(bench.connector.platform.calls)


async def test_what_may_have_doubled_is_marked_also_where_it_ends_as_a_dead_letter(bench: Bench) -> None:
    bench.connector.platform.fail("cut", times=9)
    inbox = await bench.open(attempts=2)
    await inbox.accept([message("1")])
    await bench.until("1", "dead")

    assert (["hello"] * 2, True) == (bench.texts(), (await bench.shown("1")).parts[0].resent)


async def test_a_person_who_sends_a_parked_message_again_may_park_it_again(bench: Bench) -> None:
    bench.connector.platform.fail("cut", times=2)
    inbox = await bench.open(unknown_sends="park")
    await inbox.accept([message("1")])
    for attempts in (1, 2):
        await bench.until("1", "parked")
        await eventually(lambda: bench.metric("unknown_sends_total", connector="memory", what="parked") >= 1)
        assert attempts == len(bench.texts())
        await inbox.desk.aretry("memory:bot:1")
        await eventually(lambda seen=attempts: len(bench.texts()) > seen)
    await bench.until("1", "answered")

    assert (["hello"] * 3, True) == (bench.texts(), (await bench.shown("1")).parts[0].resent)


async def test_a_bug_of_a_connector_before_it_sends_is_a_dead_letter_that_can_be_retried(bench: Bench) -> None:
    class Forgetful(MemoryConnector):
        bug = True

        def is_group(self, address: Address) -> bool:
            if self.bug:
                raise KeyError("a bug")
            return False

    connector = bench.connector = Forgetful(secret="s", text_limit=6, rates=[Rate(20, 60, "group")])
    inbox = await bench.open()
    await inbox.accept([message("1", LONG), message("2", "next")])
    await bench.until("2", "dead")
    assert 2 == bench.metric("turns_total", connector="memory", state="dead")
    connector.bug = False
    await inbox.desk.aretry("memory:bot:1")
    await bench.until("1", "answered")

    assert LONG == "".join(bench.texts())


async def test_a_connector_that_breaks_may_have_sent(bench: Bench) -> None:
    class Broken(MemoryConnector):
        async def send(self, outgoing: Outgoing) -> Receipt:
            await super().send(outgoing)
            raise KeyError("a bug")

    bench.connector = Broken(secret="s")
    inbox = await bench.open(unknown_sends="park")
    await inbox.accept([message("1")])

    assert "KeyError while it was sent" == (await bench.until("1", "parked")).error


async def test_a_dead_letter_goes_on_at_the_part_that_is_missing(short: Bench) -> None:
    asked = Counting()
    inbox = await short.open(asked)
    short.connector.platform.fail("server_error")
    short.connector.platform.fail("blocked")  # the first part's second attempt
    await inbox.accept([message("1", LONG)])
    await short.until("1", "dead")
    assert [] == short.texts()

    short.connector.platform.fail("server_error", times=0)
    assert "memory:bot:1" == await inbox.desk.aretry("memory:bot:1")
    await short.until("1", "answered")
    assert (LONG, [LONG]) == ("".join(short.texts()), asked.asked["7"])


async def test_a_dead_answer_is_asked_for_again_as_often_as_at_first(bench: Bench) -> None:
    fails = 3

    async def respond(turn: Turn) -> Reply:
        nonlocal fails
        fails -= 1
        if fails >= 0:
            raise ZeroDivisionError
        return await echo(turn)

    inbox = await bench.open(respond, attempts=2)
    await inbox.accept([message("1")])
    await bench.until("1", "dead")
    await inbox.desk.aretry("memory:bot:1")
    await bench.until("1", "answered")

    assert ["hello"] == bench.texts()


async def test_an_answer_of_several_messages_is_sent_in_their_order(bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        return Reply(tuple(Outgoing(turn.address, word) for word in turn.text.split()))

    inbox = await bench.open(respond)
    await inbox.accept([message("1", LONG)])
    await bench.until("1", "answered")

    assert (LONG.split(), _keys(4)) == (bench.texts(), [call.key for call in bench.connector.platform.calls])


def _keys(count: int) -> Sequence[str]:
    return [f"memory:bot:1:{n}" for n in range(count)]


@pytest.mark.parametrize(("failure", "policy", "state"), [("cut", "park", "parked"), ("blocked", "resend", "dead")])
async def test_a_process_that_dies_before_the_end_of_a_turn_is_recorded_does_not_stand_for_a_person_who_asks_for_more(
    bench: Bench, tmp_path: Path, failure: Failure, policy: str, state: State
) -> None:
    bench.connector.platform.fail(failure)
    inbox = await bench.open(unknown_sends=policy)
    await inbox.accept([message("1")])
    await bench.until("1", state)
    await inbox.aclose()
    calls = len(bench.connector.platform.calls)
    with sqlite3.connect(tmp_path / "state-inbox.db") as database:
        database.execute("DELETE FROM workflow_output")
        database.execute("UPDATE workflow_status SET status = 'ENQUEUED', owner_xid = NULL, completed_at = NULL")
    database.close()

    await bench.open(unknown_sends=policy)
    await bench.until("1", state)
    assert calls == len(bench.connector.platform.calls)
    await bench.inbox.desk.aretry("memory:bot:1")
    await bench.until("1", "answered")
    assert calls + 1 == len(bench.connector.platform.calls)
