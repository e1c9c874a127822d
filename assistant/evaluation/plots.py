"""Plots of reports as SVG text that follows the page's colours; needs matplotlib (extra `evaluation`)."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from assistant.errors import ConfigurationError
from assistant.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from assistant.evaluation.comparison import Comparison
    from assistant.evaluation.report import Report

INK = "#123456"
"""Drawn in this colour, shown in that of the text around the picture: one file for light and dark."""
PALETTE = ("#2f6fde", "#e07b39", "#7a9e3f", "#a8577e")
"""Readable on white and on near black; system by system."""
LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, searchable, in the reader's font
    "svg.hashsalt": "assistant",  # the same report gives the same file
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "legend.frameon": False,
}
ROW = 0.34
"""Inches a metric takes."""


def intervals(reports: Sequence[Report]) -> str:
    """Every share of every report with its interval."""
    names = [name for name in _shares(reports[0]) if any(name in report.metrics for report in reports)]
    with _figure(len(names)) as (figure, axes):
        for number, report in enumerate(reports):
            found = [(place, report.metrics[name]) for place, name in enumerate(names) if name in report.metrics]
            _dots(axes, found, number, shift=_shift(number, len(reports)), label=report.system)
        _rows(axes, names, "percent; the line is the 95 % interval")
        least = min(found.low for report in reports for name, found in report.metrics.items() if name in names)
        axes.set_xlim(10 * math.floor(10 * least) - 1, 101)
        _legend(figure, axes, len(reports))
        return _svg(figure)


def gains(comparisons: Sequence[Comparison]) -> str:
    """The difference of every share to each other system, with its paired interval."""
    names = [name for name in _shares(comparisons[0].report) if any(name in c.differences for c in comparisons)]
    with _figure(len(names)) as (figure, axes):
        axes.axvline(0, color=INK, linewidth=0.8)
        for number, one in enumerate(comparisons):
            found = [(place, one.differences[name]) for place, name in enumerate(names) if name in one.differences]
            shift = _shift(number, len(comparisons))
            _dots(axes, found, number + 1, shift=shift, label=f"over {one.other.system}")
        _rows(axes, names, "difference in points; the line is the paired 95 % interval")
        _legend(figure, axes, len(comparisons))
        return _svg(figure)


def scores(report: Report) -> str:
    """How the best scores of answerable and unanswerable questions are spread."""
    sides = [
        ("answerable", [case.top for case in report.cases if case.query.answerable and case.top is not None]),
        ("unanswerable", [case.top for case in report.unanswerable if case.top is not None]),
    ]
    values = [value for _, side in sides for value in side]
    low, high = min(values), max(values)
    edges = [low + (high - low or 1.0) * step / 30 for step in range(31)]
    with _figure(6) as (figure, axes):
        for number, (name, side) in enumerate(sides):
            weights = [100 / len(side)] * len(side)
            axes.hist(side, edges, weights=weights, alpha=0.55, color=PALETTE[number], label=f"{name} ({len(side)})")
        axes.set_xlabel("score of the best passage")
        axes.set_ylabel("percent of the questions")
        _legend(figure, axes, 2)
        return _svg(figure)


def _shares(report: Report) -> list[str]:
    return [name for name in report.metrics if METRICS[name].kind == "share"]


def _shift(number: int, count: int) -> float:
    return (number - (count - 1) / 2) * min(0.22, 0.66 / count)


def _dots(axes: Any, found: Sequence[tuple[int, Any]], colour: int, *, shift: float, label: str) -> None:
    heights = [place + shift for place, _ in found]
    values = [100 * one.value for _, one in found]
    ends = [[100 * (one.value - one.low) for _, one in found], [100 * (one.high - one.value) for _, one in found]]
    paint = PALETTE[colour % len(PALETTE)]
    style = {"markersize": 4.5, "elinewidth": 1.6, "capsize": 0}
    axes.errorbar(values, heights, xerr=ends, fmt="o", color=paint, label=label, **style)


def _rows(axes: Any, names: Sequence[str], label: str) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
    axes.set_xlabel(label)


def _legend(figure: Any, axes: Any, count: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=min(4, count), bbox_to_anchor=(0.5, 1.0))


def check() -> None:
    """Say so before a long run where nothing could be drawn at its end.

    Raises:
        ConfigurationError: matplotlib is missing.
    """
    if find_spec("matplotlib") is None:
        raise ConfigurationError("plots need matplotlib: pip install 'llama-assistant-sdk[evaluation]'")


@contextmanager
def _figure(rows: int) -> Iterator[tuple[Any, Any]]:
    """A figure and its axes, without touching the state that a notebook's own plots live in."""
    check()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(LOOK):
        height = 1.3 + ROW * rows
        figure = Figure(figsize=(7.2, height))
        figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - 0.35 / height))
        yield figure, figure.subplots()


def _svg(figure: Any) -> str:
    """The picture without XML head, scaled by the page and in its colour and font."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text))
    text = re.sub(r' id="[a-zA-Z]+[\w.]*_\d+"', "", text)  # of groups: they would repeat from picture to picture
    return text.replace(INK, "currentColor")
