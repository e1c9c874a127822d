"""What platforms report of messages that were sent: delivered, read, failed; by message id and by the key of the part."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    func,
    select,
    update,
)

from assistant.inbox.names import LONGEST, sound
from assistant.inbox.upserts import among, put, storable
from assistant.types import Address, Incoming, ReceiptState

AT_ONCE = 500
"""Turns asked about in one statement."""

PART = 100
"""Bytes that a key may have behind the turn's id."""

PIECE = re.compile(r"#[0-9]{1,4}$")
"""Ends the key of a message that is a piece of a part."""

TIMES = ("sent_at", "delivered_at", "read_at", "failed_at")

REASONLESS = "the platform says that it failed, and not why"


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one message of ours; a time is None where nothing was heard of that.

    `again`: a person asked for it to be sent again, so that it stands for nothing any more.
    """

    turn: str
    key: str
    id: str
    sent: datetime | None = None
    delivered: datetime | None = None
    read: datetime | None = None
    failed: datetime | None = None
    error: str | None = None
    again: bool = False

    @property
    def state(self) -> ReceiptState:
        """The furthest it came; a message that was read has not failed."""
        if self.read:
            return "read"
        if self.failed:
            return "failed"
        return "delivered" if self.delivered else "sent"

    @property
    def failing(self) -> bool:
        """Whether its turn needs a person because of it."""
        return self.state == "failed" and not self.again


class Reports:
    """Reports in any order and number: each time is noted once, so that none can be taken back."""

    def __init__(self, known: MetaData) -> None:
        self.table = Table(
            "inbox_reports",
            known,
            Column("message", Text, primary_key=True),
            *(Column(name, Text, nullable=False) for name in ("connector", "account", "id")),
            *(Column(name, Text) for name in ("turn", "key", "error")),
            *(Column(name, BigInteger) for name in (*TIMES, "retried_at")),
            Column("noted_at", BigInteger, nullable=False, index=True),
            Index("inbox_reports_turn", "turn"),
            Index("inbox_reports_key", "key"),
        )
        row = self.table.c
        self._failing = and_(
            row.failed_at.is_not(None), row.turn.is_not(None), row.read_at.is_(None), row.retried_at.is_(None)
        )
        Index("inbox_reports_failing", row.turn, sqlite_where=self._failing, postgresql_where=self._failing)

    def sent(self, connection: Connection, *, turn: str, key: str, address: Address, ids: Sequence[str]) -> None:
        """Note that a part of a turn was sent and which messages it became."""
        now = int(time.time() * 1000)
        self._put(
            connection, [_row(address, id, now) | {"turn": turn, "key": storable(key), "sent_at": now} for id in ids]
        )

    def reported(self, connection: Connection, events: Sequence[Incoming]) -> None:
        """Note events of kind "status"; others, and those that name no message, are passed over."""
        now = int(time.time() * 1000)
        rows = []
        for event in events:
            column = f"{event.text}_at"
            if event.kind != "status" or not event.reply_to or column not in TIMES:
                continue
            told = {column: int(event.sent_at.timestamp() * 1000)}
            key, error = event.raw.get("key"), event.raw.get("error") if event.text == "failed" else None
            named = {"key": storable(key), "turn": turn_of(key)} if _is_key(key) else {}
            row = _row(event.address, event.reply_to, now) | told | named
            rows.append(row | ({"error": storable(str(error))} if error else {}))
        self._put(connection, rows)

    def arrived(self, connection: Connection, *, connector: str, account: str, key: str) -> tuple[str, ...] | None:
        """The ids of the messages that a send with this key became; None: nothing was heard of one.

        What a person asked to be sent again does not count.
        """
        row = self.table.c
        mine = (
            row.connector == connector,
            row.account == account,
            row.key == storable(key),
            row.retried_at.is_(None),
        )
        found = select(row.id).where(*mine).order_by(row.noted_at, row.id)
        return tuple(id for (id,) in connection.execute(found)) or None

    def is_ours(self, connection: Connection, *, connector: str, account: str, id: str) -> bool:
        """Whether a send of ours had this message id."""
        row = self.table.c
        mine = select(row.key).where(row.message == _message(connector, account, id))
        return connection.scalar(mine.where(row.key.is_not(None))) is not None

    def of_turns(self, connection: Connection, turns: Sequence[str]) -> Mapping[str, Sequence[Report]]:
        """All that is known of the messages of turns, in the order in which it became known."""
        found: defaultdict[str, list[Report]] = defaultdict(list)
        for some in _some(turns):
            mine = select(self.table).where(self.table.c.turn.in_(some))
            for row in connection.execute(mine.order_by(self.table.c.noted_at, self.table.c.id)):
                found[row.turn].append(_report(row))
        return found

    @property
    def failing(self) -> Select[str]:
        """Turns that have a message which failed and was not sent again since."""
        return select(self.table.c.turn).where(self._failing)

    def failures(self, connection: Connection, turns: Sequence[str]) -> dict[str, str]:
        """Those of the turns that are failing, and why."""
        found: dict[str, str] = {}
        row = self.table.c
        for some in _some(turns):
            for turn, error in connection.execute(
                select(row.turn, row.error).where(self._failing, row.turn.in_(some)).order_by(row.failed_at)
            ):
                found.setdefault(turn, error or REASONLESS)
        return found

    def retried(self, connection: Connection, *, turn: str, keys: Iterable[str]) -> None:
        """Note that parts are to be sent again: what was reported of them so far does not count any more."""
        row, wanted = self.table.c, set(map(storable, keys))
        known = connection.execute(select(row.message, row.key).where(row.turn == turn, row.retried_at.is_(None)))
        parts = [message for message, key in known if part_of(key or "") in wanted]
        retried = update(self.table).where(among(connection, row.message, parts))
        connection.execute(retried.values(retried_at=int(time.time() * 1000)))

    def over(self, before: datetime) -> ColumnElement[bool]:
        """The rows of what was noted before a time."""
        return self.table.c.noted_at < int(before.timestamp() * 1000)

    def _put(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        names = ("turn", "key", "error", *TIMES)
        # in one order, so that two processes that are told the same do not wait for each other
        filled = [dict.fromkeys(names) | row for row in sorted(rows, key=lambda row: row["message"])]
        new = put(connection, self.table)
        row = self.table.c
        kept = {name: func.coalesce(row[name], new.excluded[name]) for name in names}
        connection.execute(new.on_conflict_do_update(index_elements=["message"], set_=kept), filled)


def turn_of(key: str) -> str:
    """The turn that a key belongs to: `Turn.key` puts the part's number behind it."""
    return storable(key).rpartition(":")[0]


