"""The least a metric may reach: what a pipeline checks before it lets a change through."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from assistant.evaluation.report import Report


@dataclass(frozen=True, slots=True)
class Floor:
    """The value that a metric must reach, or where lower is better must not exceed.

    It is compared with the measured value, not with the lower end of its interval: the questions of a guard stay the
    same, so the value moves only when the system does.
    """

    metric: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Floor:
        """`ndcg@10=0.9` as a floor.

        Raises:
            ValueError: it is not of that form, or there is no such metric.
        """
        name, _, number = (part.strip() for part in text.partition("="))
        if name not in METRICS:
            near = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.0)[0]
            raise ValueError(f"{text!r}: no metric {name!r}; did you mean {near!r}?")
        try:
            return cls(name, float(number))
        except ValueError:
            raise ValueError(f"{text!r}: {number!r} is no number; write for example {name}=0.9") from None


def shortfalls(report: Report, floors: Iterable[Floor]) -> Sequence[str]:
    """A line for each floor that the report does not reach."""
    return [line for floor in floors if (line := _shortfall(report, floor))]


def _shortfall(report: Report, floor: Floor) -> str:
    metric, found = METRICS[floor.metric], report.metrics.get(floor.metric)
    if found is None:
        return f"{metric.name} was not measured: no question of {report.dataset!r} has what it needs"
    if metric.lower_is_better and found.value > floor.value:
        return f"{metric.name} is {found.value:.4g}, above the {floor.value:g} allowed"
    if not metric.lower_is_better and found.value < floor.value:
        return f"{metric.name} is {found.value:.4g}, below the floor of {floor.value:g}"
    return ""
