"""A platform that is away, hangs or is not configured keeps nothing from the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from inbox_fakes import Bench, Counting, address, echo, eventually, message
from prometheus_client import CollectorRegistry

from assistant.connector import Connector
from assistant.inbox.delivery import Courier
from assistant.inbox.limits import Limits
from assistant.inbox.meters import InboxMeters
from assistant.inbox.running import Running
from assistant.testing.memory_connector import MemoryConnector
from assistant.types import Address, Incoming, Outgoing, Receipt


class Hanging(MemoryConnector):
    """Never answers."""

    async def send(self, outgoing: Outgoing) -> Receipt:
        await asyncio.Event().wait()
        return Receipt(())


def elsewhere(number: int) -> Incoming:
    """A message on the other platform, each in a conversation of its own."""
    to = message(f"e{number}")
    return Incoming(to.id, Address("other", "bot", f"{number}"), to.sender, to.kind, to.text, to.sent_at)


def two(bench: Bench, other: Connector) -> Mapping[str, Connector]:
    return {"memory": bench.connector, "other": other}


async def test_a_platform_that_hangs_keeps_no_slot_of_another(bench: Bench) -> None:
    inbox = await bench.open(connectors=two(bench, Hanging(secret="s", name="other")), concurrency=2, grace_seconds=0)
    await inbox.accept([elsewhere(n) for n in range(4)])
    await inbox.accept([message("1")])

    await bench.until("1", "answered")


async def test_a_platform_that_is_away_keeps_no_place_of_another(bench: Bench) -> None:
    other = MemoryConnector(secret="s", name="other")
    other.platform.fail("rate_limit", retry_after=3600, times=1000)
    inbox = await bench.open(connectors=two(bench, other), concurrency=1, grace_seconds=0)
    await inbox.accept([elsewhere(n) for n in range(30)])
    await eventually(lambda: len(other.platform.calls) >= 3)
    await inbox.accept([message("1")])

    await bench.until("1", "answered")


async def test_a_send_has_so_much_time_and_then_nobody_knows(bench: Bench) -> None:
    connector = Hanging(secret="s")
    meters = InboxMeters(CollectorRegistry())
    inbox = await bench.open()
    assert inbox._standing is not None
    courier = Courier(connector, Limits(connector), meters, asyncio.Semaphore(1), inbox._standing, seconds=0.05)
    made = await courier.send(Outgoing(address(), "x"), turn="t", attempt=1, doubt=False, policy="resend")

    assert ("again", True) == (made.state, made.doubt)


async def test_what_waits_for_a_connector_that_was_removed_goes_on_when_it_is_back(bench: Bench) -> None:
    asked = Counting()
    bench.connector.platform.fail("server_error", times=50)
    inbox = await bench.open(asked, grace_seconds=0)
    await inbox.accept([message("1", "half"), message("2", "behind", chat="8")])
    await bench.until_calls(2)
    await inbox.accept([message("3", "new")])
    await inbox.aclose()
    other = MemoryConnector(secret="s", name="other")
    inbox = await bench.open(asked, connectors={"other": other}, grace_seconds=0)
    await inbox.accept([elsewhere(1)])
    await bench.until_metric(1, "turns_total", connector="other", state="answered")
    why = "'memory' is not one of the connectors"
    await eventually(lambda: why in (inbox.desk.show("memory:bot:1").entry.error or ""))
    assert "running" == (await bench.entry("1")).state
    await inbox.aclose()
    bench.connector.platform.heal()
    await bench.open(asked)
    for id in ("1", "2", "3"):
        await bench.until(id, "answered")

    assert (["half", "new"], ["behind"]) == (bench.texts(), bench.texts("8"))
    assert {"7": ["half", "new"], "8": ["behind"], "1": ["hello"]} == asked.asked


async def test_the_model_is_not_asked_for_what_cannot_be_sent_here(bench: Bench) -> None:
    inbox = await bench.open(connectors={"memory": bench.connector}, grace_seconds=0, burst_seconds=1)
    await inbox.accept([message("1")])
    await inbox.aclose()
    asked = Counting(echo)
    await bench.open(asked, connectors={}, grace_seconds=0, burst_seconds=0)
    await bench.until_metric(1, "retried_total", connector="memory", what="answer")

    assert {} == asked.asked


async def test_a_turn_that_does_not_end_when_it_is_cancelled_does_not_keep_the_process() -> None:
    running, until = Running(), asyncio.Event()

    async def stubborn() -> None:
        await running.enter("t", "lane")
        while not until.is_set():
            try:
                await until.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await running.drain(0.01, cancel_seconds=0.01)
    until.set()
    await task
