"""The tables of DBOS 3.4 as far as the inbox reads them, and what it changes there itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from assistant.inbox.names import APPLICATION, ASKED, QUEUE, VERSION, WORKFLOW

ACTIVE = ("ENQUEUED", "PENDING")
GAVE_UP = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
ANSWERED = ("SUCCESS",)
DROPPED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Row:
    """A message as it is recorded: its turn's id, the lane it waits in, and what the workflow is called with."""

    id: str
    lane: str
    record: dict[str, Any]


class Tables:
    """Rows of turns, their inputs, outcomes and steps; `schema` is None in SQLite."""

    def __init__(self, schema: str | None) -> None:
        known = MetaData(schema=schema)
        self.turns = Table(
            "workflow_status",
            known,
            *(Column(name, Text) for name in ("workflow_uuid", "status", "name", "executor_id", "queue_name")),
            *(Column(name, Text) for name in ("queue_partition_key", "owner_xid", "application_version")),
            *(Column(name, BigInteger) for name in ("created_at", "updated_at", "started_at_epoch_ms", "completed_at")),
            *(Column(name, Text) for name in ("serialization", "creator_xid", "application_name")),
            *(Column(name, Integer) for name in ("priority", "recovery_attempts")),
        )
        self.inputs = Table("workflow_input", known, Column("workflow_uuid", Text), Column("inputs", Text))
        self.outcomes = Table(
            "workflow_output",
            known,
            *(Column(name, Text) for name in ("workflow_uuid", "output", "error")),
            Column("retention_timestamp", BigInteger),
        )
        self.steps = Table(
            "operation_outputs",
            known,
            *(Column(name, Text) for name in ("workflow_uuid", "function_name", "output", "error")),
            *(Column(name, Text) for name in ("serialization", "application_name")),
            *(Column(name, BigInteger) for name in ("started_at_epoch_ms", "completed_at_epoch_ms")),
            Column("retention_timestamp", BigInteger),
            Column("function_id", Integer),
        )

    def exist(self, connection: Connection) -> bool:
        """Whether an inbox was ever started on the database."""
        return inspect(connection).has_table(self.turns.name, schema=self.turns.schema)

    def enqueue(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Record messages; one that is there already is left as it is.

        Writes what `DBOSClient.enqueue` writes, for all in two statements instead of two for each: a test compares them.
        """
        put = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        turns = [
            {
                "workflow_uuid": row.id,
                "status": "ENQUEUED",
                "name": WORKFLOW,
                "application_version": VERSION,
                "application_name": APPLICATION,
                "queue_name": QUEUE,
                "queue_partition_key": row.lane,
                "recovery_attempts": 0,
                "priority": 0,
                "serialization": "portable_json",
                "creator_xid": str(uuid.uuid4()),
            }
            for row in rows
        ]
        inputs = [{"workflow_uuid": row.id, "inputs": _arguments(row.record)} for row in rows]
        connection.execute(put(self.turns).on_conflict_do_nothing(), turns)
        connection.execute(put(self.inputs).on_conflict_do_nothing(), inputs)

    def hand_back(
        self,
        connection: Connection,
        *,
        executors: Sequence[str],
        turns: Sequence[str] | None = None,
        died: bool = False,
    ) -> int:
        """Let what these executors were running run again, first in its lane; how many turns that is.

        The same change as DBOS's recovery makes of one workflow, for all of them in one statement. Unless the executors
        `died` the turns begin with a clean record: no turn is to blame for a disk that is full.
        """
        row = self.turns.c
        started = [row.status == "PENDING", row.executor_id.in_(executors), row.queue_name.is_not(None)]
        if turns is not None:
            started.append(row.workflow_uuid.in_(turns))
        again = update(self.turns).where(*started).values(status="ENQUEUED", owner_xid=None, started_at_epoch_ms=None)
        return connection.execute(again if died else again.values(recovery_attempts=0)).rowcount

    def rewind(self, connection: Connection, id: str, *, step: int, now: int, ended: Sequence[str] = GAVE_UP) -> bool:
        """Let a turn that `ended` so run again from a step on, in its lane, because a person asked for it; False: it does
        not stand so any more.

        What `DBOSClient.rewind_workflow` does to a workflow without events, streams and messages, in the caller's
        transaction: between a look and a change somebody else may have had it answered, and it would be sent again.
        """
        row = self.turns.c
        again = update(self.turns).where(row.workflow_uuid == id, row.status.in_(ended))
        values = {"status": "ENQUEUED", "owner_xid": None, "recovery_attempts": 0, "application_version": VERSION}
        values["queue_name"] = QUEUE  # DBOS takes it from a turn that it gives up itself
        times = {"started_at_epoch_ms": None, "completed_at": None, "updated_at": now}
        if not connection.execute(again.values(**values, **times)).rowcount:
            return False
        connection.execute(delete(self.outcomes).where(self.outcomes.c.workflow_uuid == id))
        done = self.steps.c
        connection.execute(delete(self.steps).where(done.workflow_uuid == id, done.function_id >= step))
        last = (done.workflow_uuid == id) & (done.function_id == step - 1)
        if record := loaded(connection.scalar(select(done.output).where(last))):
            asked = json.dumps(record | {ASKED: True}, separators=(",", ":"))
            connection.execute(update(self.steps).where(last).values(output=asked))
        return True

    def drop(self, connection: Connection, id: str, *, now: int, answered: bool) -> bool:
        """Let a turn never run again; False: it runs now, was dropped before, or was `answered`, where that is not meant."""
        row = self.turns.c
        meant = ("ENQUEUED", *GAVE_UP, *(ANSWERED if answered else ()))
        dropped = update(self.turns).where(row.workflow_uuid == id, row.status.in_(meant))
        values = dropped.values(status=DROPPED, owner_xid=None, completed_at=now, updated_at=now)
        return bool(connection.execute(values).rowcount)

    def answer_by(self, connection: Connection, turns: Sequence[str], output: str, now: int) -> None:
        """Finish waiting turns with an outcome: another turn answers them. A turn that is finished stays as it is."""
        row = self.turns.c
        waiting = select(row.workflow_uuid).where(row.workflow_uuid.in_(turns), row.status == "ENQUEUED")
        found = [id for (id,) in connection.execute(waiting)]
        if not found:
            return
        done = update(self.turns).where(row.workflow_uuid.in_(found), row.status == "ENQUEUED")
        connection.execute(done.values(status="SUCCESS", owner_xid=None, updated_at=now, completed_at=now))
        values = [{"workflow_uuid": id, "output": output, "retention_timestamp": now} for id in found]
        connection.execute(insert(self.outcomes), values)


def loaded(text: str | None) -> dict[str, Any]:
    """A JSON object of the database; empty where there is none."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def stored_in(inputs: str) -> dict[str, Any]:
    """What a workflow was called with; empty where it cannot be read."""
    try:
        record = json.loads(inputs)["positionalArgs"][0]
    except (KeyError, IndexError, TypeError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _arguments(record: dict[str, Any]) -> str:
    """The arguments of a workflow as DBOS's portable JSON."""
    given = {"namedArgs": {}, "positionalArgs": [record]}
    return json.dumps(given, separators=(",", ":"), ensure_ascii=False, default=str)
