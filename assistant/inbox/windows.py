"""Until when a conversation may be written to, on platforms that allow it only for a time after the person did something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, MetaData, Table, Text, case, func, select

from assistant.inbox.names import sound
from assistant.inbox.upserts import put
from assistant.types import Address

KEPT = timedelta(days=365)
"""A window is remembered after it closed: it tells that a conversation exists, also where its person comes back with
another identity."""


@dataclass(frozen=True, slots=True)
class Count:
    """Conversations of one connector that may be written to now, and those whose window is closed."""

    open: int
    closed: int


class Windows:
    """The end of each conversation's window; it only ever moves on."""

    def __init__(self, known: MetaData) -> None:
        self.table = Table(
            "inbox_windows",
            known,
            Column("conversation", Text, primary_key=True),
            Column("connector", Text, nullable=False),
            Column("closes_at", BigInteger, nullable=False, index=True),
        )

    def opened(self, connection: Connection, events_until: Sequence[tuple[Address, datetime]]) -> None:
        """Note until when conversations may be written to; an earlier end than the one known changes nothing."""
        latest: dict[Address, datetime] = {}
        for address, until in events_until:
            latest[address] = max(until, latest.get(address, until))
        rows = [
            {"conversation": sound(str(address)), "connector": address.connector, "closes_at": _milliseconds(until)}
            for address, until in latest.items()
        ]
        if not rows:
            return
        new = put(connection, self.table)
        later = new.excluded.closes_at
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["conversation"], set_={"closes_at": later}, where=self.table.c.closes_at < later
            ),
            sorted(rows, key=lambda row: str(row["conversation"])),  # two processes do not wait for each other
        )

    def closes(self, connection: Connection, address: Address) -> datetime | None:
        """When the window of a conversation closes or closed; None: none was ever opened."""
        row = self.table.c
        at = connection.scalar(select(row.closes_at).where(row.conversation == sound(str(address))))
        return None if at is None else datetime.fromtimestamp(at / 1000, UTC)

    def all_open(self, connection: Connection, now: datetime) -> Mapping[str, Count]:
        """By connector, how many conversations may be written to and how many not."""
        row = self.table.c
        is_open = func.sum(case((row.closes_at > _milliseconds(now), 1), else_=0))
        found = select(row.connector, is_open, func.count()).group_by(row.connector).order_by(row.connector)
        return {name: Count(int(open_), total - int(open_)) for name, open_, total in connection.execute(found)}

    def over(self, before: datetime) -> ColumnElement[bool]:
        """The rows of windows that had been closed for `KEPT` at a time."""
        return self.table.c.closes_at < _milliseconds(before - KEPT)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
