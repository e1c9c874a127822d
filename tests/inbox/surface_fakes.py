"""A platform in memory where people take over, messages have a window and reports tell what became of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from inbox_fakes import Bench, echo, message

from assistant.connector import Holder
from assistant.errors import Rejected
from assistant.inbox import Reply, Turn
from assistant.testing.memory_connector import MemoryConnector
from assistant.types import Incoming, Outgoing, Receipt


class Surface(MemoryConnector):
    """`raw["holder"]` of an event tells who holds its conversation; a text or a comment opens a window of `seconds`.

    Attributes:
        beyond: what was sent outside the window, as a template; None: there is no template.
        gate: while it is not set, a message that arrived has no receipt yet.
    """

    callback = "surface"

    def __init__(self, *, seconds: float = 86400, **options: Any) -> None:
        super().__init__(secret="s", **options)
        self.capabilities = replace(self.capabilities, reports=True)
        self.seconds = seconds
        self.beyond: list[Outgoing] | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """See `Connector.send`."""
        receipt = await super().send(outgoing)
        await self.gate.wait()
        return receipt

    def holder(self, event: Incoming) -> Holder | None:
        """See `Handing.holder`."""
        found: Holder | None = event.raw.get("holder")
        return found

    def window(self, event: Incoming) -> float:
        """See `Windowed.window`."""
        return self.seconds if event.kind in ("text", "comment") else 0.0

    async def send_beyond(self, outgoing: Outgoing) -> Receipt:
        """See `Windowed.send_beyond`."""
        if self.beyond is None:
            raise Rejected("connectors.memory.template is not set")
        self.beyond.append(outgoing)
        return Receipt(("template",))


async def quiet(turn: Turn) -> Reply:
    """As the bot does, which says nothing to what the platform itself tells."""
    return Reply() if turn.kind == "system" else await echo(turn)


def surface(bench: Bench, **options: Any) -> Surface:
    """Let a bench have one."""
    connector = bench.connector = Surface(**options)
    return connector


def now_and(**later: float) -> datetime:
    """A time from now."""
    return datetime.now(UTC) + timedelta(**later)


def said(id: str, text: str = "hello", **more: Any) -> Incoming:
    """What a person asked just now."""
    return message(id, text, **{"sent_at": now_and(), **more})


def answered_by_hand(id: str, *, holder: Holder = "person", at: datetime | None = None, **more: Any) -> Incoming:
    """What somebody else answered, as an echo."""
    return message(id, "let me see", kind="echo", sent_at=at or now_and(), raw={"holder": holder}, **more)


def report(id: str, about: str, what: str, **raw: Any) -> Incoming:
    """What became of a message."""
    return message(id, what, kind="status", reply_to=about, raw=raw, sent_at=now_and())
