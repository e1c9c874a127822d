"""Messages are spaced by what a platform allows."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from inbox_fakes import address

from assistant.connector import Rate
from assistant.inbox.limits import DESTINATIONS, Limits, Window
from assistant.testing.memory_connector import MemoryConnector

rates = st.builds(Rate, count=st.integers(1, 40), seconds=st.floats(0.1, 100), scope=st.just("chat"))


@given(rates, st.lists(st.floats(0, 50), min_size=1, max_size=120))
def test_no_window_ever_holds_more_than_the_rate_and_nothing_overtakes(rate: Rate, pauses: list[float]) -> None:
    window, now, places = Window(rate), 0.0, []
    for pause in pauses:
        now += pause
        at = window.next(now)
        window.take(at)
        places.append(at)

    assert sorted(places) == places
    ahead = zip(places, places[rate.count :], strict=False)
    assert all(later - earlier >= rate.seconds - 1e-6 for earlier, later in ahead)


def test_a_few_leave_at_once_and_the_rest_evenly() -> None:
    window, places = Window(Rate(20, 60, "group")), []
    for _ in range(10):
        places.append(window.next(0))
        window.take(places[-1])

    assert [0.0] * 5 == places[:5]
    assert [15.0] * 5 == places[5:]


def limits(*rates: Rate) -> Limits:
    return Limits(MemoryConnector(secret="s", rates=rates))


async def seconds(limits: Limits, *chats: str) -> float:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.gather(*(limits.wait(address(chat)) for chat in chats))
    return loop.time() - begun


async def test_a_chat_waits_for_itself_and_the_account_for_all() -> None:
    assert await seconds(limits(Rate(1, 0.2, "chat")), "1", "1", "1") >= 0.39
    assert await seconds(limits(Rate(1, 0.2, "account")), "1", "2", "3") >= 0.39


async def test_a_rate_of_groups_is_for_groups() -> None:
    only_groups = limits(Rate(1, 0.2, "group"))

    assert await seconds(only_groups, "g1", "g1") >= 0.19
    async with asyncio.timeout(15):
        await seconds(only_groups, *["1"] * 100)


async def test_a_refusal_holds_its_chat_and_after_several_the_account() -> None:
    held = limits()
    held.hold(address("1"), 1.0)
    free = asyncio.create_task(held.wait(address("9")))
    stuck = asyncio.create_task(held.wait(address("1")))
    await asyncio.sleep(0.05)
    assert (True, False) == (free.done(), stuck.done())
    for chat in ("2", "3"):
        held.hold(address(chat), 1.0)
    assert await seconds(held, "9") >= 0.2
    await stuck


async def test_memory_is_bounded() -> None:
    many = limits(Rate(1, 1, "chat"))
    for number in range(DESTINATIONS + 10):
        await many.wait(address(f"{number}"))

    assert DESTINATIONS == len(many._windows)


async def test_a_slow_chat_does_not_delay_the_other_chats_of_its_account() -> None:
    both = limits(Rate(1, 30, "chat"), Rate(100, 1, "account"))
    slow = [asyncio.create_task(both.wait(address("slow"))) for _ in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(15):
        await seconds(both, *[f"{n}" for n in range(20)])

    assert [True, False, False] == [task.done() for task in slow]
    for task in slow:
        task.cancel()


async def test_what_waited_for_a_hold_leaves_spaced_and_not_at_once() -> None:
    loop, held = asyncio.get_running_loop(), limits(Rate(1, 0.2, "account"))
    begun = loop.time()
    for chat in ("1", "2", "3"):
        held.hold(address(chat), 1)
    await seconds(held, "4", "5", "6", "7")

    assert loop.time() - begun >= 1.59
