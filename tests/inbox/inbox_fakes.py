"""An inbox with a platform in memory and a responder that does as it is told."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from assistant.connector import Connector
from assistant.inbox import Entry, Inbox, Reply, Respond, Shown, State, Turn
from assistant.sections import InboxSettings
from assistant.testing.memory_connector import MemoryConnector
from assistant.types import Address, Incoming, Kind, Outgoing

PATIENCE = 60
"""Seconds until a test gives up waiting."""


def address(chat: str = "7", *, connector: str = "memory") -> Address:
    return Address(connector, "bot", chat)


def message(id: str, text: str = "hello", *, chat: str = "7", kind: Kind = "text", **more: Any) -> Incoming:
    given = {"sender": "ada", "sent_at": datetime(2026, 11, 24, tzinfo=UTC)} | more
    return Incoming(id=id, address=address(chat), kind=kind, text=text, **given)


async def echo(turn: Turn) -> Reply:
    return Reply((Outgoing(turn.address, turn.text),))


async def eventually(seen: Callable[[], object]) -> None:
    """Wait until `seen` is true."""
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(seen):  # noqa: ASYNC110 - it is in a database or on a platform
            await asyncio.sleep(0.02)


class Bench:
    """Opens inboxes on one database, one after another as after a restart."""

    def __init__(self, url: str, closing: AsyncExitStack) -> None:
        self.url = url
        self.registry = CollectorRegistry()
        self.connector = MemoryConnector(secret="s")
        self._closing = closing

    async def open(
        self, respond: Respond = echo, *, connectors: Mapping[str, Connector] | None = None, **settings: Any
    ) -> Inbox:
        self.registry = CollectorRegistry()
        self.inbox = Inbox(
            self.url,
            {"memory": self.connector} if connectors is None else connectors,
            respond,
            settings=InboxSettings(**{"grace_seconds": 5, **settings}),
            registry=self.registry,
        )
        await self.inbox.start()
        self._closing.push_async_callback(self.inbox.aclose)
        return self.inbox

    def texts(self, chat: str = "7") -> list[str]:
        return self.connector.platform.texts(address(chat))

    async def entry(self, id: str) -> Entry:
        return (await self.shown(id)).entry

    async def shown(self, id: str) -> Shown:
        return await self.inbox.desk.ashow(f"memory:bot:{id}")

    async def until(self, id: str, state: State) -> Entry:
        """Wait until a turn has a state."""
        await eventually(lambda: self.inbox.desk.show(f"memory:bot:{id}").entry.state == state)
        return await self.entry(id)

    async def until_sent(self, count: int) -> None:
        """Wait until the platform has so many messages and all turns are finished."""
        await eventually(lambda: len(self.connector.platform.calls) >= count)
        await self.until_idle()

    async def until_calls(self, count: int) -> None:
        """Wait until the platform was called so often."""
        await eventually(lambda: len(self.connector.platform.calls) >= count)

    async def until_metric(self, least: float, name: str, **labels: str) -> None:
        """Wait until a metric has a value."""
        await eventually(lambda: self.metric(name, **labels) >= least)

    async def until_idle(self) -> None:
        await eventually(lambda: not (set(_active(self.inbox)) & {"queued", "running"}))

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"assistant_inbox_{name}", labels) or 0.0


def _active(inbox: Inbox) -> list[str]:
    return [state for state, count in inbox.desk.counts().items() if count]


class Counting:
    """Answers, and remembers what it was asked, by conversation."""

    def __init__(self, answer: Respond = echo) -> None:
        self.asked: defaultdict[str, list[str]] = defaultdict(list)
        self._answer = answer

    async def __call__(self, turn: Turn) -> Reply:
        self.asked[turn.address.chat].append(turn.text)
        return await self._answer(turn)
