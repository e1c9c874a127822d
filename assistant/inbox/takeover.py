"""Who answers in a conversation, as events tell it: a person or another application takes it over, or gives it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from assistant.connector import Connector, Handing, Holder, Sharing
from assistant.inbox.ledgers import Ledgers
from assistant.inbox.liveness import ask_to_stop
from assistant.inbox.names import QUEUE, STOP_LANE, lane_of_address
from assistant.inbox.tables import ACTIVE, Tables
from assistant.types import Address, Incoming


class Takeover:
    """Reads and writes the holders, in the caller's transaction; `hours` after its last sign a holder is forgotten."""

    def __init__(self, tables: Tables, ledgers: Ledgers, connectors: Mapping[str, Connector], *, hours: float) -> None:
        self._tables = tables
        self._ledgers = ledgers
        self._handing = {name: each for name, each in connectors.items() if isinstance(each, Handing)}
        self._sharing = {name: each.callback for name, each in connectors.items() if isinstance(each, Sharing)}
        self._time = timedelta(hours=hours)
        row = ledgers.holders.table.c  # made once: every turn asks this
        self._others = select(row.holder).where(row.conversation == bindparam("key"), row.holder != "bot")

    def told(self, event: Incoming) -> Holder | None:
        """Who holds the conversation by this event; None: it says nothing of that."""
        connector = self._handing.get(event.address.connector)
        return None if connector is None else connector.holder(event)

    def is_ours(self, connection: Connection, event: Incoming) -> bool:
        """Whether an echo is of a message that was sent from here, over this connector or one that shares its callback."""
        where = event.address
        return any(
            self._ledgers.reports.is_ours(connection, connector=name, account=where.account, id=event.id)
            for name in self._siblings(where.connector)
        )

    def ours(self, connection: Connection, echo: Incoming) -> bool | None:
        """As `is_ours`; None: nobody can tell yet, since a message is on the wire in the conversation.

        That is asked first: between the two the last message may have been noted and its turn may have ended.
        """
        on_the_wire = self.sending(connection, echo.address)
        if self.is_ours(connection, echo):
            return True
        return None if on_the_wire else False

    def sending(self, connection: Connection, address: Address) -> bool:
        """Whether a message may be on the wire in a conversation: an answer is written, and its turn is not over.

        An answer is recorded before its first part leaves, and the id of a part before its turn is over: whatever echo
        comes while there is no such turn is of a message whose id is known, or of somebody else's.
        """
        turn, step, lane = self._tables.turns.c, self._tables.steps.c, lane_of_address(address)
        under_way = (
            select(turn.workflow_uuid)
            .join_from(self._tables.turns, self._tables.steps, step.workflow_uuid == turn.workflow_uuid)
            .where(turn.queue_partition_key.in_((lane, lane + STOP_LANE)), turn.status.in_(ACTIVE))
            .where(turn.queue_name == QUEUE, step.function_name == "answer")
        )
        return connection.execute(under_way.limit(1)).first() is not None

    def note(self, connection: Connection, address: Address, holder: Holder, *, since: datetime | None = None) -> bool:
        """As `held`; whether what is being written in it is to be stopped. Other processes are asked to stop here."""
        self.held(connection, address, holder, since=since)
        if self.holder(connection, address) is None:
            return False
        if connection.dialect.name == "postgresql":
            ask_to_stop(connection, self._tables, lane_of_address(address))
        return True

    def home(self, connection: Connection, address: Address) -> Address:
        """The address of the conversation that one of its identities belongs to."""
        return self._ledgers.aliases.homes(connection, [address])[address]

    def held(self, connection: Connection, address: Address, holder: Holder, *, since: datetime | None = None) -> None:
        """Note who holds a conversation since a time, as the platform tells it, or from now on, as is decided here; "bot"
        releases it.

        What is told late changes nothing that was noted of a later time.
        """
        if since is None:
            until = datetime.now(UTC) + self._time
            self._ledgers.holders.decided(connection, address, holder, until=until)
        else:
            self._ledgers.holders.held(connection, address, holder, since=since, until=since + self._time)

    def held_among(self, connection: Connection, addresses: Iterable[Address]) -> set[Address]:
        """Those of these in whose conversations somebody else than the bot answers."""
        homes = self._ledgers.aliases.homes(connection, addresses)
        keys = {address: lane_of_address(home) for address, home in homes.items()}
        held = self._ledgers.holders.among(connection, set(keys.values()), datetime.now(UTC))
        return {address for address, key in keys.items() if key in held}

    def holder(self, connection: Connection, address: Address) -> Holder | None:
        """Who holds a conversation now; None: the bot."""
        if connection.execute(self._others, {"key": lane_of_address(address)}).first() is None:
            return None
        held = self._ledgers.holders.holder(connection, address, datetime.now(UTC))
        return None if held is None else held.holder

    def _siblings(self, name: str) -> set[str]:
        """The names of the connectors that get the same events."""
        mine = self._sharing.get(name)
        return {name, *(other for other, callback in self._sharing.items() if callback == mine)}
