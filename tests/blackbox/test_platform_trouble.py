"""A platform that refuses, fails and hangs up: what is sent again, when, and what is never sent twice."""

from __future__ import annotations

from pathlib import Path

from blackbox_load import bench


async def test_a_chat_that_is_told_to_wait_waits_and_delays_nobody_else(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        await world.converse(1, 1, prefix="warm")
        await world.settle()
        world.platform.hold("c0", 6)
        await world.converse(10, 3)
        others = [text for text in world.platform.messages if not text.startswith("c0 ")]
        await world.platform.settled(others)
        while_held = world.platform.arrived["c0"] == []
        tally = await world.settle()
    assert (31, (0, 0, 0)) == (tally.acknowledged, tally.counts)
    assert while_held
    assert 0 == world.platform.early


async def test_a_burst_of_server_errors_loses_doubles_and_swaps_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        world.platform.server_errors = 40
        await world.converse(20, 3)
        tally = await world.settle()
        dead = await world.turns("dead")
    assert (60, (0, 0, 0), []) == (tally.acknowledged, tally.counts, dead)
    assert 0 == world.platform.server_errors


async def test_a_model_that_is_overloaded_for_a_while_is_asked_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        world.model.failures = 20
        await world.converse(10, 2)
        tally = await world.settle()
    assert (20, (0, 0, 0)) == (tally.acknowledged, tally.counts)


async def test_an_answer_whose_fate_is_unknown_is_sent_again_and_marked(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        world.platform.cuts = 5
        await world.converse(20, 2)
        tally = await world.settle()
        marked = [await world.resent(text) for text in tally.doubled]
    assert (40, 0, 5, 0) == (tally.acknowledged, len(tally.lost), len(tally.doubled), len(tally.out_of_order))
    assert [True] * 5 == marked


async def test_with_park_an_answer_whose_fate_is_unknown_is_not_sent_again(tmp_path: Path) -> None:
    async with bench(tmp_path, policy="park") as world:
        world.platform.cuts = 5
        await world.converse(20, 2)
        tally = await world.settle()
        parked = await world.turns("parked")
    assert (40, (0, 0, 0), 5) == (tally.acknowledged, tally.counts, len(parked))
