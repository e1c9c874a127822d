"""Small datasets for the tests, as values and as folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assistant.evaluation.dataset import CorpusDocument, Dataset, Gold, Query

ANIMALS = {
    "cat": "The cat sleeps sixteen hours a day.",
    "dog": "The dog barks at 90 decibels.",
    "owl": "The owl turns its head by 270 degrees.",
}


def animals(*, evil: str = "") -> Dataset:
    """Three documents, three answerable questions in two languages and one that nothing answers."""
    documents = tuple(CorpusDocument(name, f"The {name}{evil}", text + evil) for name, text in ANIMALS.items())
    queries = (
        Query("q1", "How long does the cat sleep?", "en", grades={"cat": 1.0}, gold=Gold(("sixteen hours",))),
        Query(
            "q2", "How loud does the dog bark?" + evil, "en", grades={"dog": 1.0}, gold=Gold(("90 decibels" + evil,))
        ),
        Query("q3", "Wie weit dreht the owl its head?", "de", grades={"owl": 1.0}, gold=Gold(("270 degrees",))),
        Query("q4", "Where do penguins live?", "en", answerable=False),
    )
    return Dataset("animals", documents, queries)


def folder(place: Path, **files: str) -> Path:
    """A dataset folder; a file is given by its name without ending."""
    lines: dict[str, list[dict[str, Any]]] = {
        "corpus": [{"id": "d1", "title": "One", "text": "first"}, {"id": "d2", "text": "second"}],
        "queries": [{"id": "q1", "text": "which", "lang": "en"}, {"id": "q2", "text": "none", "answerable": False}],
    }
    texts = {name: "\n".join(map(json.dumps, rows)) + "\n\n" for name, rows in lines.items()}
    texts = {**texts, "qrels": "q1\td2\t1\n", **files}
    for name, text in texts.items():
        (place / f"{name}.{'tsv' if name == 'qrels' else 'jsonl'}").write_text(text)
    return place
