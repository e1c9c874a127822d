"""How a conversation stands: who answers in it, where it is reached, until when it may be written to, what arrived there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from assistant.connector import Connector, Handing, Holder, Windowed
from assistant.inbox.ledgers import Ledgers
from assistant.inbox.names import lane_of_address
from assistant.inbox.running import Running
from assistant.inbox.takeover import Takeover
from assistant.types import Address, Incoming, Outgoing

logger = logging.getLogger("assistant.inbox")

T = TypeVar("T")

HEAR_SECONDS = 10.0
"""How long a report of a message is waited for whose send ended without an answer, or whose echo came before it."""

LOOK_SECONDS = 0.25
"""Between two looks for it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known just before a part is sent.

    Attributes:
        address: where it goes.
        holder: who answers there instead of the bot, if somebody does.
        closed: why it may not be written to as it is, if so.
    """

    address: Address
    holder: Holder | None = None
    closed: str | None = None


class Standing:
    """Asks and tells the ledgers in the database of the worker.

    Raises (every method) what the database raises.
    """

    def __init__(
        self,
        engine: Engine,
        ledgers: Ledgers,
        takeover: Takeover,
        connectors: Mapping[str, Connector],
        *,
        running: Running,
        hear_seconds: float = HEAR_SECONDS,
    ) -> None:
        self._engine = engine
        self._ledgers = ledgers
        self._takeover = takeover
        self._windowed = {name for name, each in connectors.items() if isinstance(each, Windowed)}
        self._reports = {name for name, each in connectors.items() if each.capabilities.reports}
        self._echoes = self._reports | {name for name, each in connectors.items() if isinstance(each, Handing)}
        self._running = running
        self._hear_seconds = hear_seconds

    async def holder(self, address: Address) -> Holder | None:
        """Who answers in a conversation; None: the bot."""
        return await self._look(lambda connection: self._takeover.holder(connection, address))

    async def held(self, addresses: Iterable[Address]) -> set[Address]:
        """Those of these in whose conversations somebody else than the bot answers."""
        return await self._look(lambda connection: self._takeover.held_among(connection, addresses))

    async def outlook(self, part: Outgoing, *, aliased: bool, windowed: bool) -> Outlook:
        """What stands before a part.

        `aliased`: whether its person may be reached elsewhere now; `windowed`: whether it needs an open window.
        """
        where, name = part.address, part.address.connector

        def look(connection: Connection) -> Outlook:
            return Outlook(
                self._ledgers.aliases.reach(connection, where) if aliased or name in self._windowed else where,
                self._takeover.holder(connection, where),
                self._closed(connection, where) if windowed and name in self._windowed else None,
            )

        return await self._look(look)

    async def sent(self, part: Outgoing, ids: Sequence[str], *, turn: str) -> None:
        """Note which messages a part became, where its platform says more of them later; raises nothing.

        It is sent: an error here must not have it sent again.
        """
        if not ids or part.address.connector not in self._echoes:
            return
        key, address = part.key or "", part.address
        try:
            await self._look(lambda c: self._ledgers.reports.sent(c, turn=turn, key=key, address=address, ids=ids))
        except SQLAlchemyError as error:
            logger.warning("it was not noted which messages a part of %s became (%s)", turn, type(error).__name__)

    async def arrived(self, part: Outgoing) -> tuple[str, ...] | None:
        """The messages that an earlier send of a part became; None: nothing is heard of one, also not in a while."""
        if part.address.connector not in self._reports or part.key is None:
            return None
        key, where = part.key, part.address

        def look(connection: Connection) -> tuple[str, ...] | None:
            reports = self._ledgers.reports
            return reports.arrived(connection, connector=where.connector, account=where.account, key=key)

        return await self._until(look)

    async def judge(self, echo: Incoming, *, certain: bool = False) -> Holder | None:
        """Whose an echo is: who holds the conversation since; None: it is ours, or its platform is not configured any more.

        It is waited for the receipt of what was on the wire when it came; `certain`: nothing was, and the rest is done.
        """
        where = echo.address

        def look(connection: Connection) -> bool | None:
            ours = self._takeover.ours(connection, echo)
            return False if ours is None and self._takeover.holder(connection, where) else ours

        holder = self._takeover.told(echo)
        if holder is None or certain:
            return holder
        if await self._until(look):
            return None
        await self.hold(where, holder, since=echo.sent_at)
        return holder

    async def hold(self, address: Address, holder: Holder, *, since: datetime | None = None) -> None:
        """Let somebody else answer in a conversation, as the platform tells since a time, or from now on; what is being
        written there is not sent."""

        def note(connection: Connection) -> str | None:
            where = self._takeover.home(connection, address)
            return lane_of_address(where) if self._takeover.note(connection, where, holder, since=since) else None

        if lane := await self._look(note):
            self._running.stop(lane)

    async def hand_over(self, address: Address, holder: Holder) -> None:
        """Let somebody else answer in a conversation from now on; what is being written there is left alone."""
        await self._look(lambda connection: self._takeover.held(connection, address, holder))

    async def release(self, address: Address) -> bool:
        """Let the bot answer again; whether somebody else did."""

        def free(connection: Connection) -> bool:
            return self._ledgers.holders.release(connection, str(self._takeover.home(connection, address)))

        return await self._look(free)

    async def reach(self, address: Address) -> Address:
        """Where a conversation is reached now."""

        def find(connection: Connection) -> Address:
            return self._ledgers.aliases.reach(connection, self._takeover.home(connection, address))

        return await self._look(find)

    def _closed(self, connection: Connection, address: Address) -> str | None:
        closes = self._ledgers.windows.closes(connection, address)
        if closes is None:
            return "nothing that the person did is known that allows messages"
        if closes > datetime.now(UTC):
            return None
        return f"what the person did last allowed messages until {closes:%Y-%m-%d %H:%M} UTC"

    async def _until(self, look: Callable[[Connection], T | None]) -> T | None:
        """What is found as soon as there is something, looked for for a while; that keeps no place from other turns."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while (found := await self._look(look)) is None and loop.time() < begun + self._hear_seconds:
            with self._running.sleeping():
                await asyncio.sleep(LOOK_SECONDS)
        return found

    async def _look(self, look: Callable[[Connection], T]) -> T:
        def asked() -> T:
            with self._engine.begin() as connection:
                return look(connection)

        return await asyncio.to_thread(asked)
