"""What persons did to turns: asked for another attempt."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, MetaData, Table, Text, select

from assistant.inbox.upserts import put


class Acts:
    """Retries of turns and when they were asked for."""

    def __init__(self, known: MetaData) -> None:
        self.table = Table(
            "inbox_acts",
            known,
            Column("turn", Text, primary_key=True),
            Column("at", BigInteger, primary_key=True, index=True),
        )

    def retried(self, connection: Connection, turn: str, *, at: float) -> None:
        """Note that a person asked for a turn to be tried again; `at` is in seconds since 1970."""
        row = {"turn": turn, "at": int(at * 1000)}
        connection.execute(put(connection, self.table).on_conflict_do_nothing(), [row])

    def of(self, connection: Connection, turn: str) -> list[datetime]:
        """When a turn was asked to be tried again, oldest first."""
        row = self.table.c
        found = connection.execute(select(row.at).where(row.turn == turn).order_by(row.at))
        return [datetime.fromtimestamp(at / 1000, UTC) for (at,) in found]

    def over(self, before: datetime) -> ColumnElement[bool]:
        """The rows of what was asked before a time."""
        return self.table.c.at < int(before.timestamp() * 1000)