def part_of(key: str) -> str:
    """The key of the part that a key belongs to: of a part that became several messages only the last has the bare key, so
    that its arrival is that of the whole."""
    return PIECE.sub("", key)


def _is_key(key: object) -> TypeGuard[str]:
    """Whether it may be ours: a turn's id is a name of the database, and nothing longer is."""
    return isinstance(key, str) and 0 < len(key.encode("utf-8", "replace")) < LONGEST + PART


def _message(connector: str, account: str, id: str) -> str:
    return sound(str(Address(connector, account, id)))


def _row(address: Address, id: str, now: int) -> dict[str, Any]:
    where = {"connector": address.connector, "account": address.account, "id": storable(id)}
    return {"message": _message(address.connector, address.account, id), **where, "noted_at": now}


def _report(row: Any) -> Report:
    times = (_at(row.sent_at), _at(row.delivered_at), _at(row.read_at), _at(row.failed_at))
    error = row.error or (REASONLESS if row.failed_at is not None else None)
    return Report(row.turn, part_of(row.key or ""), row.id, *times, error=error, again=row.retried_at is not None)


def _at(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _some(turns: Sequence[str]) -> Iterable[Sequence[str]]:
    return (turns[at : at + AT_ONCE] for at in range(0, len(turns), AT_ONCE))
