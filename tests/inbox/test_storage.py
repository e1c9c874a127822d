"""A database that is locked, full or away: what cannot be recorded is not acknowledged, and what was is not lost."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import pytest
from inbox_fakes import Bench, eventually, message
from sqlalchemy import create_engine, make_url, text

from assistant.errors import TransientError
from assistant.inbox import Inbox, Reply, Turn
from assistant.inbox.liveness import Liveness, _key
from assistant.inbox.place import Place
from assistant.inbox.upkeep import Upkeep
from assistant.types import Outgoing


async def test_while_the_file_is_locked_nothing_is_acknowledged_and_nothing_hangs(bench: Bench, tmp_path: Path) -> None:
    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "answered")

    def lock() -> sqlite3.Connection:
        held = sqlite3.connect(tmp_path / "state-inbox.db", check_same_thread=False, isolation_level=None)
        held.execute("BEGIN EXCLUSIVE")
        return held

    held = await asyncio.to_thread(lock)
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(inbox.accept([message(f"{n}")]) for n in (2, 3)), return_exceptions=True)
    assert [TransientError, TransientError] == [type(answer) for answer in answers]
    await asyncio.to_thread(held.close)
    await inbox.accept([message("2")])
    await bench.until("2", "answered")
    assert 1 == [call.key for call in bench.connector.platform.calls].count("memory:bot:2:0")


async def test_what_waits_behind_a_message_that_is_not_recorded_does_not_overtake_it(
    bench: Bench, tmp_path: Path
) -> None:
    inbox = await bench.open()
    held = await asyncio.to_thread(
        sqlite3.connect, tmp_path / "state-inbox.db", check_same_thread=False, isolation_level=None
    )
    await asyncio.to_thread(held.execute, "BEGIN EXCLUSIVE")
    begun = asyncio.create_task(inbox.accept([message("0", chat="8")]))
    await asyncio.sleep(0.2)
    given_up, behind = (asyncio.create_task(inbox.accept([message(id)])) for id in ("1", "2"))
    await asyncio.sleep(0.2)
    given_up.cancel()  # as where the platform gave up
    await asyncio.sleep(0)
    await asyncio.to_thread(held.close)
    await begun
    with pytest.raises(TransientError, match="before this one"):
        await behind
    await inbox.accept([message("1", "first")])
    await inbox.accept([message("2", "second")])
    await bench.until("2", "answered")

    assert ["first", "second"] == bench.texts()


async def test_a_new_message_is_not_before_one_that_waits_where_the_clock_was_set_back(bench: Bench) -> None:
    async def never(turn: Turn) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    inbox = await bench.open(never, grace_seconds=0)
    await inbox.accept([message("1", "first")])
    engine = inbox._side
    assert engine is not None

    def later() -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE workflow_status SET created_at = created_at + 3600000"))

    await asyncio.to_thread(later)
    await inbox.aclose()
    inbox = await bench.open(never, grace_seconds=0)
    await inbox.accept([message("2", "second")])

    assert ["memory:bot:2", "memory:bot:1"] == [entry.id for entry in await inbox.desk.alist()]


async def test_a_turn_is_not_to_blame_for_what_a_living_process_hands_back(bench: Bench) -> None:
    async def never(turn: Turn) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    inbox = await bench.open(never, grace_seconds=0)
    await inbox.accept([message("1")])
    await bench.until("1", "running")
    await inbox.aclose()
    engine = create_engine(f"sqlite:///{inbox._place.file}")
    with engine.connect() as connection:
        assert 0 == connection.scalar(text("SELECT recovery_attempts FROM workflow_status"))
    engine.dispose()


async def test_a_process_holds_its_lock_before_it_takes_up_a_turn(postgres_url: str) -> None:
    place = Place.of(postgres_url)
    watched, other = place.watching(), place.looking()
    watch = Liveness(place, watched, executor="x", stop=lambda _: None)
    await asyncio.to_thread(watch.start)

    def free() -> object:
        with other.connect() as connection:
            return connection.scalar(text("SELECT pg_try_advisory_lock(:first, :second)"), _key("x"))

    assert not await asyncio.to_thread(free)
    for close in (watch.close, watched.dispose, other.dispose):
        await asyncio.to_thread(close)


async def test_an_inbox_that_was_closed_can_be_opened_again(bench: Bench) -> None:
    inbox = await bench.open()
    await inbox.aclose()
    await inbox.start()
    await inbox.accept([message("1")])

    await bench.until("1", "answered")


async def test_a_message_that_is_being_recorded_while_the_inbox_closes_is_refused_at_once(
    bench: Bench, tmp_path: Path
) -> None:
    inbox = await bench.open(grace_seconds=0)
    held = await asyncio.to_thread(
        sqlite3.connect, tmp_path / "state-inbox.db", check_same_thread=False, isolation_level=None
    )
    await asyncio.to_thread(held.execute, "BEGIN EXCLUSIVE")
    begun = asyncio.create_task(inbox.accept([message("1")]))
    await asyncio.sleep(0.2)
    closing = asyncio.create_task(inbox.aclose())
    with pytest.raises(TransientError, match="is closing"):
        await begun
    await asyncio.to_thread(held.close)
    await closing


async def test_on_a_full_disk_nothing_is_acknowledged_and_all_that_was_is_answered(
    bench: Bench, small_disk: Path
) -> None:
    bench.url = f"sqlite:///{small_disk / 'state.db'}"
    inbox = await bench.open()
    filler = small_disk / "filler"

    def fill() -> None:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    accepted, refused = [], 0
    for n in range(60):
        if n == 20:
            await asyncio.to_thread(fill)
        try:
            await inbox.accept([message(f"{n}", "x" * 2000, chat=f"{n % 5}")])
            accepted.append(n)
        except TransientError:
            refused += 1
    assert refused
    await asyncio.to_thread(filler.unlink)
    for n in accepted:
        await bench.until(f"{n}", "answered")

    assert len(accepted) == len({call.key for call in bench.connector.platform.calls})


async def test_an_execution_that_was_lost_begins_again(bench: Bench) -> None:
    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "answered")
    engine = inbox._side
    assert engine is not None

    def lose() -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE workflow_status SET status = 'PENDING', executor_id = 'local'"))
            connection.execute(text("DELETE FROM workflow_output"))

    await asyncio.to_thread(lose)
    await bench.until("1", "running")
    upkeep = _upkeep(inbox)
    for _ in range(2):  # it may only be late: what is claimed and begins twice answers twice
        await asyncio.to_thread(upkeep.look, set(), set())
    assert "running" == (await bench.shown("1")).entry.state

    await asyncio.to_thread(upkeep.look, set(), {"memory:bot:1"})
    await bench.until("1", "answered")
    part = (await bench.shown("1")).parts[0]
    assert (["hello", "hello"], True) == (bench.texts(), part.resent)


async def test_a_turn_that_is_given_away_while_it_runs_waits_for_its_first_execution_and_ends(bench: Bench) -> None:
    """As when other processes took this one for dead, and it was not."""
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def slowly(turn: Turn) -> Reply:
        asked.set()
        await go_on.wait()
        return Reply((Outgoing(turn.address, turn.text),))

    inbox = await bench.open(slowly)
    await inbox.accept([message("1")])
    await asked.wait()
    engine = inbox._side
    assert engine is not None

    def give_away() -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE workflow_status SET status = 'ENQUEUED', owner_xid = NULL"))

    await asyncio.to_thread(give_away)
    await bench.until("1", "running")
    go_on.set()
    await bench.until("1", "answered")
    await inbox.accept([message("2", "next")])
    await bench.until("2", "answered")
    assert ["hello", "next"] == bench.texts()


async def test_what_was_answered_long_ago_is_forgotten_and_what_is_dead_is_kept(bench: Bench) -> None:
    inbox = await bench.open()
    await inbox.accept([message("old"), message("new", chat="8")])
    await bench.until_sent(2)
    bench.connector.platform.fail("blocked")
    await inbox.accept([message("dead")])
    await bench.until("dead", "dead")
    engine = inbox._side
    assert engine is not None

    def age() -> None:
        aged = "UPDATE workflow_status SET completed_at = 1 WHERE workflow_uuid <> 'memory:bot:new'"
        with engine.begin() as connection:
            connection.execute(text(aged))

    await asyncio.to_thread(age)
    upkeep = _upkeep(inbox)

    assert [1, 0] == [await asyncio.to_thread(upkeep.prune) for _ in range(2)]
    assert {"memory:bot:dead", "memory:bot:new"} == {entry.id for entry in await inbox.desk.alist()}


def _upkeep(inbox: Inbox) -> Upkeep:
    engine = inbox._side
    assert engine is not None
    return Upkeep(
        inbox._place,
        engine,
        executor="local",
        running=inbox._running,
        meters=inbox._meters,
        retention_days=30,
        counts=lambda _: {},
        ledgers=inbox._ledgers,
    )


async def test_the_gauges_tell_how_much_waits_and_how_long(bench: Bench) -> None:
    bench.connector.platform.fail("server_error", times=50)
    inbox = await bench.open()
    await inbox.accept([message("1"), message("2")])
    await bench.until("1", "running")

    await eventually(lambda: bench.metric("depth", state="queued") == 1 and bench.metric("oldest_seconds") > 0)
    assert 2 == bench.metric("accepted_total", connector="memory")
    bench.connector.platform.heal()
    await bench.until("2", "answered")


async def test_postgresql_may_go_away_for_a_while(bench: Bench, postgres_url: str) -> None:
    """It refuses connections and ends those there are, as a server that is restarted does."""
    bench.url = postgres_url
    inbox = await bench.open()
    database = str(make_url(postgres_url).database)
    admin = create_engine(make_url(postgres_url).set(database="postgres"), isolation_level="AUTOCOMMIT")

    def allow(yes: bool) -> None:
        with admin.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {database} ALLOW_CONNECTIONS {yes}"))
            if not yes:
                end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
                connection.execute(text(end), {"name": database})

    accepted = []
    refused = 0
    for n in range(40):
        if n == 15:
            await asyncio.to_thread(allow, False)
            away = time.monotonic()
        try:
            async with asyncio.timeout(60):
                await inbox.accept([message(f"{n}", f"{n:02}", chat=f"{n % 4}")])
            accepted.append(n)
        except TransientError:
            refused += 1
        if n > 15 and time.monotonic() > away + 4:
            break
    assert refused
    await asyncio.to_thread(allow, True)
    for n in accepted:
        await bench.until(f"{n}", "answered")

    for chat in range(4):
        assert sorted(set(bench.texts(f"{chat}"))) == list(dict.fromkeys(bench.texts(f"{chat}")))
    await inbox.accept([message("last")])
    await bench.until("last", "answered")
    admin.dispose()


async def test_a_database_that_is_away_at_the_start_is_told(bench: Bench) -> None:
    pytest.importorskip("psycopg")
    bench.url = "postgresql://u:secret@127.0.0.1:9/x"
    with pytest.raises(TransientError, match="does not answer"):
        await bench.open()
