"""Running an evaluation: documents in, every question asked, every case judged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from assistant.errors import ConfigurationError
from assistant.evaluation.dataset import Dataset, Query
from assistant.evaluation.metrics import answering, context, ranking
from assistant.evaluation.place import Places
from assistant.evaluation.report import Case, Report
from assistant.evaluation.system import BUDGET, Answering, System
from assistant.settings import Settings

PASSAGES = 50
"""Passages asked for: several of one document count once, and ten documents are needed."""
KEPT = 5
"""Passages of a case that its report shows."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many of the questions are done, and how many there are."""


def evaluate(
    dataset: Dataset | str | Path,
    system: System | Settings | None = None,
    *,
    answers: bool = False,
    limit: int | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Report:
    """Measure how well a system finds, and with `answers` answers, what the dataset asks.

    Args:
        dataset: or the folder of one.
        system: what is measured, and closed afterwards; settings, or None for those of `Settings.load`, measure this
            SDK with them. Its knowledge is a temporary one, yours is not touched.
        answers: also let the system answer every question.
        limit: ask a random sample of so many questions, always the same one.
        progress: told of every step.

    Raises:
        ConfigurationError: the dataset is not of the format, or the system cannot answer.
    """
    read = dataset if isinstance(dataset, Dataset) else Dataset.read(dataset)
    chosen = read.sample(limit)
    with closing(_opened(system)) as measured:
        if answers and not isinstance(measured, Answering):
            raise ConfigurationError(f"{measured.name!r} only searches: it cannot be asked for answers")
        progress(f"indexing: {measured.name}", 0, 0)
        passages = measured.index(chosen.documents)
        asked = _Asked(measured, Places(chosen.documents), answers=answers)
        cases = []
        for number, query in enumerate(chosen.queries):
            progress(f"asking: {measured.name}", number, len(chosen.queries))
            cases.append(asked.case(query))
        return Report(chosen.name, measured.name, len(chosen.documents), passages, tuple(cases))


def _opened(system: System | Settings | None) -> System:
    if system is not None and not isinstance(system, Settings):
        return system
    from assistant.evaluation.systems.ours import Ours

    return Ours(system or Settings.load())


class _Asked:
    """Asks a system question by question."""

    def __init__(self, system: System, places: Places, *, answers: bool) -> None:
        self._system = system
        self._places = places
        self._answers = answers

    def case(self, query: Query) -> Case:
        found = self._system.search(query, PASSAGES)
        ids = list(dict.fromkeys(passage.source for passage in found))
        values: dict[str, float] = {}
        if query.answerable and query.relevant:
            values |= ranking(ids, query.grades)
        if query.judged:
            values |= context(query, self._system.pack(query, found, BUDGET), self._places)
        answered = None
        if self._answers and isinstance(self._system, Answering):
            answered = self._system.answer(query)
            values |= answering(query, answered)
        ranks = {name: ids.index(name) + 1 if name in ids else None for name in sorted(query.relevant)}
        right = next(((place, one) for place, one in enumerate(found, 1) if one.source in query.relevant), None)
        top = found[0].score if found else None
        return Case(query, tuple(found[:KEPT]), ranks, values, right, top, answered)
