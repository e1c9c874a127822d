"""The operator's view of the inbox, beside a running server or without one."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, inspect, update

from assistant.background import Once
from assistant.inbox import reading
from assistant.inbox.entries import Entry, Shown, State, UnknownTurn
from assistant.inbox.place import Place
from assistant.inbox.tables import DROPPED, GAVE_UP, Tables


class Desk:
    """Lists, shows, retries and drops turns; changes nothing on its own and starts no worker.

    `url` is that of the state database. An inbox that does not exist yet is empty, and stays not existing.

    Raises (every method):
        TransientError: the database does not answer.
    """

    def __init__(self, url: str, *, place: Place | None = None) -> None:
        self._place = place or Place.of(url)
        self._tables = Tables(self._place.schema)
        self._engine = Once(self._place.looking)

    def list(self, *, state: State | None = None, limit: int = 100) -> builtins.list[Entry]:
        """The newest turns first, of one state or all; dropped ones are not shown."""
        with self._connected() as connection:
            if connection is None:
                return []
            rows = connection.execute(reading.newest(self._tables, state).limit(limit)).all()
            running = [row.workflow_uuid for row in rows if row.status == "PENDING"]
            steps = reading.steps(self._tables, connection, running)
            return [reading.entry(row, steps.get(row.workflow_uuid, [])) for row in rows]

    def show(self, id: str) -> Shown:
        """Everything about one turn. Raises UnknownTurn."""
        with self._found(id) as (connection, row):
            steps = reading.steps(self._tables, connection, [id]).get(id, [])
            return reading.shown(row, steps)

    def retry(self, id: str) -> str:
        """Let a dead or parked turn go on in its lane, at the part that is missing; an answer that is recorded is kept.

        Returns its id. Raises UnknownTurn: there is none, or it is neither dead nor parked.
        """
        with self._found(id) as (connection, row):
            if row.status not in GAVE_UP:
                raise UnknownTurn(f"turn {id!r} is {reading.state(row)}: only a dead or parked one can be retried")
            step = reading.resume_at(reading.steps(self._tables, connection, [id]).get(id, []))
            if not self._tables.rewind(connection, id, step=step, now=int(self._place.clock.now() * 1000)):
                raise UnknownTurn(f"turn {id!r} changed meanwhile: look at it again")
        return id

    def drop(self, id: str) -> None:
        """Never answer a turn; a redelivery of its message is not answered either.

        Raises UnknownTurn: there is none, or it is running or answered.
        """
        with self._found(id) as (connection, row):
            turn = self._tables.turns.c
            dropped = update(self._tables.turns).where(
                turn.workflow_uuid == id, turn.status.in_(("ENQUEUED", *GAVE_UP))
            )
            done = dropped.values(status=DROPPED, owner_xid=None, completed_at=int(self._place.clock.now() * 1000))
            if not connection.execute(done).rowcount:
                raise UnknownTurn(
                    f"turn {id!r} is {reading.state(row)}: only a queued, dead or parked one can be dropped"
                )

    def counts(self) -> Mapping[str, int]:
        """How many turns are in each state."""
        with self._connected() as connection:
            if connection is None:
                return dict.fromkeys(reading.ALL_STATES, 0)
            return reading.counts(self._tables, connection, answered=True)

    async def alist(self, *, state: State | None = None, limit: int = 100) -> builtins.list[Entry]:
        """As `list`."""
        return await asyncio.to_thread(self.list, state=state, limit=limit)

    async def ashow(self, id: str) -> Shown:
        """As `show`."""
        return await asyncio.to_thread(self.show, id)

    async def aretry(self, id: str) -> str:
        """As `retry`."""
        return await asyncio.to_thread(self.retry, id)

    async def adrop(self, id: str) -> None:
        """As `drop`."""
        await asyncio.to_thread(self.drop, id)

    async def acounts(self) -> Mapping[str, int]:
        """As `counts`."""
        return await asyncio.to_thread(self.counts)

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        if engine := self._engine.made:
            engine.dispose()

    async def aclose(self) -> None:
        """As `close`."""
        await asyncio.to_thread(self.close)

    @contextmanager
    def _connected(self) -> Iterator[Connection | None]:
        """A transaction; None where there is no inbox yet."""
        if not self._place.exists():
            yield None
            return
        with self._place.reached(), self._engine.get().begin() as connection:
            there = inspect(connection).has_table(self._tables.turns.name, schema=self._place.schema)
            yield connection if there else None

    @contextmanager
    def _found(self, id: str) -> Iterator[tuple[Connection, Any]]:
        """A transaction and the row of a turn. Raises UnknownTurn."""
        with self._connected() as connection:
            row = None
            if connection is not None:
                turn = self._tables.turns.c
                row = connection.execute(reading.newest(self._tables, None).where(turn.workflow_uuid == id)).first()
            if connection is None or row is None:
                raise UnknownTurn(f"there is no turn {id!r} in the inbox: `assistant inbox list` shows those there are")
            yield connection, row
