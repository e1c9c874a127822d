"""Two reports on the same questions, compared question by question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.evaluation.bootstrap import Difference, difference
from assistant.evaluation.metrics import METRICS
from assistant.evaluation.report import Report, shown


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much higher each metric of `report` is than that of `other`. Renders in notebooks."""

    report: Report
    other: Report
    differences: Mapping[str, Difference]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the other report, and the differences to it."""
        differences = {name: found.to_dict() for name, found in self.differences.items()}
        return {**self.other.to_dict(), "differences": differences}

    def __str__(self) -> str:
        lines = [f"{self.report.system} over {self.other.system}"]
        for name, found in self.differences.items():
            value, low, high = (shown(name, end, sign=True) for end in (found.value, found.low, found.high))
            lines.append(f"{name:<22}{value:>7}   {low + ' to ' + high:<20}{found.verdict} (p {found.p:.3f})")
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        head = [f"**{self.report.system}** over **{self.other.system}**, {self.report.dataset}", ""]
        head += ["| metric | ours | theirs | difference | 95 % | p | |", "|---|---|---|---|---|---|---|"]
        return "\n".join([*head, *(self._row(name, found) for name, found in self.differences.items())])

    def _row(self, name: str, found: Difference) -> str:
        ours, theirs = (shown(name, one.metrics[name].value) for one in (self.report, self.other))
        change, low, high = (shown(name, end, sign=True) for end in (found.value, found.low, found.high))
        ends = f"{low} to {high}"
        return f"| {name} | {ours} | {theirs} | {change} | {ends} | {found.p:.3f} | {found.verdict} |"


def compare(report: Report, other: Report) -> Comparison:
    """Compare on every metric that both measured, on the questions both measured it on (paired bootstrap).

    Raises:
        ValueError: the reports are not of the same questions.
    """
    asked, other_asked = ([case.query.id for case in one.cases] for one in (report, other))
    if report.dataset != other.dataset or asked != other_asked:
        raise ValueError(
            f"{report.system!r} and {other.system!r} were not asked the same questions: evaluate both again"
        )
    differences = {}
    for name, metric in METRICS.items():
        pairs = [
            (mine.values[name], theirs.values[name])
            for mine, theirs in zip(report.cases, other.cases, strict=True)
            if name in mine.values and name in theirs.values
        ]
        if pairs:
            ours, others = zip(*pairs, strict=True)
            differences[name] = difference(ours, others, lower_is_better=metric.lower_is_better)
    return Comparison(report, other, differences)
