"""What DBOS does with SQLite by default and the inbox does not: each test fails with a stock engine."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock
from inbox_fakes import Bench, message
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from assistant.errors import ConfigurationError
from assistant.inbox import sqlite
from assistant.inbox.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.of(f"sqlite:///{tmp_path / 'state.db'}")


def ask(engine: Engine, *questions: str) -> list[object]:
    with engine.connect() as connection:
        return [connection.scalar(text(question)) for question in questions]


@pytest.mark.parametrize("now", ["unixepoch('subsec') * 1000", "strftime('%s', 'now') * 1000"])
def test_times_are_milliseconds_that_grow_with_each_row(place: Place, now: str) -> None:
    engine = place.working(1)
    times = [int(time) for time in ask(engine, *[f"SELECT CAST({now} AS BIGINT)"] * 50)]  # type: ignore[call-overload]
    engine.dispose()

    assert sorted(set(times)) == times
    assert abs(times[0] - time.time() * 1000) < 60_000


def test_readers_and_a_writer_do_not_block_each_other_and_an_acknowledgement_is_on_disk(place: Place) -> None:
    working, acknowledging = place.working(1), place.acknowledging()
    full, normal = 2, 1

    assert ["wal", normal] == ask(working, "PRAGMA journal_mode", "PRAGMA synchronous")
    assert ["wal", full] == ask(acknowledging, "PRAGMA journal_mode", "PRAGMA synchronous")
    working.dispose()
    acknowledging.dispose()


def test_an_acknowledgement_goes_ahead_of_all_that_wait(place: Place) -> None:
    gate, order = sqlite.Gate(), []
    assert gate.enter(urgent=False, seconds=1)

    def go(name: str, urgent: bool) -> None:
        assert gate.enter(urgent=urgent, seconds=30)
        order.append(name)
        gate.leave()

    threads = [threading.Thread(target=go, args=("work", False)) for _ in range(5)]
    threads.append(threading.Thread(target=go, args=("acknowledge", True)))
    for thread in threads:
        thread.start()
    while gate._urgent == 0:
        time.sleep(0.001)
    gate.leave()
    for thread in threads:
        thread.join()

    assert ["acknowledge", *["work"] * 5] == order


def test_who_does_not_get_its_turn_in_time_is_told_and_holds_up_nobody(place: Place) -> None:
    working, acknowledging = place.working(1), place.acknowledging()
    with working.connect(), pytest.raises(OperationalError, match="locked"):
        acknowledging.connect()

    assert [1, 1] == ask(acknowledging, "SELECT 1") + ask(working, "SELECT 1")
    working.dispose()
    acknowledging.dispose()


def test_a_file_that_another_has_is_refused_with_its_name_and_the_remedy(tmp_path: Path) -> None:
    with (
        FileLock(tmp_path / "x-inbox.db.lock"),
        pytest.raises(ConfigurationError, match=r"x-inbox\.db.*in use.*postgresql://"),
    ):
        sqlite.own(tmp_path / "x-inbox.db")


async def test_the_version_of_what_waits_does_not_depend_on_the_source(bench: Bench) -> None:
    from dbos import DBOS

    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "answered")

    (row,) = await DBOS.list_workflows_async(name="turn")
    assert ("inbox-1", "local") == (row.app_version, row.executor_id)


def test_the_inbox_has_a_file_of_its_own_beside_the_conversations(tmp_path: Path) -> None:
    assert tmp_path / "state-inbox.db" == Place.of(f"sqlite:///{tmp_path / 'state.db'}").file


def test_a_url_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"write sqlite:///… or postgresql://…"):
        Place.of("nonsense")
