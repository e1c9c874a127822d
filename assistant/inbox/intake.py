"""What events change in the database, in the transaction in which they are recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from assistant.connector import Connector, Windowed
from assistant.inbox.ledgers import Ledgers
from assistant.inbox.names import lane_of, lane_of_address
from assistant.inbox.records import incoming_to_json
from assistant.inbox.tables import Row, Tables
from assistant.inbox.takeover import Takeover
from assistant.inbox.turns import turn_id
from assistant.types import Incoming

JUDGE = "judge"
"""Marks the record of an echo of somebody else's message; true: nobody could tell yet whose it is, and its turn finds out."""

MOVED = "moved"
"""Marks the record of an event that came by another identity than its conversation began with."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event as it came, and what is stored beside it; `lanes` are those that it may turn out to belong in."""

    event: Incoming
    about: Mapping[str, Any]
    lanes: frozenset[str]

    @classmethod
    def of(cls, event: Incoming, **about: Any) -> Arrived:
        """A report is in no lane: it changes nothing that another event does."""
        lanes = {lane_of(event), *(lane_of(renamed(event, chat)) for chat in event.aliases)}
        return cls(event, about, frozenset(() if event.kind == "status" else lanes))


@dataclass(slots=True)
class Taken:
    """What a transaction did.

    Attributes:
        left: events for the next one: there was an earlier one of their lane in this.
        silenced: lanes in which what is being written is to be stopped, once this is on disk.
    """

    left: list[Arrived] = field(default_factory=list)
    silenced: list[str] = field(default_factory=list)


class Intake:
    """Aliases, reports, holders, windows and turns of a batch of events."""

    def __init__(
        self, tables: Tables, ledgers: Ledgers, takeover: Takeover, connectors: Mapping[str, Connector]
    ) -> None:
        self._tables = tables
        self._ledgers = ledgers
        self._takeover = takeover
        self._windowed = {name: each for name, each in connectors.items() if isinstance(each, Windowed)}

    def take(self, connection: Connection, batch: Sequence[Arrived]) -> Taken:
        """Record a batch, in its order, at most one event of a lane; repeated it does nothing."""
        taken = Taken()
        settled = self._ledgers.aliases.settle(connection, [each.event for each in batch])
        mine = self._apart(batch, settled, taken)
        if reports := [event for event, _ in mine if event.kind == "status"]:
            self._ledgers.reports.reported(connection, reports)
        judged = self._judged(connection, [pair for pair in mine if pair[0].kind != "status"], taken)
        self._open_windows(connection, [event for event, _ in judged])
        if judged:
            self._tables.enqueue(connection, [_row(event, about) for event, about in judged])
        return taken

    def _apart(
        self, batch: Sequence[Arrived], settled: Sequence[Incoming], taken: Taken
    ) -> list[tuple[Incoming, Mapping[str, Any]]]:
        """The first event of each lane; lanes that seemed to be two may be one."""
        mine: list[tuple[Incoming, Mapping[str, Any]]] = []
        lanes: set[str] = set()
        for arrived, event in zip(batch, settled, strict=True):
            lane = lane_of(event)
            if event.kind != "status" and lane in lanes:
                taken.left.append(arrived)
                continue
            lanes.add(lane)
            moved = event.address != arrived.event.address
            mine.append((event, {**arrived.about, MOVED: True} if moved else arrived.about))
        return mine

    def _judged(
        self, connection: Connection, events: Sequence[tuple[Incoming, Mapping[str, Any]]], taken: Taken
    ) -> list[tuple[Incoming, Mapping[str, Any]]]:
        """The events without the echoes of our own messages; what the others say of who holds a conversation is noted."""
        told = {turn_id(event): holder for event, _ in events if (holder := self._takeover.told(event))}
        if not told:
            return list(events)
        known = self._known(connection, list(told))
        found: list[tuple[Incoming, Mapping[str, Any]]] = []
        for event, about in events:
            holder = told.get(turn_id(event))
            if holder is None or turn_id(event) in known:
                found.append((event, about))
                continue
            ours = self._takeover.ours(connection, event) if event.kind == "echo" else False
            if ours is False and self._takeover.note(connection, event.address, holder, since=event.sent_at):
                taken.silenced.append(lane_of_address(event.address))
            if ours is not True:
                found.append((event, {**about, JUDGE: ours is None} if event.kind == "echo" else about))
        return found

    def _known(self, connection: Connection, turns: Sequence[str]) -> set[str]:
        """Those that came before: what they said then may have been taken back since."""
        row = self._tables.turns.c.workflow_uuid
        return set(connection.scalars(select(row).where(row.in_(turns))))

    def _open_windows(self, connection: Connection, events: Sequence[Incoming]) -> None:
        until = [
            (event.address, event.sent_at + timedelta(seconds=seconds))
            for event in events
            if (connector := self._windowed.get(event.address.connector)) and (seconds := connector.window(event)) > 0
        ]
        if until:
            self._ledgers.windows.opened(connection, until)


def renamed(event: Incoming, chat: str) -> Incoming:
    """The same event in a chat of another name."""
    return replace(event, address=replace(event.address, chat=chat))


def _row(event: Incoming, about: Mapping[str, Any]) -> Row:
    return Row(turn_id(event), lane_of(event), {"message": incoming_to_json(event), **about})
