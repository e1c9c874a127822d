"""What SQLite and PostgreSQL do differently: INSERT where a row is there already, long lists, texts that can be held."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Table, Text, any_, column, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite


def put(connection: Connection, table: Table) -> Any:
    """An INSERT that has `on_conflict_do_nothing` and `on_conflict_do_update`; SQLAlchemy has one type for each database."""
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)


def among(connection: Connection, name: Column[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column has one of many values, which go as one parameter: hundreds take longer than the look itself."""
    if connection.dialect.name == "sqlite":
        given = func.json_each(json.dumps(values)).table_valued(column("value", Text))
        return name.in_(select(given.c.value))
    return name == any_(literal(values, ARRAY(Text)))


def storable(text: str) -> str:
    """The text without what no database can hold: halves of characters, and NUL, which PostgreSQL refuses."""
    if text.isascii():
        return text.replace("\0", "")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")
