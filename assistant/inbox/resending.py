"""Having parts sent again that the platform took and then reported as failed: the turn's record is put so that they come
last, and the workflow goes on behind it as behind any send that was refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, update

from assistant.inbox.names import APPLICATION, ASKED
from assistant.inbox.tables import ANSWERED, Tables, loaded
from assistant.inbox.timeline import REPORTED

Json = dict[str, Any]

ASIDE = 1_000_000
"""Added to the numbers of steps while they change places."""


class Resending:
    """Changes the steps of one turn that was answered, in the caller's transaction."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._steps = tables.steps

    def again(
        self, connection: Connection, row: Any, steps: Sequence[Any], failed: Mapping[str, str], *, now: int
    ) -> bool:
        """Let the turn of a row run again and send the parts that `failed`, by key with the reason; what else was sent stays.

        False: the turn changed meanwhile, or its record does not have what it would take. `now` is in milliseconds.
        """
        answer = next((step for step in reversed(steps) if "parts" in loaded(step.output)), None)
        if answer is None:
            return False
        record, outcome = loaded(answer.output), loaded(row.output)
        groups = _groups([part.get("key", "") for part in record["parts"]], steps, after=answer.function_id)
        last = {part.get("key"): part for part in outcome.get("parts", ())}
        kept = [key for key in groups if key in last and key not in failed]
        again = [key for key in groups if key in last and key in failed]
        restart = self._tables.rewind  # with all of its steps
        if not again or not restart(connection, row.workflow_uuid, step=ASIDE, now=now, ended=ANSWERED):
            return False
        first, *others = again
        self._reorder(connection, answer, record, [*kept, first, *others])
        refused = last[first] | {"state": "refused", REPORTED: True, ASKED: True, "error": failed[first]}
        written = {**last, first: refused}
        number = self._clear(connection, row.workflow_uuid, answer, [groups[key] for key in (*kept, first)])
        for key in (*kept, first):
            number = self._put(connection, row, groups[key], json.dumps(written[key]), number, now=now)
        return True

    def _reorder(self, connection: Connection, answer: Any, record: Json, keys: Sequence[str]) -> None:
        """Put the parts of the answer in another order; those that were never sent are not any more.

        Whom it gave the conversation to has had it: it is not given away once more.
        """
        at = {part.get("key", ""): number for number, part in enumerate(record["parts"])}
        chosen = [at[key] for key in keys]
        new = record | {name: [record[name][number] for number in chosen] for name in ("parts", "policies")}
        new.pop("hands_to", None)
        self._rewrite(connection, answer.workflow_uuid, answer.function_id, json.dumps(new, separators=(",", ":")))

    def _clear(self, connection: Connection, turn: str, answer: Any, kept: Sequence[Sequence[Any]]) -> int:
        """Set the steps aside that stay, and delete the others behind the answer; the number of the answer."""
        step = self._steps.c
        mine = update(self._steps).where(step.workflow_uuid == turn)
        ids = [each.function_id for group in kept for each in group]
        connection.execute(mine.where(step.function_id.in_(ids)).values(function_id=step.function_id + ASIDE))
        gone = delete(self._steps).where(step.workflow_uuid == turn, step.function_id > answer.function_id)
        connection.execute(gone.where(step.function_id < ASIDE))
        return int(answer.function_id)

    def _put(
        self, connection: Connection, row: Any, group: Sequence[Any], output: str, number: int, *, now: int
    ) -> int:
        """Put the steps of a part behind the step `number`, its last send with that output; the number of the last."""
        step = self._steps.c
        mine = update(self._steps).where(step.workflow_uuid == row.workflow_uuid)
        for each in group:
            number += 1
            moved = mine.where(step.function_id == each.function_id + ASIDE)
            connection.execute(moved.values(function_id=number, **({"output": output} if _sends(each) else {})))
        if not (group and _sends(group[-1])):
            number += 1
            self._append(connection, row, number, output, now=now)
        return number

    def _rewrite(self, connection: Connection, turn: str, number: int, output: str) -> None:
        step = self._steps.c
        changed = update(self._steps).where(step.workflow_uuid == turn, step.function_id == number)
        connection.execute(changed.values(output=output))

    def _append(self, connection: Connection, row: Any, number: int, output: str, *, now: int) -> None:
        """The last send of an answer has no record of its own where it succeeded."""
        when = row.completed_at or now
        names = {"workflow_uuid": row.workflow_uuid, "function_id": number, "function_name": "send", "output": output}
        stored = {"serialization": "portable_json", "application_name": APPLICATION, "retention_timestamp": when}
        times = {"started_at_epoch_ms": when, "completed_at_epoch_ms": when}
        connection.execute(insert(self._steps), [names | stored | times])


def _groups(keys: Sequence[str], steps: Sequence[Any], *, after: int) -> dict[str, list[Any]]:
    """The steps of each part, in the order in which they were sent."""
    groups: dict[str, list[Any]] = {key: [] for key in keys}
    left = list(keys)
    for step in steps:
        if step.function_id <= after or not left:
            continue
        groups[left[0]].append(step)
        if _sends(step):
            del left[0]
    return groups


def _sends(step: Any) -> bool:
    """Whether the step is the send that a part was sent with."""
    return step.function_name == "send" and loaded(step.output).get("state") == "sent"
