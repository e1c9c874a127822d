"""Retrieval metrics on a dataset folder of `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.documents import Document


@dataclass(frozen=True, slots=True)
class Query:
    """One question of a dataset."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A corpus of `{"id", "title", "text"}`, questions, and per question the grades of the documents that answer it."""

    corpus: tuple[Mapping[str, Any], ...]
    queries: tuple[Query, ...]
    grades: Mapping[str, Mapping[str, float]]

    @classmethod
    def read(cls, folder: Path) -> Dataset:
        """Read the dataset in `folder`.

        Raises:
            ConfigurationError: a file is missing or a line is not of the format; the message names both.
        """
        corpus = tuple(_rows(folder / "corpus.jsonl", "id", "text"))
        queries = tuple(
            Query(str(row["id"]), str(row["text"])) for row in _rows(folder / "queries.jsonl", "id", "text")
        )
        return cls(corpus, queries, _grades(folder / "qrels.tsv"))

    def documents(self) -> list[Document]:
        """The corpus as LangChain documents whose source is the document's id."""
        from langchain_core.documents import Document

        return [
            Document(str(row["text"]), metadata={"source": str(row["id"]), "title": str(row.get("title") or row["id"])})
            for row in self.corpus
        ]

    def judged(self) -> list[Query]:
        """The questions that some document answers; only they can be measured."""
        return [query for query in self.queries if any(grade > 0 for grade in self.grades.get(query.id, {}).values())]


def retrieval_metrics(
    found: Mapping[str, Sequence[str]], grades: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Means over the questions of `found`: question id to document ids, best first, repeats counted once.

    recall@k is the share of a question's relevant documents (grade above 0) among the first k. MRR@10 is one over the
    place of the first relevant one. nDCG@10 uses the grade as gain and log2(place + 1) as discount (Järvelin and
    Kekäläinen 2002). All are 0 for an empty `found`.
    """
    rows = [_measure(list(dict.fromkeys(ids)), grades.get(query, {})) for query, ids in found.items()]
    names = ("recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10")
    return {name: sum(row[place] for row in rows) / max(1, len(rows)) for place, name in enumerate(names)}


def _measure(ids: Sequence[str], grades: Mapping[str, float]) -> tuple[float, ...]:
    relevant = {document for document, grade in grades.items() if grade > 0}
    recalls = [len(relevant.intersection(ids[:k])) / max(1, len(relevant)) for k in (1, 5, 10)]
    first = next((place for place, document in enumerate(ids[:10], start=1) if document in relevant), None)
    ideal = _gain(sorted(grades.values(), reverse=True))
    gain = _gain([grades.get(document, 0) for document in ids])
    return (*recalls, 1 / first if first else 0.0, gain / ideal if ideal else 0.0)


def _gain(grades: Sequence[float]) -> float:
    return sum(max(0, grade) / math.log2(place + 1) for place, grade in enumerate(grades[:10], start=1))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"dataset file {str(path)!r} cannot be read: {error}") from None
    yield from ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _rows(path: Path, *needed: str) -> Iterator[dict[str, Any]]:
    for number, line in _lines(path):
        try:
            row = json.loads(line)
            missing = [key for key in needed if key not in row]
        except (json.JSONDecodeError, TypeError):
            raise ConfigurationError(f"{str(path)!r} line {number}: not a JSON object") from None
        if missing:
            raise ConfigurationError(f"{str(path)!r} line {number}: {missing[0]!r} is missing")
        yield row


def _grades(path: Path) -> dict[str, dict[str, float]]:
    grades: dict[str, dict[str, float]] = {}
    for number, line in _lines(path):
        try:
            query, document, grade = line.rstrip("\r").split("\t")
            grades.setdefault(query, {})[document] = float(grade)
        except ValueError:
            if number > 1:  # the first line may be a header
                raise ConfigurationError(f"{str(path)!r} line {number}: not 'query<TAB>document<TAB>grade'") from None
    return grades
