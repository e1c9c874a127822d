"""The inbox's database: shared by two servers, away for a while, locked by somebody else."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

from blackbox_load import bench
from postgres_server import Postgres

AWAY = float(os.environ.get("DATABASE_AWAY_SECONDS", "5"))
"""How long the database is away; the figure in the notes is for 30."""


async def test_a_server_goes_on_with_the_work_of_another_that_was_killed(
    tmp_path: Path, own_postgres: Postgres
) -> None:
    async with bench(tmp_path, processes=2, state_url=own_postgres.database("two"), longest=0.3) as world:
        world.platform.latency = 0.02
        load = asyncio.create_task(world.converse(30, 8, gap=0.2))
        await asyncio.sleep(1.5)
        world.servers.pop(0).kill()
        world.platform.urls.pop(0)
        await load
        tally = await world.settle()
        marked = [await world.resent(text) for text in set(tally.doubled)]
    assert (240, 0, 0) == (tally.acknowledged, len(tally.lost), len(tally.out_of_order))
    assert all(marked)


async def test_while_the_database_is_away_nothing_is_acknowledged_and_after_it_nothing_is_lost(
    tmp_path: Path, own_postgres: Postgres
) -> None:
    async with bench(tmp_path, state_url=own_postgres.database("away"), longest=0.3) as world:
        load = asyncio.create_task(world.converse(30, 4, gap=1.0))
        await asyncio.sleep(1)
        await asyncio.to_thread(own_postgres.stop)
        try:
            await asyncio.sleep(AWAY)
            lone = world.platform.written("lone", "lone m0")
            status = await world.platform.post(lone, world.server.url)
        finally:
            await asyncio.to_thread(own_postgres.start)
        await world.platform.deliver(lone)
        await load
        tally = await world.settle()
    assert 503 == status
    assert (121, 0, 0) == (tally.acknowledged, len(tally.lost), len(tally.out_of_order))


async def test_a_message_that_cannot_be_recorded_is_not_acknowledged(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        await world.converse(1, 1)
        await world.settle()
        (file,) = (tmp_path / "server0" / "data").glob("*-inbox.db")
        lock = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        await asyncio.to_thread(lock.execute, "BEGIN EXCLUSIVE")
        message = world.platform.written("locked", "locked m0")
        status = await world.platform.post(message, world.server.url)
        lock.execute("ROLLBACK")
        lock.close()
        await world.platform.deliver(message)
        tally = await world.settle()
    assert (503, 2, (0, 0, 0)) == (status, tally.acknowledged, tally.counts)
