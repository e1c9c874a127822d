"""Who answers in a conversation: the bot, unless a person or another application has taken it over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, MetaData, Select, Table, Text, and_, or_, select

from assistant.connector import Holder
from assistant.inbox.names import sound
from assistant.inbox.upserts import among, put
from assistant.types import Address

SECOND = 1000
"""Milliseconds. Platforms tell times in whole seconds: what was done in the second of a release may be after it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation that somebody else answers in; `until` None: until it is released."""

    conversation: str
    holder: Holder
    since: datetime
    until: datetime | None

    def to_dict(self) -> dict[str, str | None]:
        """As the command line and HTTP show it; times in ISO 8601."""
        until = self.until.isoformat() if self.until else None
        return {
            "conversation": self.conversation,
            "holder": self.holder,
            "since": self.since.isoformat(),
            "until": until,
        }


class Holders:
    """The latest word on each conversation; earlier ones that come later change nothing."""

    def __init__(self, known: MetaData) -> None:
        self.table = Table(
            "inbox_holders",
            known,
            Column("conversation", Text, primary_key=True),
            Column("holder", Text, nullable=False),
            *(Column(name, BigInteger, nullable=False) for name in ("since", "heard")),
            Column("until", BigInteger),
        )

    def held(
        self,
        connection: Connection,
        address: Address | str,
        holder: Holder,
        *,
        since: datetime,
        until: datetime | None,
    ) -> None:
        """Note who holds a conversation from a time on; "bot" releases it.

        `address` may be the key of a conversation. A hold is extended, never shortened, also by another holder. Of what was
        done before the latest that is known, a release included, nothing is noted: platforms send events again.
        """
        key, at = sound(str(address)), _milliseconds(since)
        known = connection.execute(self._of(key)).first()
        if known is None or at >= known.heard - known.heard % SECOND:
            self._put(connection, key, holder, known, since=at, until=until)

    def decided(
        self, connection: Connection, address: Address | str, holder: Holder, *, until: datetime | None
    ) -> None:
        """As `held`, of what is decided here and now: it counts also where the platform's clock is ahead of ours, or ours
        was set back, and what the platform told last has a later time."""
        key = sound(str(address))
        known = connection.execute(self._of(key)).first()
        self._put(connection, key, holder, known, since=_milliseconds(datetime.now(UTC)), until=until)

    def release(self, connection: Connection, conversation: str) -> bool:
        """Give a conversation back to the bot; whether somebody held it."""
        was = self._held(connection, conversation, datetime.now(UTC)) is not None
        if was:
            self.decided(connection, conversation, "bot", until=None)
        return was

    def holder(self, connection: Connection, address: Address, now: datetime) -> Held | None:
        """Who holds a conversation; None: the bot."""
        return self._held(connection, str(address), now)

    def returned(self, connection: Connection, conversation: str, now: datetime) -> datetime | None:
        """When the bot last got a conversation back; None: it always had it, or has not got it."""
        row = connection.execute(self._of(sound(conversation))).first()
        if row is None:
            return None
        ended = row.since if row.holder == "bot" else row.until
        return None if ended is None or ended > _milliseconds(now) else _at(ended)

    def list(self, connection: Connection, now: datetime) -> list[Held]:
        """Every conversation that is held, the longest first."""
        row = self.table.c
        rows = connection.execute(self._active(now).order_by(row.since, row.conversation))
        return [_held(each) for each in rows]

    def among(self, connection: Connection, conversations: Collection[str], now: datetime) -> set[str]:
        """Those of these conversations that somebody else than the bot holds; keys, as the lanes are called."""
        mine = among(connection, self.table.c.conversation, sorted(conversations))
        return {row.conversation for row in connection.execute(self._active(now).where(mine))}

    def over(self, before: datetime) -> ColumnElement[bool]:
        """The rows of what ended before a time."""
        row, at = self.table.c, _milliseconds(before)
        return and_(row.heard < at, or_(row.until < at, row.holder == "bot"))

    def _put(
        self,
        connection: Connection,
        key: str,
        holder: Holder,
        known: Any,
        *,
        since: int,
        until: datetime | None,
    ) -> None:
        """Write a row over the `known` one, unless another process heard something later meanwhile."""
        row: dict[str, Any] = {"conversation": key, "holder": holder, "since": since, "heard": since}
        row["until"] = None if until is None or holder == "bot" else _milliseconds(until)
        if known is not None:
            row["heard"] = max(since, known.heard)
            if "bot" not in (holder, known.holder) and (known.until is None or known.until > since):
                row["since"] = known.since if known.holder == holder else since
                row["until"] = None if None in (known.until, row["until"]) else max(known.until, row["until"])
        new = put(connection, self.table)
        changed = {name: new.excluded[name] for name in row if name != "conversation"}
        later = self.table.c.heard <= new.excluded.heard
        update = new.on_conflict_do_update(index_elements=["conversation"], set_=changed, where=later)
        connection.execute(update, [row])

    def _of(self, key: str) -> Select[Any]:
        return select(self.table).where(self.table.c.conversation == key)

    def _active(self, now: datetime) -> Select[Any]:
        row = self.table.c
        lasting = or_(row.until.is_(None), row.until > _milliseconds(now))
        return select(self.table).where(row.holder != "bot", lasting)

    def _held(self, connection: Connection, conversation: str, now: datetime) -> Held | None:
        mine = self._active(now).where(self.table.c.conversation == sound(conversation))
        row = connection.execute(mine).first()
        return None if row is None else _held(row)


def _held(row: Any) -> Held:
    until = None if row.until is None else _at(row.until)
    return Held(row.conversation, row.holder, _at(row.since), until)


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
