"""Quick messages as one turn, `/stop`, and the end of a process."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest
from inbox_fakes import Bench, Counting, address, echo, eventually, message
from sqlalchemy import text

from assistant.errors import EngineUnavailable
from assistant.inbox import Inbox, Reply, Turn
from assistant.inbox.burst import Burst
from assistant.inbox.liveness import ask_to_stop
from assistant.inbox.place import Place
from assistant.inbox.tables import Tables
from assistant.testing.memory_connector import MemoryConnector
from assistant.types import Outgoing, Receipt


async def test_quick_messages_of_one_person_are_one_turn(any_bench: Bench) -> None:
    asked = Counting()
    inbox = await any_bench.open(asked, burst_seconds=0.4)
    for id, said in (("1", "Hello"), ("2", "I have"), ("3", "a question")):
        await inbox.accept([message(id, said)])
    await any_bench.until("1", "answered")

    assert ["Hello\nI have\na question"] == any_bench.texts()
    absorbed = await any_bench.shown("3")
    assert ("answered", "memory:bot:1") == (absorbed.entry.state, absorbed.answered_by)
    assert 3 == len((await any_bench.shown("1")).messages)
    assert 3 == any_bench.metric("turns_total", connector="memory", state="answered")

    await inbox.accept([message("2", "I have"), message("4", "later")])
    await any_bench.until("4", "answered")
    assert {"7": ["Hello\nI have\na question", "later"]} == asked.asked


async def test_another_person_and_another_kind_end_a_burst(bench: Bench) -> None:
    inbox = await bench.open(burst_seconds=0.4)
    for each in (
        message("1", "a"),
        message("2", "b", sender="bob"),
        message("3", "c", sender="bob"),
        message("4", "d", sender="bob", kind="button"),
    ):
        await inbox.accept([each])
    await bench.until("4", "answered")

    assert ["a", "b\nc", "d"] == bench.texts()


async def test_a_process_that_dies_in_a_burst_loses_nothing_and_answers_once(bench: Bench) -> None:
    inbox = await bench.open(burst_seconds=1, grace_seconds=0)
    await inbox.accept([message("1", "a")])
    await inbox.accept([message("2", "b")])
    await bench.until("1", "running")
    await inbox.aclose()
    await bench.open(burst_seconds=1)
    await bench.until("1", "answered")

    assert ["a\nb"] == bench.texts()


async def test_stop_cancels_the_answer_and_does_not_wait_for_it(bench: Bench) -> None:
    cancelled = asyncio.Event()

    async def respond(turn: Turn) -> Reply:
        if turn.kind == "command":
            stopped = await bench.inbox.stop_turn(turn.address)
            return await echo(Turn(turn.id, (message("x", f"stopped: {stopped}"),)))
        if turn.text == "long":
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
        return await echo(turn)

    inbox = await bench.open(respond)
    await inbox.accept([message("1", "long"), message("2", "next")])
    await bench.until("1", "running")
    await inbox.accept([message("3", "/stop", kind="command")])
    await bench.until("2", "answered")
    await bench.until("3", "answered")

    assert cancelled.is_set()
    assert {"stopped: True", "next"} == set(bench.texts())
    assert ("answered", ()) == ((await bench.entry("1")).state, (await bench.shown("1")).parts)
    assert not await inbox.stop_turn(address())


async def test_what_is_not_sent_yet_of_a_stopped_answer_is_not_sent_any_more(bench: Bench) -> None:
    second, until = asyncio.Event(), asyncio.Event()

    class Slow(MemoryConnector):
        async def send(self, outgoing: Outgoing) -> Receipt:
            if outgoing.text == "two ":
                second.set()
                await until.wait()
            return await super().send(outgoing)

    bench.connector = Slow(secret="s", text_limit=6)
    inbox = await bench.open()
    await inbox.accept([message("1", "one two three four"), message("2", "next")])
    await second.wait()
    assert await inbox.stop_turn(address())
    until.set()
    await bench.until("2", "answered")

    assert ["one ", "two ", "next"] == bench.texts()
    parts = (await bench.shown("1")).parts
    assert (["sent", "sent", "waiting", "waiting"], "answered") == (
        [part.state for part in parts],
        (await bench.entry("1")).state,
    )


async def test_a_burst_ends_also_where_the_clock_was_set_back(bench: Bench) -> None:
    inbox = await bench.open()
    assert inbox._side is not None
    async with asyncio.timeout(60):
        await Burst(inbox._place, inbox._side).wait({"received": time.time() + 3600, "burst": 0.1})


async def test_a_row_that_cannot_be_read_is_a_dead_letter_and_in_nobodys_way(bench: Bench) -> None:
    inbox = await bench.open(burst_seconds=0.5)
    await inbox.accept([message("1"), message("2", "unreadable"), message("3", "last")])
    engine = inbox._side
    assert engine is not None

    def spoil() -> None:
        with engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE workflow_input SET inputs = replace(inputs, '\"address\"', '\"where\"')"
                    " WHERE workflow_uuid = 'memory:bot:2'"
                )
            )

    await asyncio.to_thread(spoil)
    await bench.until("3", "answered")

    assert ["hello", "last"] == bench.texts()
    assert {"1": "answered", "2": "dead", "3": "answered"} == {
        entry.id[-1]: entry.state for entry in await inbox.desk.alist()
    }


async def test_a_database_that_fails_while_a_burst_is_gathered_delays_the_turn_and_does_not_end_it(
    bench: Bench,
) -> None:
    inbox = await bench.open(burst_seconds=1)
    await inbox.accept([message("1")])
    await bench.until("1", "running")
    engine = inbox._side
    assert engine is not None

    def rename(old: str, new: str) -> None:
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    await asyncio.to_thread(rename, "workflow_input", "gone")
    await eventually(lambda: "memory:bot:1" in inbox._running.lost)
    await asyncio.to_thread(rename, "gone", "workflow_input")
    await bench.until("1", "answered")

    assert ["hello"] == bench.texts()


async def test_another_process_can_stop_it_as_well(bench: Bench, postgres_url: str) -> None:
    async def respond(turn: Turn) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    bench.url = postgres_url
    inbox = await bench.open(respond)
    await inbox.accept([message("1")])
    await bench.until("1", "running")
    elsewhere = Place.of(postgres_url).looking()

    def ask(chat: str) -> bool:
        with elsewhere.begin() as connection:
            return ask_to_stop(connection, Tables("dbos"), str(address(chat)))

    assert [True, False] == [await asyncio.to_thread(ask, chat) for chat in ("7", "8")]
    await bench.until("1", "answered")
    await asyncio.to_thread(elsewhere.dispose)


async def test_an_answer_that_waits_for_its_model_can_be_stopped(bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        raise EngineUnavailable("starting")

    asked = Counting(respond)
    inbox = await bench.open(asked)
    await inbox.accept([message("1")])
    await eventually(lambda: bench.metric("retried_total", connector="memory", what="answer"))
    assert await inbox.stop_turn(address())
    await bench.until("1", "answered")

    assert (["hello"], []) == (asked.asked["7"], bench.texts())


async def test_what_runs_is_finished_before_the_inbox_is_closed(bench: Bench) -> None:
    begun, until = asyncio.Event(), asyncio.Event()

    async def respond(turn: Turn) -> Reply:
        begun.set()
        await until.wait()
        return await echo(turn)

    inbox = await bench.open(respond, grace_seconds=30)
    await inbox.accept([message("1", "runs"), message("2", "waits")])
    await begun.wait()
    closing = asyncio.create_task(inbox.aclose())
    await asyncio.sleep(0.3)
    assert not closing.done()
    until.set()
    await closing

    assert ["runs"] == bench.texts()
    await bench.open()
    await bench.until("2", "answered")
    assert ["runs", "waits"] == bench.texts()


async def test_what_does_not_finish_in_time_goes_on_after_the_restart(any_bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    inbox = await any_bench.open(respond, grace_seconds=0.1)
    await inbox.accept([message("1", "first"), message("2", "second")])
    await any_bench.until("1", "running")
    await inbox.aclose()
    assert {"queued"} == {entry.state for entry in await inbox.desk.alist()}
    await inbox.desk.aclose()
    await any_bench.open()
    await any_bench.until("2", "answered")

    assert ["first", "second"] == any_bench.texts()


async def test_a_turn_is_one_line_in_the_log_without_its_text(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    inbox = await bench.open()
    await inbox.accept([message("1", "a secret question")])
    await bench.until("1", "answered")

    (line,) = [record for record in caplog.records if getattr(record, "turn", None) == "memory:bot:1"]
    assert ("assistant.inbox", "INFO", "answered", 1) == (line.name, line.levelname, line.state, line.sent)  # type: ignore[attr-defined]
    assert "state='answered'" in line.getMessage()
    ours = [record.getMessage() for record in caplog.records if record.name != "sqlalchemy.engine.Engine"]
    assert [] == [text for text in ours if "secret question" in text]


async def test_the_log_has_the_text_where_the_settings_ask_for_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "assistant.inbox")
    inbox: Inbox = await bench.open(log_text=True)
    await inbox.accept([message("1", "a question")])
    await bench.until("1", "answered")

    assert ["a question"] == [record.text for record in caplog.records if hasattr(record, "turn")]  # type: ignore[attr-defined]
