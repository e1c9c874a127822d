"""Rows of the database as the desk shows them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from assistant.inbox.delivery import Attempt
from assistant.inbox.entries import Entry, Moment, Part, Shown, State
from assistant.inbox.names import QUEUE, WORKFLOW
from assistant.inbox.records import incoming_from_json, readable
from assistant.inbox.tables import ACTIVE, DROPPED, GAVE_UP, Tables, stored_in
from assistant.types import Incoming

Json = dict[str, Any]

ALL_STATES: tuple[State, ...] = ("queued", "running", "answered", "parked", "dead")

BY_STATUS: Mapping[str, State] = {
    "ENQUEUED": "queued",
    "DELAYED": "queued",
    "PENDING": "running",
    "SUCCESS": "answered",
    "ERROR": "dead",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "dead",
}

PARKED = '%"name":"Parked"%'
"""How the outcome of a parked turn looks, as DBOS writes it."""


def newest(tables: Tables, state: State | None) -> Select[Any]:
    """Rows of turns with their inputs and outcomes, the newest first."""
    turn, given, came = tables.turns, tables.inputs, tables.outcomes
    joined = turn.join(given, given.c.workflow_uuid == turn.c.workflow_uuid).outerjoin(
        came, came.c.workflow_uuid == turn.c.workflow_uuid
    )
    columns = (turn.c.workflow_uuid, turn.c.status, turn.c.queue_partition_key, turn.c.created_at, given.c.inputs)
    found = select(*columns, came.c.output, came.c.error).select_from(joined).where(turn.c.name == WORKFLOW)
    return found.where(_in(tables, state)).order_by(turn.c.created_at.desc())


def _in(tables: Tables, state: State | None) -> ColumnElement[bool]:
    status, error = tables.turns.c.status, tables.outcomes.c.error
    if state is None:
        return status != DROPPED
    if state == "parked":
        return and_(status == "ERROR", error.like(PARKED))
    if state == "dead":
        return and_(status.in_(GAVE_UP), or_(error.is_(None), error.not_like(PARKED)))
    return status == {"queued": "ENQUEUED", "running": "PENDING", "answered": "SUCCESS"}[state]


def counts(tables: Tables, connection: Connection, *, answered: bool = False) -> dict[str, int]:
    """Turns by state; with `answered` those too, which takes time where there are many."""
    turn, came = tables.turns.c, tables.outcomes.c
    found: dict[str, int] = {state: 0 for state in ALL_STATES if answered or state != "answered"}
    active = select(turn.status, func.count()).where(turn.status.in_(ACTIVE), turn.queue_name == QUEUE)
    for status, number in connection.execute(active.group_by(turn.status)):
        found[BY_STATUS[status]] += number
    over = select(func.count()).select_from(tables.turns).where(turn.name == WORKFLOW)
    gave_up = connection.scalar(over.where(turn.status.in_(GAVE_UP))) or 0
    joined = tables.turns.join(tables.outcomes, came.workflow_uuid == turn.workflow_uuid)
    parked = select(func.count()).select_from(joined).where(turn.name == WORKFLOW, turn.status == "ERROR")
    found["parked"] = connection.scalar(parked.where(came.error.like(PARKED))) or 0
    found["dead"] = gave_up - found["parked"]
    if answered:
        found["answered"] = connection.scalar(over.where(turn.status == "SUCCESS")) or 0
    return found


def steps(tables: Tables, connection: Connection, turns: Sequence[str]) -> dict[str, list[Any]]:
    """The steps of turns in their order."""
    found: dict[str, list[Any]] = defaultdict(list)
    step = tables.steps
    for at in range(0, len(turns), 500):
        mine = select(step).where(step.c.workflow_uuid.in_(turns[at : at + 500])).order_by(step.c.function_id)
        for row in connection.execute(mine):
            found[row.workflow_uuid].append(row)
    return found


def state(row: Any) -> State:
    """The state of a row."""
    if row.status == "ERROR" and (_json(row.error) or {}).get("name") == "Parked":
        return "parked"
    return BY_STATUS.get(row.status, "dead")


def entry(row: Any, steps: Sequence[Any]) -> Entry:
    """One line; `steps` are those of a turn that is not finished."""
    message = _message(row)
    outcome = _outcome(row)
    tried = [step for step in steps if step.function_name in ("answer", "send")]
    attempts = outcome.get("attempts", len(tried))
    error = (_json(row.error) or {}).get("message") if row.status in GAVE_UP else _last_error(tried)
    if row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        error = "the process died each time it was answered"
    return Entry(
        id=row.workflow_uuid,
        connector=message.address.connector,
        conversation=str(message.address),
        text=message.text,
        state=state(row),
        attempts=attempts,
        received_at=_at(row.created_at),
        error=error,
    )


def shown(row: Any, steps: Sequence[Any]) -> Shown:
    """Everything about a turn."""
    outcome = _outcome(row)
    gathered = next((_json(step.output) for step in steps if step.function_name == "gather"), None) or {}
    answer = next((_json(step.output) for step in reversed(steps) if step.function_name == "answer"), None) or {}
    followers = [incoming_from_json(record) for record in gathered.get("messages", ())]
    timeline = [Moment("received", _at(row.created_at)), *(_moment(step) for step in steps)]
    return Shown(
        entry=entry(row, steps),
        messages=(_message(row), *followers),
        parts=tuple(_parts(answer.get("parts", ()), steps, outcome)),
        details=answer.get("details", {}),
        timeline=tuple(timeline),
        answered_by=outcome.get("answered_by"),
    )


def resume_at(steps: Sequence[Any]) -> int:
    """The step where a retry begins: after all there are, but for one that ended in an error of ours."""
    if not steps:
        return 1
    last = steps[-1]
    return int(last.function_id) + (not last.error)


def _parts(parts: Sequence[Json], steps: Sequence[Any], outcome: Json) -> list[Part]:
    """Each part with what its attempts came to; attempts are in order, and a part is over once it was sent."""
    final = {record.get("key"): record for record in outcome.get("parts", ())}
    attempts = [Attempt.from_json(_json(step.output) or {}) for step in steps if step.function_name == "send"]
    shown: list[Part] = []
    for part in parts:
        mine: list[Attempt] = []
        while attempts and not (mine and mine[-1].state == "sent"):
            mine.append(attempts.pop(0))
        if part.get("key") in final and not (mine and mine[-1].state == "sent"):
            mine.append(Attempt.from_json(final[part.get("key")]))
        shown.append(_part(part, mine))
    return shown


def _part(part: Json, attempts: Sequence[Attempt]) -> Part:
    last = attempts[-1] if attempts else None
    states = {"sent": last.receipt if last else "", "parked": "unknown", "refused": "failed", "spent": "failed"}
    return Part(
        key=part.get("key", ""),
        text=part.get("text", ""),
        state=states.get(last.state, "unknown" if last.doubt else "waiting") if last else "waiting",
        ids=last.ids if last else (),
        attempts=len(attempts),
        resent=any(attempt.resent for attempt in attempts),
        error=last.error if last else None,
    )


def _outcome(row: Any) -> Json:
    """What the workflow left: its output, or what its error carries."""
    if row.output:
        return _json(row.output) or {}
    return ((_json(row.error) or {}).get("data") or {}) if row.error else {}


def _last_error(steps: Sequence[Any]) -> str | None:
    error: str | None = (_json(steps[-1].output) or {}).get("error") if steps else None
    return error


def _moment(step: Any) -> Moment:
    begun, over = step.started_at_epoch_ms, step.completed_at_epoch_ms
    name = "wait" if step.function_name == "DBOS.sleep" else step.function_name
    seconds = (over - begun) / 1000 if begun is not None and over is not None else None
    return Moment(name, _at(begun if begun is not None else over or 0), seconds)


def _message(row: Any) -> Incoming:
    """The message of a row; where it cannot be read one that says so, so that the others are shown."""
    unreadable = {"address": {"connector": str(row.queue_partition_key).partition(":")[0]}, "text": "(not readable)"}
    return readable(stored_in(row.inputs).get("message")) or incoming_from_json(unreadable)


def _json(text: str | None) -> Json | None:
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
