"""A dataset: documents, questions, and what is known to answer them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from assistant.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from assistant.knowledge.question import Remark
    from assistant.settings import Settings

ROLES = ("user", "assistant")
Grades = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """One document; where it is a file or an address, its `id` is what a passage of it has as `source`."""

    id: str
    title: str
    text: str = field(repr=False)
    is_file: bool = False

    def as_langchain(self) -> Document:
        """A LangChain document whose source is the id."""
        from langchain_core.documents import Document

        return Document(self.text, metadata={"source": self.id, "title": self.title})


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a document: a place that answers."""

    document: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Gold:
    """What answers a question: texts and places, any one of them or, with `all_required`, all together.

    A `longform` answer was written by a person in his own words, so nobody can expect to find it again.
    """

    answers: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    all_required: bool = False
    longform: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """One question; `earlier` is what was said before it, oldest first, `grades` the documents that answer it."""

    id: str
    text: str
    language: str = ""
    earlier: tuple[Remark, ...] = ()
    answerable: bool = True
    grades: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    gold: Gold = field(default_factory=Gold)

    @property
    def relevant(self) -> frozenset[str]:
        """The documents with a grade above 0."""
        return frozenset(document for document, grade in self.grades.items() if grade > 0)

    @property
    def judged(self) -> bool:
        """Whether something is known that answers it; a retrieval can only be measured then."""
        return self.answerable and bool(self.relevant or self.gold.answers or self.gold.spans)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents, and questions to them."""

    name: str
    documents: tuple[CorpusDocument, ...]
    queries: tuple[Query, ...]

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read `corpus.jsonl`, `queries.jsonl`, `qrels.tsv` and, where there is one, `answers.jsonl` in `folder`.

        A question without text is passed over.

        Raises:
            ConfigurationError: a file is missing or a line is not of the format; the message names both.
        """
        place = Path(folder)
        documents = tuple(_documents(place / "corpus.jsonl"))
        grades = _grades(place / "qrels.tsv")
        answers = place / "answers.jsonl"
        gold = dict(_gold(answers, {document.id: len(document.text) for document in documents}))
        queries = tuple(_queries(place / "queries.jsonl", grades, gold))
        return cls(place.resolve().name, documents, queries)

    @classmethod
    def from_csv(cls, file: str | Path, *, documents: Iterable[str | Path], settings: Settings | None = None) -> Self:
        """Questions in a CSV file to your own documents: files, folders, URLs.

        Columns: `question`; `answer` (several separated by `|`, any of which will do); `source` (name or path of the
        document that answers, several likewise); `answerable` (no: the documents do not answer it); `conversation`
        (rows of the same value are turns of one conversation, in order); `language`. All but the first may be absent
        or empty, but an answerable question needs an answer or a source. `settings.knowledge` has the limits of loading.

        Raises:
            ConfigurationError: a column or a value is wrong; the message names file, line and column.
        """
        from assistant.evaluation.questions import read_documents, read_questions

        loaded, refused = read_documents(documents, settings)
        return cls(Path(file).stem, loaded, read_questions(Path(file), loaded, refused))

    def sample(self, size: int | None, *, seed: int = 0) -> Self:
        """The dataset with `size` of its questions drawn at random, in their order; None keeps all."""
        if size is None or size >= len(self.queries):
            return self
        drawn = sorted(random.Random(seed).sample(range(len(self.queries)), size))  # noqa: S311  nothing secret
        return replace(self, queries=tuple(self.queries[place] for place in drawn))


def remarks(said: Iterable[tuple[str, str]]) -> tuple[Remark, ...]:
    """Role and text as what was said before a question."""
    from assistant.knowledge.question import Remark

    return tuple(Remark("user" if role == "user" else "assistant", text) for role, text in said)


def _documents(path: Path) -> Iterator[CorpusDocument]:
    for _, row in _rows(path, "id", "text"):
        yield CorpusDocument(str(row["id"]), str(row.get("title") or row["id"]), str(row["text"]))


def _queries(path: Path, grades: Grades, gold: Mapping[str, Gold]) -> Iterator[Query]:
    for number, row in _rows(path, "id", "text"):
        name = str(row["id"])
        if not str(row["text"]).strip():
            continue
        earlier = _history(row.get("history") or [], f"{str(path)!r} line {number}")
        answerable = row.get("answerable") is not False
        language = str(row.get("lang") or "")
        known = gold.get(name, Gold()) if answerable else Gold()
        yield Query(name, str(row["text"]), language, earlier, answerable, grades.get(name, {}), known)


def _history(rows: Sequence[Any], where: str) -> tuple[Remark, ...]:
    for row in rows:
        if not isinstance(row, Mapping) or row.get("role") not in ROLES or not isinstance(row.get("text"), str):
            raise ConfigurationError(f"{where}: 'history' holds {row!r}, not {{'role': 'user' or 'assistant', 'text'}}")
    return remarks((row["role"], row["text"]) for row in rows if row["text"].strip())


def _gold(path: Path, lengths: Mapping[str, int]) -> Iterator[tuple[str, Gold]]:
    if not path.exists():
        return
    for number, row in _rows(path, "query_id", "answers"):
        where = f"{str(path)!r} line {number}"
        answers = tuple(text for text in map(str, row["answers"]) if text.strip())
        spans = tuple(_span(span, lengths, where) for span in row.get("spans") or [])
        flags = bool(row.get("all_required")), bool(row.get("longform"))
        yield str(row["query_id"]), Gold(answers, spans, *flags)


def _span(row: Any, lengths: Mapping[str, int], where: str) -> Span:
    try:
        span = Span(str(row["doc_id"]), int(row["start"]), int(row["end"]))
    except (KeyError, TypeError, ValueError):
        raise ConfigurationError(f"{where}: a span is {row!r}, not {{'doc_id', 'start', 'end'}}") from None
    if not 0 <= span.start < span.end <= lengths.get(span.document, 0):
        raise ConfigurationError(f"{where}: the span {row!r} is no part of a document of the corpus")
    return span


def _rows(path: Path, *needed: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(path):
        try:
            row = json.loads(line)
            missing = [key for key in needed if key not in row]
        except (json.JSONDecodeError, TypeError):
            raise ConfigurationError(f"{str(path)!r} line {number}: not a JSON object") from None
        if missing:
            raise ConfigurationError(f"{str(path)!r} line {number}: {missing[0]!r} is missing")
        yield number, row


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


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"dataset file {str(path)!r} cannot be read: {error}") from None
    yield from ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
