"""An inbox without a database, behind the interface that the chat page uses: one lane a conversation, kept in a dict."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.inbox import Entry, Part, Reply, Respond, Shown, State, Turn, UnknownTurn, turn_id
from assistant.types import Address, Incoming

Records = dict[str, dict[str, Any]]
"""By turn id: the message, its state and its reply; given to a second inbox, it is what a restart finds."""


class MemoryDesk:
    def __init__(self, records: Records) -> None:
        self._records = records

    async def ashow(self, id: str) -> Shown:
        if id not in self._records:
            raise UnknownTurn(f"no turn {id!r}")
        record = self._records[id]
        message: Incoming = record["message"]
        reply: Reply | None = record.get("reply")
        entry = Entry(
            id, "web", str(message.address), message.text, record["state"], 1, message.sent_at, record.get("error")
        )
        parts = tuple(
            Part(f"{id}#{n}", each.text, "delivered") for n, each in enumerate(reply.messages if reply else ())
        )
        details: Mapping[str, Any] = reply.details if reply else {}
        return Shown(entry, (message,), parts, details, (), record.get("answered_by"))

    async def alist(self, *, state: State, limit: int) -> list[Entry]:
        found = [id for id, record in self._records.items() if record["state"] == state]
        return [(await self.ashow(id)).entry for id in reversed(found[-limit:])]

    async def adrop(self, id: str) -> None:
        if self._records[id]["state"] != "queued":
            raise UnknownTurn(f"turn {id!r} is not queued")
        self._records[id]["state"] = "dropped"


class MemoryInbox:
    """Takes the place of the app's `parts.inbox`."""

    state = "ready"
    failed = False
    refused = None

    def __init__(self, connectors: Mapping[str, Any], respond: Respond, records: Records) -> None:
        self.desk = MemoryDesk(records)
        self.connectors = connectors
        self.links: dict[str, Any] = {}
        self._respond, self._records = respond, records
        self._lanes: dict[str, asyncio.Lock] = {}
        self._running: dict[Address, asyncio.Task[Reply]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        for id, record in self._records.items():
            if record["state"] in ("queued", "running"):
                record["state"] = "queued"
                self._begin(id)

    async def accept(self, events: Sequence[Incoming]) -> None:
        for event in events:
            id = turn_id(event)
            if id not in self._records:
                self._records[id] = {"message": event, "state": "queued"}
                self._begin(id)

    async def stop_turn(self, address: Address) -> bool:
        if task := self._running.get(address):
            task.cancel()
        return task is not None

    async def aclose(self) -> None:
        """As the death of the process: what was being answered is answered by the next inbox."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, id: str) -> None:
        task = asyncio.create_task(self._run(id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, id: str) -> None:
        record = self._records[id]
        message: Incoming = record["message"]
        async with self._lanes.setdefault(str(message.address), asyncio.Lock()):
            if record["state"] == "dropped":
                return
            record["state"] = "running"
            self._running[message.address] = task = asyncio.ensure_future(self._respond(Turn(id, (message,))))
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:  # the process ends: what is recorded stays as it is
                task.cancel()
                await asyncio.wait({task})
                raise
            finally:
                del self._running[message.address]
            if task.cancelled():
                record.update(state="answered", reply=Reply())
            elif error := task.exception():
                record.update(state="dead", error=str(error))
            else:
                record["reply"] = task.result()
                for outgoing in task.result().messages:
                    await self.connectors[message.address.connector].send(outgoing)
                record["state"] = "answered"
