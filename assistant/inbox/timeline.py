"""What happened to a turn, in plain words and in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from assistant.inbox.delivery import Attempt
from assistant.inbox.entries import Moment
from assistant.inbox.reports import REASONLESS, Report
from assistant.inbox.tables import DROPPED, GAVE_UP, loaded

Json = dict[str, Any]

SHORTEST_SECONDS = 0.05
"""Waits for a place below it are not worth a line."""

RETRIED = "retried by a person"

DIED = "the process died each time it was answered"

REPORTED = "reported"
"""Marks the record of a send that succeeded and of whose message the platform said later that it failed."""


class Timeline:
    """Builds the moments of one turn from its row, its steps and what persons and the platform did.

    `order` has the keys of the parts in the order in which they are sent, `numbers` what each part is called.
    """

    def __init__(self, row: Any, outcome: Json, *, order: Sequence[str], numbers: Mapping[str, int]) -> None:
        self._row = row
        self._outcome = outcome
        self._numbers = numbers
        self._left = list(order)
        self._sent: dict[str, datetime] = {}
        self._gave_up = False

    def moments(self, steps: Sequence[Any], *, acts: Sequence[datetime], reports: Sequence[Report]) -> list[Moment]:
        """All of them, the oldest first."""
        told: list[tuple[datetime, Moment]] = []
        for step in steps:
            if self._gave_up and not acts:  # what an earlier version wrote: it goes on only where a person asked for it
                told.append((at(_begun(step)), Moment(RETRIED, at(_begun(step)))))
            self._gave_up = False
            told += [(moment.at, moment) for moment in self._step(step)]
        told += [(moment.at, moment) for moment in self._end()]
        told += [(moment, Moment(RETRIED, moment)) for moment in acts]
        told += [
            (max(moment.at, self._sent.get(report.id, moment.at)), moment)  # platforms tell whole seconds
            for report in reports
            for moment in self._reported(report)
        ]
        received = Moment("received", at(self._row.created_at))
        return [received, *(moment for _, moment in sorted(told, key=lambda each: each[0]))]

    def _step(self, step: Any) -> Iterator[Moment]:
        record, begun = loaded(step.output), _begun(step)
        over = step.completed_at_epoch_ms
        seconds = (over - begun) / 1000 if over is not None and begun is not None else None
        name = step.function_name
        if name == "DBOS.sleep":
            until = float(step.output or 0) if _is_number(step.output) else (over or 0) / 1000
            wait = max(0.0, until - (begun or 0) / 1000)
            yield Moment(f"waited {wait:.1f} s", at(begun), round(wait, 3))
        elif name == "claim":
            if (seconds or 0.0) >= SHORTEST_SECONDS:
                yield Moment(f"waited {seconds:.1f} s for a place among what the platform allows", at(begun), seconds)
        elif name == "gather":
            count = len(record.get("messages", ()))
            what = f"waited for more messages: {count} came" if count else "waited for more messages: none came"
            yield Moment(what, at(begun), seconds)
        elif name == "answer":
            yield Moment(self._answered(record), at(begun), record.get("seconds", seconds))
        elif name == "send":
            yield Moment(self._tried(record, at(over if over is not None else begun)), at(begun), seconds)

    def _answered(self, record: Json) -> str:
        if holder := (record.get("details") or {}).get("held_by"):
            return f"not answered: {_who(holder)} answers in this conversation"
        if record.get("stopped"):
            return "stopped"
        if "parts" in record:
            return "answered" if record["parts"] else "answered with nothing"
        self._gave_up = "wait" not in record
        return f"{'failed' if self._gave_up else 'no answer yet'}: {record.get('error', 'no answer')}"

    def _tried(self, record: Json, when: datetime) -> str:
        attempt = Attempt.from_json(record)
        key = self._left[0] if self._left else ""
        part = f"part {self._numbers.get(key, 1)}"
        if attempt.state == "sent" or record.get(REPORTED):
            self._sent |= dict.fromkeys(attempt.ids, when)
            self._left = self._left[attempt.state == "sent" :]
            return f"sent {part}{' again: it may have arrived twice' if attempt.resent else ''}"
        if attempt.state == "held":
            return f"{part} {attempt.error}" if attempt.error else f"{part} not sent: somebody else answers"
        error = attempt.error or "the platform does not say why"
        if attempt.state == "parked":
            self._gave_up = True
            return f"parked: nobody knows whether {part} arrived"
        if attempt.state == "again":
            return f"{part} may have arrived or not: {error}" if attempt.doubt else f"{part} not sent yet: {error}"
        self._gave_up = True
        return f"failed: {part}: {error}"

    def _end(self) -> Iterator[Moment]:
        """How the turn ended, where no step says so."""
        row, over = self._row, at(self._row.completed_at or self._row.updated_at)
        last = {part.get("key"): Attempt.from_json(part) for part in self._outcome.get("parts", ())}
        for key in self._left:
            if key in last and row.status == "SUCCESS":
                self._sent |= dict.fromkeys(last[key].ids, over)
                again = " again: it may have arrived twice" if last[key].resent else ""
                yield Moment(f"sent part {self._numbers.get(key, 1)}{again}", over)
        if by := self._outcome.get("answered_by"):
            yield Moment(f"answered together with {by}", over)
        if row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
            yield Moment(f"failed: {DIED}", over)
        elif row.status in GAVE_UP and not self._gave_up:
            yield Moment(f"failed: {loaded(row.error).get('message') or 'of a reason that is not recorded'}", over)
        if row.status == DROPPED:
            yield Moment("dropped", over)

    def _reported(self, report: Report) -> Iterator[Moment]:
        part = f"part {self._numbers[report.key]}" if report.key in self._numbers else f"message {report.id}"
        if report.delivered:
            yield Moment(f"{part} delivered", report.delivered)
        if report.read:
            yield Moment(f"{part} read", report.read)
        if report.failed:
            yield Moment(f"failed: {part}: {report.error or REASONLESS}", report.failed)


def at(milliseconds: int | None) -> datetime:
    """A time of the database."""
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)


def _begun(step: Any) -> int | None:
    begun: int | None = step.started_at_epoch_ms
    return begun if begun is not None else step.completed_at_epoch_ms


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True


def _who(holder: str) -> str:
    return {"person": "a person", "platform": "another application"}.get(holder, holder)
