"""Rows of the database as the desk shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from assistant.inbox.delivery import Attempt
from assistant.inbox.entries import Entry, Fate, Part, Shown, State
from assistant.inbox.names import QUEUE, WORKFLOW
from assistant.inbox.records import incoming_from_json, readable
from assistant.inbox.reports import REASONLESS, Report
from assistant.inbox.tables import ACTIVE, DROPPED, GAVE_UP, Tables, loaded, stored_in
from assistant.inbox.timeline import DIED, Timeline, at
from assistant.inbox.wording import reading
from assistant.types import Incoming

Json = dict[str, Any]

ALL_STATES: tuple[State, ...] = ("queued", "running", "answered", "parked", "dead")

BY_STATUS: Mapping[str, Fate] = {
    "ENQUEUED": "queued",
    "DELAYED": "queued",
    "PENDING": "running",
    "SUCCESS": "answered",
    "ERROR": "dead",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "dead",
    DROPPED: "dropped",
}

PARKED = '%"name":"Parked"%'
"""How the outcome of a parked turn looks, as DBOS writes it."""


PROGRESS = ("failed", "unknown", "sent", "delivered", "read")
"""Of the messages of one part the first of these is told."""

Failing = Select[str]
"""The turns that have a message which the platform reported as failed; see `Reports.failing`."""


def turns(tables: Tables) -> Select[Any]:
    """Rows of turns with their inputs and outcomes."""
    turn, given, came = tables.turns, tables.inputs, tables.outcomes
    joined = turn.join(given, given.c.workflow_uuid == turn.c.workflow_uuid).outerjoin(
        came, came.c.workflow_uuid == turn.c.workflow_uuid
    )
    times = (turn.c.created_at, turn.c.updated_at, turn.c.completed_at)
    columns = (turn.c.workflow_uuid, turn.c.status, turn.c.queue_partition_key, *times, given.c.inputs)
    return select(*columns, came.c.output, came.c.error).select_from(joined).where(turn.c.name == WORKFLOW)


def turn(tables: Tables, connection: Connection, id: str) -> Any:
    """The row of a turn; None: there is none."""
    return connection.execute(turns(tables).where(tables.turns.c.workflow_uuid == id)).first()


def newest(tables: Tables, state: State | None, failing: Failing | None = None) -> Select[Any]:
    """Rows of the turns in one state, or of all that are listed, the newest first."""
    return turns(tables).where(_in(tables, state, failing)).order_by(tables.turns.c.created_at.desc())


def _in(tables: Tables, state: State | None, failing: Failing | None) -> ColumnElement[bool]:
    turn, error = tables.turns.c, tables.outcomes.c.error
    if state is None:
        return turn.status != DROPPED
    if state == "parked":
        return and_(turn.status == "ERROR", error.like(PARKED))
    if state == "dead":
        gave_up = and_(turn.status.in_(GAVE_UP), or_(error.is_(None), error.not_like(PARKED)))
        if failing is None:
            return gave_up
        return or_(gave_up, and_(turn.workflow_uuid.in_(failing), turn.status == "SUCCESS"))
    if state == "answered" and failing is not None:
        return and_(turn.status == "SUCCESS", turn.workflow_uuid.not_in(failing))
    return turn.status == {"queued": "ENQUEUED", "running": "PENDING", "answered": "SUCCESS"}[state]


def counts(
    tables: Tables, connection: Connection, *, answered: bool = False, failing: Failing | None = None
) -> dict[str, int]:
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
    failed = over.where(turn.status == "SUCCESS", turn.workflow_uuid.in_(failing)) if failing is not None else None
    undelivered = (connection.scalar(failed) or 0) if failed is not None else 0
    found["dead"] = gave_up - found["parked"] + undelivered
    if answered:
        found["answered"] = (connection.scalar(over.where(turn.status == "SUCCESS")) or 0) - undelivered
    return found


def steps(tables: Tables, connection: Connection, turns: Sequence[str]) -> dict[str, list[Any]]:
    """The steps of turns in their order."""
    found: dict[str, list[Any]] = defaultdict(list)
    step = tables.steps
    for begin in range(0, len(turns), 500):
        mine = select(step).where(step.c.workflow_uuid.in_(turns[begin : begin + 500])).order_by(step.c.function_id)
        for row in connection.execute(mine):
            found[row.workflow_uuid].append(row)
    return found


def state(row: Any, failure: str | None = None) -> Fate:
    """The state of a row; `failure`: what the platform reported of one of its messages."""
    if row.status == "ERROR" and loaded(row.error).get("name") == "Parked":
        return "parked"
    return "dead" if failure and row.status == "SUCCESS" else BY_STATUS.get(row.status, "dead")


def sent(row: Any) -> bool:
    """Whether a turn that ended sent anything."""
    return bool(_outcome(row).get("parts"))


def needs_steps(row: Any) -> bool:
    """Whether `entry` has to know the steps: what is not over, or did not go to its end."""
    return row.status != "SUCCESS" or bool(loaded(row.output).get("stopped"))


def entry(row: Any, steps: Sequence[Any], failure: str | None = None) -> Entry:
    """One line; `steps` where they are needed."""
    message = _message(row)
    tried = [step for step in steps if step.function_name in ("answer", "send")]
    error = failure if row.status == "SUCCESS" else _last_error(tried)
    if row.status in GAVE_UP:
        error = loaded(row.error).get("message")
    if row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        error = DIED
    return Entry(
        id=row.workflow_uuid,
        connector=message.address.connector,
        conversation=str(message.address),
        text=reading(message),
        state=state(row, failure),
        attempts=_attempts(row, tried),
        received_at=at(row.created_at),
        error=error,
    )


def _attempts(row: Any, tried: Sequence[Any]) -> int:
    """How often the turn was tried: its failures, and the try that went through or is under way."""
    if not needs_steps(row):
        outcome = _outcome(row)  # counts the answer and every send
        return max(1, int(outcome.get("attempts", 1)) - len(outcome.get("parts", ())))
    failures = sum(_failed(step) for step in tried)
    return failures + 1 if row.status in ("PENDING", "SUCCESS") else max(failures, int(row.status in GAVE_UP))


def _failed(step: Any) -> bool:
    record = loaded(step.output)
    return "parts" not in record if step.function_name == "answer" else record.get("state") not in ("sent", "held")


def shown(row: Any, steps: Sequence[Any], *, acts: Sequence[datetime] = (), reports: Sequence[Report] = ()) -> Shown:
    """Everything about a turn: its steps, when it was asked to be retried, what was reported of its messages."""
    outcome = _outcome(row)
    gathered = next((loaded(step.output) for step in steps if step.function_name == "gather"), {})
    answer = next((loaded(step.output) for step in reversed(steps) if step.function_name == "answer"), {})
    followers = [incoming_from_json(record) for record in gathered.get("messages", ())]
    made: list[Json] = answer.get("parts", [])
    ordered = sorted(made, key=_number)  # a part that was sent again is recorded behind the others
    numbers = {part.get("key", ""): number for number, part in enumerate(ordered, start=1)}
    parts = {part.key: part for part in _parts(made, steps, outcome, [each for each in reports if not each.again])}
    timeline = Timeline(row, outcome, order=[part.get("key", "") for part in made], numbers=numbers)
    failure = next((each.error or REASONLESS for each in reports if each.failing), None)
    return Shown(
        entry=entry(row, steps, failure),
        messages=(_message(row), *followers),
        parts=tuple(parts[key] for key in numbers),
        details=answer.get("details", {}),
        timeline=tuple(timeline.moments(steps, acts=acts, reports=reports)),
        answered_by=outcome.get("answered_by"),
    )


def resume_at(steps: Sequence[Any]) -> int:
    """The step where a retry begins: after all there are, but for one that ended in an error of ours."""
    if not steps:
        return 1
    last = steps[-1]
    return int(last.function_id) + (not last.error)


def _number(part: Json) -> int:
    """The number that is the end of a part's key."""
    number = str(part.get("key", "")).rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


