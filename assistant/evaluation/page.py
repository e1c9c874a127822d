"""A report as one HTML file: no script, no other file, no network; whatever documents hold is shown as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ConfigurationError
from assistant.evaluation import plots
from assistant.evaluation.bootstrap import LEVEL, RESAMPLES
from assistant.evaluation.metrics import METRICS, Metric
from assistant.evaluation.report import Case, Report, shown
from assistant.evaluation.system import BUDGET

if TYPE_CHECKING:
    from assistant.evaluation.bootstrap import Difference, Estimate
    from assistant.evaluation.comparison import Comparison
    from assistant.knowledge.passages import Passage

SHOWN = 600
"""Characters of a passage in a case."""
CASES = 20


@dataclass(frozen=True, slots=True)
class Line:
    """A metric in the table: ours, and each other system's with the difference to it."""

    metric: Metric
    ours: Estimate
    others: tuple[tuple[Estimate | None, Difference | None], ...]


def write(path: Path, report: Report, against: Sequence[Comparison] = ()) -> None:
    """Write the report, as `Report.save`."""
    text = render(report, against)
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(f"the report {str(path)!r} cannot be written: {error}") from None


def render(report: Report, against: Sequence[Comparison] = ()) -> str:
    """The page as text; every comparison is one of `report` with another.

    Raises:
        ConfigurationError: matplotlib is missing, or the dataset has no question that can be measured.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    if not report.metrics:
        raise ConfigurationError(
            f"{report.dataset!r} has no question whose answer is known: there is nothing to report"
        )
    loader = PackageLoader("assistant.evaluation", "")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.globals.update(shown=shown, level=round(100 * LEVEL), resamples=RESAMPLES, budget=BUDGET)
    return environment.get_template("page.html").render(
        report=report,
        against=against,
        lines=list(_lines(report, against)),
        plots=_plots(report, against),
        languages=_languages(report),
        cases=[_case(case) for case in report.worst(CASES)],
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        version=version("llama-assistant-sdk"),
    )


def _lines(report: Report, against: Sequence[Comparison]) -> Iterator[Line]:
    for name, found in report.metrics.items():
        others = tuple((one.other.metrics.get(name), one.differences.get(name)) for one in against)
        yield Line(METRICS[name], found, others)


def _plots(report: Report, against: Sequence[Comparison]) -> list[tuple[str, str]]:
    """Title and picture."""
    drawn = [("Metrics", plots.intervals([report, *(one.other for one in against)]))]
    if against:
        drawn.append((f"What {report.system} gains", plots.gains(against)))
    if report.separation is not None:
        drawn.append(("Scores of answerable and unanswerable questions", plots.scores(report)))
    return drawn


def _languages(report: Report) -> Mapping[str, Mapping[str, Estimate]]:
    return report.languages if len(report.languages) > 1 else {}


def _case(case: Case) -> dict[str, Any]:
    """A case as the template shows it."""
    query, places = case.query, list(enumerate(case.found, 1))
    if case.right and case.right[0] > len(places):
        places.append(case.right)
    return {
        "query": query,
        "values": {name: value for name, value in case.values.items() if METRICS[name].kind == "share"},
        "ranks": case.ranks,
        "found": [_found(place, passage, case) for place, passage in places],
        "answered": case.answered,
    }


def _found(place: int, passage: Passage, case: Case) -> dict[str, Any]:
    return {
        "place": place,
        "title": passage.title,
        "source": passage.source,
        "score": passage.score,
        "relevant": passage.source in case.query.relevant,
        "pieces": list(_marked(passage.text, case.query.gold.answers)),
        "cut": len(passage.text) > SHOWN,
    }


def _marked(text: str, answers: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The beginning of a text in pieces, told apart by whether they are the first answer that stands in it."""
    low = text.lower()
    places = [(low.find(answer.lower()), len(answer)) for answer in answers if answer]
    start, size = next(((start, size) for start, size in places if start >= 0), (0, 0))
    first = max(0, start + size - SHOWN)  # an answer far down is shown, with what stands before it
    yield ("… " if first else "") + text[first:start], False
    yield text[start : start + size], True
    yield text[start + size : first + SHOWN], False
