"""The four surfaces of Meta at once, over HTTP: whatever goes wrong, each message is answered once and in order."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

from blackbox_meta import SECRETS, meta_bench

PEOPLE = int(os.environ.get("META_PEOPLE", "20"))
"""On each surface; 200 for the figures that are published."""


async def test_people_on_four_surfaces_are_answered_once_and_in_order_though_everything_goes_wrong(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)
    async with meta_bench(tmp_path, people=PEOPLE) as world:
        world.graph.webhooks.batch, world.graph.webhooks.duplicates = 10, 0.3
        world.graph.latency = 0.01
        load = asyncio.create_task(world.converse(3, gap=2.5))
        for _ in range(5):
            world.graph.faults.add("server_error", times=PEOPLE // 4)
            world.graph.faults.add("rate_limit", times=PEOPLE // 4, retry_after=1)
            world.graph.faults.add("cut", times=1)
            await world.kill(1, every=lambda: chance.uniform(0.3, 1.5))
        await load
        tally = await world.settle(within=60 + 4 * PEOPLE)
        parked, dead = {turn["text"] for turn in await world.turns("parked")}, await world.turns("dead")
        undisclosed = world.undisclosed()
        taken = sorted(world.graph.webhooks.taken)
    print(f"{tally.written} written, {tally.counts} lost, doubled, out of order, {len(parked)} parked; "
          f"webhooks {len(taken)} taken, median {1000 * taken[len(taken) // 2]:.0f} ms, "
          f"95% {1000 * taken[19 * len(taken) // 20]:.0f} ms, {world.graph.webhooks.statuses}")  # fmt: skip
    assert (PEOPLE * 12, 0, 0, []) == (tally.written, len(tally.doubled), len(tally.out_of_order), dead)
    lost = {text.removeprefix("re: ") for text in tally.lost}
    assert lost <= parked
    assert [] == [name for name in undisclosed if f"{name} m0" not in lost]  # it went with the first answer
    assert [] == [secret for secret in SECRETS if secret in world.server.log]