def _parts(parts: Sequence[Json], steps: Sequence[Any], outcome: Json, reports: Sequence[Report]) -> list[Part]:
    """Each part with what its attempts came to; attempts are in order, and a part is over once it was sent."""
    final = {record.get("key"): record for record in outcome.get("parts", ())}
    attempts = [Attempt.from_json(loaded(step.output)) for step in steps if step.function_name == "send"]
    shown: list[Part] = []
    for part in parts:
        mine: list[Attempt] = []
        while attempts and not (mine and mine[-1].state == "sent"):
            mine.append(attempts.pop(0))
        if part.get("key") in final and not (mine and mine[-1].state == "sent"):
            mine.append(Attempt.from_json(final[part.get("key")]))
        shown.append(_part(part, mine, reports))
    return shown


def _part(part: Json, attempts: Sequence[Attempt], reports: Sequence[Report]) -> Part:
    last = attempts[-1] if attempts else None
    states = {"sent": last.receipt if last else "", "parked": "unknown", "refused": "failed", "spent": "failed"}
    states["held"] = "held"
    state = states.get(last.state, "unknown" if last.doubt else "waiting") if last else "waiting"
    ids, key = last.ids if last else (), part.get("key", "")
    mine = [each for each in reports if (each.id in ids if ids else each.key == key)]
    said = min(mine, key=lambda each: PROGRESS.index(each.state), default=None)
    heard = said is not None and any((said.delivered, said.read, said.failed, state in ("waiting", "unknown")))
    return Part(
        key=key,
        text=part.get("text", ""),
        state=said.state if said and heard else state,
        ids=ids or tuple(each.id for each in mine),
        attempts=len(attempts),
        resent=any(attempt.resent for attempt in attempts),
        error=(said.error if said and said.state == "failed" else None) or (last.error if last else None),
    )


def _outcome(row: Any) -> Json:
    """What the workflow left: its output, or what its error carries."""
    return loaded(row.output) if row.output else loaded(row.error).get("data") or {}


def _last_error(steps: Sequence[Any]) -> str | None:
    error: str | None = loaded(steps[-1].output).get("error") if steps else None
    return error


def _message(row: Any) -> Incoming:
    """The message of a row; where it cannot be read one that says so, so that the others are shown."""
    unreadable = {"address": {"connector": str(row.queue_partition_key).partition(":")[0]}, "text": "(not readable)"}
    return readable(stored_in(row.inputs).get("message")) or incoming_from_json(unreadable)
