"""What the inbox knows beside its turns, in tables of its own in the same database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, MetaData, Table, delete, inspect, select, text, tuple_
from sqlalchemy.schema import CreateSchema

from assistant.inbox.acts import Acts
from assistant.inbox.aliases import Aliases
from assistant.inbox.holders import Holders
from assistant.inbox.reports import Reports
from assistant.inbox.windows import Windows

LOCK = 0x0D806
"""Advisory lock of PostgreSQL under which the tables are made: two that make the same at once fail."""

MOST = 200
"""Rows of a table that are forgotten in one transaction: acknowledgements do not wait for more."""


class Ledgers:
    """Identities, reports, windows and holders; every method takes part in the caller's transaction.

    `schema` is None in SQLite.
    """

    def __init__(self, schema: str | None) -> None:
        self._known = MetaData(schema=schema)
        self.windows = Windows(self._known)
        self.holders = Holders(self._known)
        self.reports = Reports(self._known)
        self.acts = Acts(self._known)
        evidence = (self.windows.table.c.conversation, self.holders.table.c.conversation)
        self.aliases = Aliases(self._known, evidence=evidence)

    def create(self, connection: Connection) -> None:
        """Make the tables that are missing."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        schema = self._known.schema
        if schema and not inspect(connection).has_schema(schema):
            connection.execute(CreateSchema(schema))
        self._known.create_all(connection, checkfirst=True)

    def exist(self, connection: Connection) -> bool:
        """Whether there are the tables; a database of an earlier version has none."""
        there = set(inspect(connection).get_table_names(schema=self._known.schema))
        return all(table.name in there for table in self._known.tables.values())

    def prune(self, connection: Connection, *, before: datetime, most: int = MOST) -> int:
        """Forget some of what is over since before a time; how much.

        Identities are kept: they tell whose a conversation is.
        """
        return sum(
            self._forget(connection, ledger.table, ledger.over(before), most)
            for ledger in (self.reports, self.acts, self.holders, self.windows)
        )

    def _forget(self, connection: Connection, table: Table, over: ColumnElement[bool], most: int) -> int:
        old = select(*table.primary_key).where(over).limit(most)
        return connection.execute(delete(table).where(tuple_(*table.primary_key).in_(old))).rowcount
