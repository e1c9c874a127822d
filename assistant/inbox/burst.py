"""Quick messages of one person as one turn: found in the lane behind the first, and finished with it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, select

from assistant.inbox.names import lane_of
from assistant.inbox.place import Place
from assistant.inbox.records import incoming_from_json, readable
from assistant.inbox.tables import Tables, stored_in
from assistant.inbox.turns import turn_id
from assistant.types import Incoming

MOST = 50
"""Messages in one turn."""


class Burst:
    """Reads and finishes waiting messages in the database of the worker."""

    def __init__(self, place: Place, engine: Engine) -> None:
        self._clock = place.clock
        self._engine = engine
        self._tables = Tables(place.schema)

    async def wait(self, stored: Mapping[str, Any]) -> None:
        """Wait until the window is over that the stored message opened."""
        ends = min(_ends(stored), time.time() + float(stored.get("burst", 0.0)))  # the clock may have been set back
        await asyncio.sleep(ends - time.time())

    async def followers(self, stored: Mapping[str, Any]) -> list[Any]:
        """The stored messages right behind one in its lane, of the same person and in its window."""
        return await asyncio.to_thread(self._followers, stored)

    async def absorb(self, messages: Sequence[Incoming], *, by: str) -> None:
        """Finish the messages: the turn `by` answers them. Repeated it does nothing."""
        ids = [turn_id(message) for message in messages]
        await asyncio.to_thread(self._absorb, ids, json.dumps({"answered_by": by}))

    def _followers(self, stored: Mapping[str, Any]) -> list[Any]:
        first = incoming_from_json(stored["message"])
        turn, given = self._tables.turns.c, self._tables.inputs.c
        waiting = (
            select(given.inputs)
            .join_from(self._tables.turns, self._tables.inputs, turn.workflow_uuid == given.workflow_uuid)
            .where(turn.queue_partition_key == lane_of(first), turn.status == "ENQUEUED")
            .order_by(turn.priority, turn.created_at, turn.workflow_uuid)
            .limit(MOST - 1)
        )
        with self._engine.begin() as connection:
            rows = [stored_in(inputs) for (inputs,) in connection.execute(waiting)]
        found: list[Any] = []
        for row in rows:
            message = readable(row.get("message"))
            if message is None or message.kind != "text" or message.sender != first.sender:
                break
            if row.get("received", 0.0) > _ends(stored):
                break
            found.append(row["message"])
        return found

    def _absorb(self, ids: Sequence[str], output: str) -> None:
        with self._engine.begin() as connection:
            self._tables.answer_by(connection, ids, output, int(self._clock.now() * 1000))


def _ends(stored: Mapping[str, Any]) -> float:
    return float(stored.get("received", 0.0)) + float(stored.get("burst", 0.0))
