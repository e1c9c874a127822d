"""The operator's view of the inbox, beside a running server or without one."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from assistant.background import Once
from assistant.connector import Holder
from assistant.errors import PermanentError
from assistant.inbox import reading
from assistant.inbox.entries import Entry, Shown, State, UnknownTurn
from assistant.inbox.holders import Held
from assistant.inbox.ledgers import Ledgers
from assistant.inbox.place import Place
from assistant.inbox.reports import Report
from assistant.inbox.resending import Resending
from assistant.inbox.tables import ANSWERED, GAVE_UP, Tables
from assistant.inbox.windows import Count


class Desk:
    """Lists, shows, retries and drops turns, and tells who holds a conversation; starts no worker.

    `url` is that of the state database. An inbox that does not exist yet is empty, and stays not existing.

    Raises (every method):
        TransientError: the database does not answer.
    """

    def __init__(self, url: str, *, place: Place | None = None) -> None:
        self._place = place or Place.of(url)
        self._tables = Tables(self._place.schema)
        self._ledgers = Ledgers(self._place.schema)
        self._resending = Resending(self._tables)
        self._engine = Once(self._place.looking)
        self._ledgered = False

    def list(self, *, state: State | None = None, limit: int = 100) -> builtins.list[Entry]:
        """The newest turns first, of one state or all; dropped ones are not listed."""
        with self._connected() as connection:
            if connection is None:
                return []
            rows = connection.execute(reading.newest(self._tables, state, self._failing(connection)).limit(limit)).all()
            steps = reading.steps(
                self._tables, connection, [row.workflow_uuid for row in rows if reading.needs_steps(row)]
            )
            failures = self._failures(connection, [row.workflow_uuid for row in rows])
            found = ((row, row.workflow_uuid) for row in rows)
            return [reading.entry(row, steps.get(id, []), failures.get(id)) for row, id in found]

    def show(self, id: str) -> Shown:
        """Everything about one turn, also about one that was dropped. Raises UnknownTurn."""
        with self._found(id) as (connection, row):
            steps = reading.steps(self._tables, connection, [id]).get(id, [])
            acts = self._ledgers.acts.of(connection, id) if self._has_ledgers(connection) else ()
            return reading.shown(row, steps, acts=acts, reports=self._reports(connection, id))

    def retry(self, id: str) -> str:
        """Let a dead or parked turn go on in its lane, at the part that is missing; an answer that is recorded is kept.

        Of one whose parts were reported as failed, those parts are sent again.

        Returns its id. Raises UnknownTurn: there is none, or it is neither dead nor parked.
        """
        with self._found(id) as (connection, row):
            steps = reading.steps(self._tables, connection, [id]).get(id, [])
            failed = {each.key: each.error or "" for each in self._reports(connection, id) if each.failing}
            now, again = self._place.clock.now(), False
            if row.status in GAVE_UP:
                step = reading.resume_at(steps)
                again = self._tables.rewind(connection, id, step=step, now=int(now * 1000))
            elif failed and row.status in ANSWERED:
                again = self._resending.again(connection, row, steps, failed, now=int(now * 1000))
                self._ledgers.reports.retried(connection, turn=id, keys=failed)
            else:
                raise UnknownTurn(f"turn {id!r} is {reading.state(row)}: only a dead or parked one can be retried")
            if not again:
                raise UnknownTurn(f"turn {id!r} changed meanwhile: look at it again")
            self._make_ledgers(connection)
            self._ledgers.acts.retried(connection, id, at=now)
        return id

    def arrived(self, id: str) -> bool:
        """Whether the person got what a turn says: it was sent, and not reported as failed. True also where there is no such
        turn any more."""
        with self._connected() as connection:
            row = None if connection is None else reading.turn(self._tables, connection, id)
            if connection is None or row is None:
                return True
            return reading.sent(row) and not self._failures(connection, [id])

    def drop(self, id: str) -> None:
        """Never answer a turn; a redelivery of its message is not answered either. `show` tells of it from then on.

        Raises UnknownTurn: there is none, or it is running, answered or dropped already.
        """
        with self._found(id) as (connection, row):
            failed, now = bool(self._failures(connection, [id])), int(self._place.clock.now() * 1000)
            if not self._tables.drop(connection, id, now=now, answered=failed):
                raise UnknownTurn(
                    f"turn {id!r} is {reading.state(row)}: only a queued, dead or parked one can be dropped"
                )

    def counts(self) -> Mapping[str, int]:
        """How many turns are in each state that is listed."""
        with self._connected() as connection:
            if connection is None:
                return dict.fromkeys(reading.ALL_STATES, 0)
            return reading.counts(self._tables, connection, answered=True, failing=self._failing(connection))

    def holders(self) -> builtins.list[Held]:
        """Every conversation that somebody else than the bot answers in now, the longest held first."""
        with self._connected() as connection:
            if connection is None or not self._has_ledgers(connection):
                return []
            return self._ledgers.holders.list(connection, datetime.now(UTC))

    def hold(self, conversation: str, *, holder: Holder = "person", until: datetime | None = None) -> None:
        """Let nobody but `holder` answer in a conversation from now on; `until` None: until it is released.

        `conversation` is its key, as `list` tells it, or that of another identity of its person. An answer that is being
        written is not sent; what was sent of it stays.

        Raises:
            PermanentError: there is no inbox yet.
        """
        with self._connected() as connection:
            if connection is None:
                raise PermanentError(f"there is no inbox at {self._place.shown!r} yet: start the server once")
            self._make_ledgers(connection)
            where = self._ledgers.aliases.home(connection, conversation)
            self._ledgers.holders.decided(connection, where, holder, until=until)

    def release(self, conversation: str) -> bool:
        """Let the bot answer in a conversation again; whether somebody else held it."""
        with self._connected() as connection:
            if connection is None or not self._has_ledgers(connection):
                return False
            where = self._ledgers.aliases.home(connection, conversation)
            return self._ledgers.holders.release(connection, where)

    def returned(self, conversation: str) -> datetime | None:
        """When the bot last got a conversation back from somebody else; None: it always had it, or has not got it."""
        with self._connected() as connection:
            if connection is None or not self._has_ledgers(connection):
                return None
            where = self._ledgers.aliases.home(connection, conversation)
            return self._ledgers.holders.returned(connection, str(where), datetime.now(UTC))

    def windows(self) -> Mapping[str, Count]:
        """By connector, how many conversations may be written to now and how many not: see `Windowed`."""
        with self._connected() as connection:
            if connection is None or not self._has_ledgers(connection):
                return {}
            return self._ledgers.windows.all_open(connection, datetime.now(UTC))

    async def alist(self, *, state: State | None = None, limit: int = 100) -> builtins.list[Entry]:
        """As `list`."""
        return await asyncio.to_thread(self.list, state=state, limit=limit)

    async def ashow(self, id: str) -> Shown:
        """As `show`."""
        return await asyncio.to_thread(self.show, id)

    async def aretry(self, id: str) -> str:
        """As `retry`."""
        return await asyncio.to_thread(self.retry, id)

    async def aarrived(self, id: str) -> bool:
        """As `arrived`."""
        return await asyncio.to_thread(self.arrived, id)

    async def adrop(self, id: str) -> None:
        """As `drop`."""
        await asyncio.to_thread(self.drop, id)

    async def acounts(self) -> Mapping[str, int]:
        """As `counts`."""
        return await asyncio.to_thread(self.counts)

    async def aholders(self) -> builtins.list[Held]:
        """As `holders`."""
        return await asyncio.to_thread(self.holders)

    async def ahold(self, conversation: str, *, holder: Holder = "person", until: datetime | None = None) -> None:
        """As `hold`."""
        await asyncio.to_thread(self.hold, conversation, holder=holder, until=until)

    async def arelease(self, conversation: str) -> bool:
        """As `release`."""
        return await asyncio.to_thread(self.release, conversation)

    async def areturned(self, conversation: str) -> datetime | None:
        """As `returned`."""
        return await asyncio.to_thread(self.returned, conversation)

    async def awindows(self) -> Mapping[str, Count]:
        """As `windows`."""
        return await asyncio.to_thread(self.windows)

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
            yield connection if self._tables.exist(connection) else None

    @contextmanager
    def _found(self, id: str) -> Iterator[tuple[Connection, Any]]:
        """A transaction and the row of a turn. Raises UnknownTurn."""
        with self._connected() as connection:
            row = None if connection is None else reading.turn(self._tables, connection, id)
            if connection is None or row is None:
                raise UnknownTurn(f"there is no turn {id!r} in the inbox: `assistant inbox list` shows those there are")
            yield connection, row

    def _has_ledgers(self, connection: Connection) -> bool:
        """Whether their tables are there: what an earlier version left has none."""
        self._ledgered = self._ledgered or self._ledgers.exist(connection)
        return self._ledgered

    def _make_ledgers(self, connection: Connection) -> None:
        if not self._has_ledgers(connection):
            self._ledgers.create(connection)

    def _failing(self, connection: Connection) -> reading.Failing | None:
        return self._ledgers.reports.failing if self._has_ledgers(connection) else None

    def _failures(self, connection: Connection, turns: Sequence[str]) -> Mapping[str, str]:
        return self._ledgers.reports.failures(connection, turns) if self._has_ledgers(connection) else {}

    def _reports(self, connection: Connection, turn: str) -> Sequence[Report]:
        if not self._has_ledgers(connection):
            return ()
        return self._ledgers.reports.of_turns(connection, [turn]).get(turn, ())
