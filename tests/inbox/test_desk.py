"""What the operator sees and does, beside a running inbox and without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from inbox_fakes import Bench, echo, message
from sqlalchemy import create_engine, insert

from assistant.errors import TransientError
from assistant.inbox import Desk, Reply, Turn, UnknownTurn
from assistant.inbox.tables import Row, Tables


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    """Another process's: it knows nothing but the URL."""
    desk = Desk(sqlite_url)
    yield desk
    desk.close()


def test_an_inbox_that_does_not_exist_is_empty_and_stays_so(tmp_path: Path) -> None:
    desk = Desk(f"sqlite:///{tmp_path / 'none' / 'state.db'}")

    assert ([], {0}) == (desk.list(), set(desk.counts().values()))
    with pytest.raises(UnknownTurn, match="no turn 'memory:bot:1'"):
        desk.show("memory:bot:1")
    assert [] == list(tmp_path.iterdir())


def test_a_database_that_nobody_answers_at_is_told_as_such() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(TransientError, match="check state"):
        Desk("postgresql://u:secret@127.0.0.1:9/x").list()


def test_a_password_is_in_no_error() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(TransientError) as failed:
        Desk("postgresql://u:secret@127.0.0.1:9/x").list()

    assert "secret" not in str(failed.value)


async def test_a_line_has_what_the_command_line_shows(bench: Bench, desk: Desk) -> None:
    await (await bench.open()).accept([message("1", "How are you?")])
    await bench.until("1", "answered")
    (line,) = [entry.to_dict() for entry in await desk.alist()]

    received = datetime.fromisoformat(line.pop("received_at"))
    assert received.tzinfo is not None
    assert abs((datetime.now(UTC) - received).total_seconds()) < 60
    assert line == {
        "id": "memory:bot:1",
        "connector": "memory",
        "conversation": "memory:bot:7",
        "text": "How are you?",
        "state": "answered",
        "attempts": 2,
        "error": None,
    }


async def test_what_is_shown_is_json_from_the_message_to_the_receipt(bench: Bench, desk: Desk) -> None:
    await (await bench.open()).accept([message("1")])
    await bench.until("1", "answered")
    shown = json.loads(json.dumps((await desk.ashow("memory:bot:1")).to_dict()))

    assert ["received", "answer"] == [moment["what"] for moment in shown["timeline"]]
    assert ("hello", "sent", ["m1"]) == (
        shown["messages"][0]["text"],
        shown["parts"][0]["state"],
        shown["parts"][0]["ids"],
    )


async def test_states_are_told_apart_and_counted(bench: Bench, desk: Desk) -> None:
    until = asyncio.Event()

    async def respond(turn: Turn) -> Reply:
        if turn.text == "wait":
            await until.wait()
        if turn.text == "die":
            raise ZeroDivisionError
        return await echo(turn)

    inbox = await bench.open(respond, attempts=1)
    await inbox.accept([message("1"), message("2", "wait"), message("3"), message("4", "die", chat="8")])
    await bench.until("4", "dead")
    await bench.until("2", "running")

    assert {"queued": 1, "running": 1, "answered": 1, "parked": 0, "dead": 1} == dict(await desk.acounts())
    states = {entry.id[-1]: entry.state for entry in await desk.alist()}
    assert {"1": "answered", "2": "running", "3": "queued", "4": "dead"} == states
    assert ["memory:bot:3"] == [entry.id for entry in await desk.alist(state="queued")]
    until.set()
    await bench.until("3", "answered")


