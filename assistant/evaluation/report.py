"""What an evaluation found: one case a question, and the metrics over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.evaluation.bootstrap import Estimate, estimate, separation
from assistant.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from assistant.evaluation.comparison import Comparison
    from assistant.evaluation.dataset import Query
    from assistant.evaluation.system import Answered
    from assistant.knowledge.passages import Passage


@dataclass(frozen=True, slots=True)
class Case:
    """One question and what became of it.

    `found` are the first passages and `right` the first of a relevant document, with its place from 1; `ranks` has the
    place of each relevant document among the documents found, None where it was not; `top` is the score of the first
    passage; `values` holds each metric that applies to the question.
    """

    query: Query
    found: tuple[Passage, ...]
    ranks: Mapping[str, int | None]
    values: Mapping[str, float]
    right: tuple[int, Passage] | None = None
    top: float | None = None
    answered: Answered | None = None


@dataclass(frozen=True)
class Report:
    """What `system` did with `dataset`; `documents` became `passages`. Renders in notebooks."""

    dataset: str
    system: str
    documents: int
    passages: int
    cases: tuple[Case, ...] = field(repr=False)

    @cached_property
    def metrics(self) -> Mapping[str, Estimate]:
        """Each metric that applies to some question, with its 95 % interval."""
        return _estimates(self.cases)

    @cached_property
    def languages(self) -> Mapping[str, Mapping[str, Estimate]]:
        """The same for each language of the questions."""
        names = sorted({case.query.language for case in self.cases})
        return {name: _estimates(case for case in self.cases if case.query.language == name) for name in names}

    @property
    def judged(self) -> tuple[Case, ...]:
        """The questions for which it is known what answers them."""
        return tuple(case for case in self.cases if case.query.judged)

    @property
    def unanswerable(self) -> tuple[Case, ...]:
        """The questions that no document answers."""
        return tuple(case for case in self.cases if not case.query.answerable)

    @property
    def separation(self) -> float | None:
        """How well the best score tells answerable questions from others (area under the ROC curve)."""
        answerable = [case.top for case in self.cases if case.query.answerable and case.top is not None]
        unanswerable = [case.top for case in self.unanswerable if case.top is not None]
        return separation(answerable, unanswerable) if answerable and unanswerable else None

    @property
    def latency(self) -> Mapping[str, float] | None:
        """Median and 95th percentile of the seconds an answer took; None where nothing was answered."""
        seconds = sorted(case.answered.seconds for case in self.cases if case.answered)
        return {name: _quantile(seconds, share) for name, share in (("p50", 0.5), ("p95", 0.95))} if seconds else None

    def worst(self, size: int = 20) -> list[Case]:
        """The judged questions that went worst: by the metrics of the ranking, then the context, then the answer."""
        return sorted((case for case in self.judged if _failed(case)), key=_quality)[:size]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form that `assistant evaluate --json` prints."""
        extra = {"separation": self.separation, "latency": self.latency}
        return {
            "dataset": self.dataset,
            "system": self.system,
            "documents": self.documents,
            "passages": self.passages,
            "queries": len(self.judged),
            "unanswerable": len(self.unanswerable),
            "metrics": {name: found.value for name, found in self.metrics.items()},
            "intervals": {name: [found.low, found.high] for name, found in self.metrics.items()},
            "languages": {
                language: {name: found.value for name, found in metrics.items()}
                for language, metrics in self.languages.items()
            },
            **{name: value for name, value in extra.items() if value is not None},
        }

    def save(self, path: str | Path, *, against: Sequence[Comparison] = ()) -> None:
        """Write it as one HTML file with plots and the worst cases, that needs no other file and no network.

        Raises:
            ConfigurationError: matplotlib is missing, nothing was measured, or the file cannot be written.
        """
        from assistant.evaluation.page import write

        write(Path(path), self, against)

    def __str__(self) -> str:
        sizes = f"{self.documents} documents, {self.passages} passages, {len(self.judged)} queries"
        lines = [f"{self.dataset}, {self.system}: {sizes}"]
        for name, found in self.metrics.items():
            ends = f"{shown(name, found.low)} to {shown(name, found.high)}"
            lines.append(f"{name:<22}{shown(name, found.value):>7}   {ends}")
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        rows = [
            f"| {name} | {shown(name, found.value)} | {shown(name, found.low)} to {shown(name, found.high)} "
            f"| {found.count} | {METRICS[name].says} |"
            for name, found in self.metrics.items()
        ]
        head = [
            f"**{self.dataset}**, {self.system}",
            "",
            "| metric | value | 95 % | questions | |",
            "|---|---|---|---|---|",
        ]
        return "\n".join([*head, *rows])


def shown(name: str, value: float, *, sign: bool = False) -> str:
    """A value for a person: shares in percent, counts as they are; with `sign` also where it is positive."""
    plus = "+" if sign else ""
    return f"{value:{plus}.0f}" if METRICS[name].kind == "count" else f"{100 * value:{plus}.1f}%"


def _estimates(cases: Iterable[Case]) -> dict[str, Estimate]:
    known = list(cases)
    found = {name: [case.values[name] for case in known if name in case.values] for name in METRICS}
    return {name: estimate(values) for name, values in found.items() if values}


def _failed(case: Case) -> bool:
    """Whether some share is less than whole; a high recall of one document at place 2 is such a case."""
    return any(
        (value > 0) if METRICS[name].lower_is_better else (value < 1)
        for name, value in case.values.items()
        if METRICS[name].kind == "share" and not name.startswith("recall")
    )


def _quality(case: Case) -> tuple[float, ...]:
    order = ("ndcg@10", "answer_in_context", "document_in_context", "evidence", "contains_gold", "citation_precision")
    return tuple(case.values.get(name, 1.0) for name in order)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
