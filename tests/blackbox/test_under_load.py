"""The real server under load, over HTTP: conversations in order, each message answered once, whatever kills the process."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from blackbox_load import bench


async def test_many_conversations_at_once_are_answered_in_order_and_each_message_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        await world.converse(100, 8)
        tally = await world.settle()
        assert [] == await world.turns("dead")
    assert (800, (0, 0, 0)) == (tally.acknowledged, tally.counts)
    assert len(world.model.asked) == 800


async def test_what_was_acknowledged_is_answered_also_by_a_server_that_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)
    async with bench(tmp_path) as world:
        world.platform.latency = 0.01
        load = asyncio.create_task(world.converse(50, 12, gap=0.3))
        await world.kill_while(load, 6, every=lambda: chance.uniform(0.2, 1.5))
        tally = await world.settle()
        marked = [await world.resent(text) for text in set(tally.doubled)]
    assert (600, 0, 0) == (tally.acknowledged, len(tally.lost), len(tally.out_of_order))
    assert all(marked)


async def test_with_park_nothing_is_doubled_and_what_may_be_missing_waits_for_a_person(tmp_path: Path) -> None:
    chance = random.Random(8)
    async with bench(tmp_path, policy="park") as world:
        world.platform.latency = 0.01
        load = asyncio.create_task(world.converse(40, 8, gap=0.3))
        await world.kill_while(load, 3, every=lambda: chance.uniform(0.5, 1.5))
        await world.idle()
        parked = {turn["text"] for turn in await world.turns("parked")}
        tally = world.platform.tally()
    assert (320, 0, 0) == (tally.acknowledged, len(tally.doubled), len(tally.out_of_order))
    assert set(tally.lost) <= parked


async def test_a_server_that_is_asked_to_stop_ends_in_peace_and_the_next_one_goes_on(tmp_path: Path) -> None:
    codes = []
    async with bench(tmp_path, longest=0.3) as world:
        load = asyncio.create_task(world.converse(40, 6, gap=0.3))
        for _ in range(2):
            await asyncio.sleep(0.7)
            codes.append(await world.server.stop())
            world.server.start()
            await world.server.ready()
        await load
        tally = await world.settle()
    assert ([0, 0], 240, (0, 0, 0)) == (codes, tally.acknowledged, tally.counts)


@pytest.mark.parametrize("restart", [False, True])
async def test_the_same_message_three_times_is_answered_once(tmp_path: Path, restart: bool) -> None:
    async with bench(tmp_path) as world:
        platform, url = world.platform, world.server.url
        messages = [platform.written(f"c{number}", f"c{number} again") for number in range(20)]
        await asyncio.gather(*(platform.deliver(message) for message in messages for _ in range(3)))
        await platform.settled()
        if restart:
            await world.server.restart()
        statuses = await asyncio.gather(*(platform.post(message, url) for message in messages))
        tally = await world.settle()
    assert ({200}, 20, (0, 0, 0), 20) == (set(statuses), tally.acknowledged, tally.counts, len(world.model.asked))