async def test_a_dropped_turn_is_never_answered_and_not_shown(bench: Bench, desk: Desk) -> None:
    until = asyncio.Event()

    async def respond(turn: Turn) -> Reply:
        await until.wait()
        return await echo(turn)

    inbox = await bench.open(respond)
    await inbox.accept([message("1"), message("2", "unwanted"), message("3", "wanted")])
    await bench.until("1", "running")
    await desk.adrop("memory:bot:2")
    with pytest.raises(UnknownTurn, match="'memory:bot:1' is running"):
        await desk.adrop("memory:bot:1")
    until.set()
    await bench.until("3", "answered")
    await inbox.accept([message("2", "unwanted")])
    await inbox.accept([message("4", "last")])
    await bench.until("4", "answered")

    assert ["hello", "wanted", "last"] == bench.texts()
    with pytest.raises(UnknownTurn, match="no turn 'memory:bot:2'"):
        await desk.ashow("memory:bot:2")


async def test_what_is_answered_can_neither_be_retried_nor_dropped(bench: Bench, desk: Desk) -> None:
    await (await bench.open()).accept([message("1")])
    await bench.until("1", "answered")
    for action in (desk.aretry, desk.adrop):
        with pytest.raises(UnknownTurn, match="'memory:bot:1' is answered"):
            await action("memory:bot:1")


async def test_a_turn_that_was_given_up_after_too_many_processes_died_can_be_retried(bench: Bench, desk: Desk) -> None:
    """DBOS takes such a turn out of its queue."""
    bench.connector.platform.fail("blocked")
    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "dead")
    engine = inbox._side
    assert engine is not None

    def give_up() -> None:
        gave_up = {"status": "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "queue_name": None, "recovery_attempts": 102}
        with engine.begin() as connection:
            connection.execute(Tables(None).turns.update().values(**gave_up))

    await asyncio.to_thread(give_up)
    await desk.aretry("memory:bot:1")
    await bench.until("1", "answered")


async def test_what_somebody_else_retried_meanwhile_is_not_sent_again(bench: Bench, desk: Desk) -> None:
    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "answered")
    engine = inbox._side
    assert engine is not None

    def rewind() -> bool:
        with engine.begin() as connection:
            return Tables(None).rewind(connection, "memory:bot:1", step=2, now=0)

    assert not await asyncio.to_thread(rewind)
    assert ("answered", 1) == ((await desk.ashow("memory:bot:1")).entry.state, len(bench.texts()))


async def test_a_retried_turn_keeps_its_place_in_the_conversation(any_bench: Bench) -> None:
    fails = True

    async def respond(turn: Turn) -> Reply:
        if fails:
            raise ZeroDivisionError
        return await echo(turn)

    inbox = await any_bench.open(respond, attempts=1)
    await inbox.accept([message("1", "first")])
    await any_bench.until("1", "dead")
    fails = False
    await inbox.desk.aretry("memory:bot:1")
    await inbox.accept([message("2", "second")])
    await any_bench.until("2", "answered")

    assert ["first", "second"] == any_bench.texts()


async def test_a_turn_can_be_retried_while_nothing_runs(bench: Bench, desk: Desk) -> None:
    bench.connector.platform.fail("blocked")
    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "dead")
    await inbox.aclose()
    await desk.aretry("memory:bot:1")
    await bench.open()
    await bench.until("1", "answered")

    assert ["hello"] == bench.texts()


def test_a_line_among_very_many_is_found_by_an_index(sqlite_url: str, desk: Desk, tmp_path: Path) -> None:
    engine, tables = create_engine(f"sqlite:///{tmp_path / 'state-inbox.db'}"), Tables(None)
    record = {"message": {"id": "1", "address": {"connector": "memory"}, "text": "x"}}
    with engine.begin() as connection:
        for at in range(0, 20_000, 1000):
            tables.enqueue(connection, [Row(f"t{n}", "lane", record) for n in range(at, at + 1000)])
        connection.execute(tables.turns.update().values(status="SUCCESS", completed_at=1))
        done = [{"workflow_uuid": f"t{n}", "output": "{}", "retention_timestamp": 0} for n in range(20_000)]
        connection.execute(insert(tables.outcomes), done)
    engine.dispose()

    assert (100, [], 20_000) == (len(desk.list()), desk.list(state="dead"), desk.counts()["answered"])
