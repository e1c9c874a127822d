"""What the bot knows of a conversation beside its words: when it spoke last, and when it was asked for a person."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    MetaData,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from assistant.background import Once
from assistant.errors import TransientError
from assistant.inbox.names import sound
from assistant.memory import connect
from assistant.types import Address

T = TypeVar("T")

KEPT = timedelta(days=30)
"""Nobody asks for an older word: what the bot is, is told again after a day, and a hold that was asked for is over then."""

PRUNE_SECONDS = 3600.0

KNOWN = MetaData()
ENCOUNTERS = Table(
    "bot_encounters",
    KNOWN,
    Column("conversation", Text, primary_key=True),
    Column("turn", Text),
    Column("spoke_at", Float),
    Column("disclosed", Boolean),
    Column("asked_at", Float),
)
"""A row for each conversation of the platforms that have people answer, or want to be told of the machine."""


@dataclass(frozen=True, slots=True)
class Spoke:
    """When the bot last said something in a conversation, in which turn, and whether it told there what it is."""

    turn: str
    at: datetime
    disclosed: bool


class Encounters:
    """Kept in the state database at `url`; opened on first use.

    Raises (every method):
        ConfigurationError: the URL is wrong or its driver is not installed.
        TransientError: the database does not answer.
    """

    def __init__(self, url: str) -> None:
        self._engine = Once(lambda: _opened(url))
        self._pruned = -PRUNE_SECONDS

    async def last(self, address: Address) -> Spoke | None:
        """The last time the bot spoke in a conversation; None: it never did."""
        row = await self._row(address)
        if row is None or row.turn is None:
            return None
        return Spoke(row.turn, datetime.fromtimestamp(row.spoke_at, UTC), row.disclosed)

    async def spoke(self, address: Address, spoke: Spoke) -> None:
        """Note that the bot speaks."""
        said = {"turn": spoke.turn, "spoke_at": spoke.at.timestamp(), "disclosed": spoke.disclosed}
        await self._put(address, said)

    async def asked_at(self, address: Address) -> datetime | None:
        """When somebody last asked for a person there."""
        row = await self._row(address)
        return None if row is None or row.asked_at is None else datetime.fromtimestamp(row.asked_at, UTC)

    async def asked(self, address: Address, at: datetime) -> None:
        """Note that somebody asks for a person."""
        await self._put(address, {"asked_at": at.timestamp()})

    async def aclose(self) -> None:
        """Close the connections; the next use opens them again."""
        if engine := self._engine.made:
            await asyncio.to_thread(engine.dispose)

    async def _row(self, address: Address) -> Any:
        mine = select(ENCOUNTERS).where(ENCOUNTERS.c.conversation == sound(str(address)))
        return await self._done(lambda connection: connection.execute(mine).first())

    async def _put(self, address: Address, values: dict[str, Any]) -> None:
        key = sound(str(address))
        changed = update(ENCOUNTERS).where(ENCOUNTERS.c.conversation == key).values(values)

        def put(connection: Connection) -> None:
            self._prune(connection)
            if connection.execute(changed).rowcount:
                return
            try:
                with connection.begin_nested():
                    connection.execute(insert(ENCOUNTERS).values(conversation=key, **values))
            except IntegrityError:  # another turn of the conversation was quicker
                connection.execute(changed)

        await self._done(put)

    def _prune(self, connection: Connection) -> None:
        """Forget, now and then, conversations in which nothing happened for long."""
        if time.monotonic() < self._pruned + PRUNE_SECONDS:
            return
        self._pruned, row = time.monotonic(), ENCOUNTERS.c
        before = (datetime.now(UTC) - KEPT).timestamp()
        old = (func.coalesce(each, 0.0) < before for each in (row.spoke_at, row.asked_at))
        connection.execute(delete(ENCOUNTERS).where(*old))

    async def _done(self, work: Callable[[Connection], T]) -> T:
        def do() -> T:
            with _reached(), self._engine.get().begin() as connection:
                return work(connection)

        return await asyncio.to_thread(do)


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        reason = type(error.orig).__name__
        raise TransientError(
            f"the state database does not answer ({reason}): check state.url and that it runs"
        ) from None


def _opened(url: str) -> Engine:
    engine = connect(url)
    try:
        KNOWN.create_all(engine)
    except (OperationalError, ProgrammingError, IntegrityError):  # another process created it between look and create
        KNOWN.create_all(engine)
    return engine
