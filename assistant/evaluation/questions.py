"""Your own questions from a CSV file, and the documents they are asked to."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import ConfigurationError, Unreadable
from assistant.evaluation.dataset import CorpusDocument, Gold, Query, remarks
from assistant.knowledge.load import Reader, Refusal, discover
from assistant.refusal import language
from assistant.settings import Settings

COLUMNS = ("question", "answer", "source", "answerable", "conversation", "language")
SEPARATORS = (",", ";", "\t")
SEVERAL = "|"
TRUTH = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file, its values without white space around them."""

    place: str
    values: Mapping[str, str]

    def several(self, column: str) -> tuple[str, ...]:
        """The values of a column that may hold more than one."""
        return tuple(filter(None, (part.strip() for part in self.values.get(column, "").split(SEVERAL))))

    def wrong(self, column: str, says: str) -> ConfigurationError:
        """The error for a value of this line."""
        return ConfigurationError(f"{self.place}, column {column!r}: {says}")


def read_documents(
    paths: Iterable[str | Path], settings: Settings | None = None
) -> tuple[tuple[CorpusDocument, ...], tuple[Refusal, ...]]:
    """The texts of files, folders and URLs as an ingest would load them, and what was refused."""
    known = (settings or Settings()).knowledge
    limits = {"max_file_mib": known.max_file_mib, "max_seconds": known.max_seconds}
    documents, refused = [], []
    with closing(Reader(**limits, allow_private_urls=known.allow_private_urls)) as reader:
        for source in discover(paths):
            if isinstance(source, Refusal):
                refused.append(source)
                continue
            try:
                loaded = reader.load(source)
            except Unreadable as error:
                refused.append(Refusal(source.uri, str(error)))
            else:
                documents.append(CorpusDocument(source.uri, loaded.title, loaded.text, is_file=True))
    if not documents:
        reasons = "".join(f"; {refusal.source}: {refusal.reason}" for refusal in refused[:3])
        raise ConfigurationError(f"no document to ask can be read{reasons}: name files, folders or URLs")
    return tuple(documents), tuple(refused)


def read_questions(
    file: Path, documents: Sequence[CorpusDocument], refused: Sequence[Refusal] = ()
) -> tuple[Query, ...]:
    """The questions of a CSV file; see `Dataset.from_csv`.

    Raises:
        ConfigurationError: as there.
    """
    sources = Sources(documents, refused)
    said: dict[str, list[tuple[str, str]]] = {}
    queries = []
    for number, row in enumerate(_rows(file), start=1):
        earlier = said.setdefault(name, []) if (name := row.values.get("conversation", "")) else []
        query = _query(f"q{number}", row, earlier, sources)
        queries.append(query)
        earlier.append(("user", query.text))
        earlier += [("assistant", answer) for answer in query.gold.answers[:1]]
    if not queries:
        raise ConfigurationError(f"{str(file)!r} holds no question")
    return tuple(queries)


class Sources:
    """Finds the document that a row names by its path, the end of its path, or its file name."""

    def __init__(self, documents: Sequence[CorpusDocument], refused: Sequence[Refusal]) -> None:
        self._ids = [document.id for document in documents]
        self._refused = {refusal.source: refusal.reason for refusal in refused}

    def find(self, name: str, row: Row) -> str:
        """The id of the document.

        Raises:
            ConfigurationError: none or several are meant, or it could not be read.
        """
        found = self._named(name, self._ids)
        if len(found) == 1:
            return found[0]
        if found:
            raise row.wrong("source", f"{name!r} may be {found[0]!r} or {found[1]!r}: write more of the path")
        if refused := self._named(name, list(self._refused)):
            raise row.wrong("source", f"{name!r} was not taken: {self._refused[refused[0]]}")
        tails = {id.rpartition("/")[2]: id for id in self._ids}
        near = difflib.get_close_matches(name, tails, n=1, cutoff=0.0)
        raise row.wrong("source", f"no document {name!r} among the {len(self._ids)} given; the nearest is {near[0]!r}")

    def _named(self, name: str, ids: Sequence[str]) -> list[str]:
        tail = "/" + name.replace("\\", "/").removeprefix("./").lstrip("/")
        exact = [id for id in ids if id == name or id == Path(name).absolute().as_posix()]
        return exact or [id for id in ids if id.endswith(tail)]


def _query(id: str, row: Row, earlier: Sequence[tuple[str, str]], sources: Sources) -> Query:
    text = row.values["question"]
    if not text:
        raise row.wrong("question", "is empty")
    answerable = TRUTH.get(row.values.get("answerable", "").casefold())
    if answerable is None:
        raise row.wrong("answerable", f"is {row.values['answerable']!r}: write yes or no")
    answers, named = row.several("answer"), row.several("source")
    if answerable and not (answers or named):
        raise row.wrong("answer", "is empty, and so is 'source': an answerable question needs one of them")
    if not answerable and (answers or named):
        raise row.wrong("answerable", f"is no, but {'answer' if answers else 'source'!r} says what answers it")
    grades = {sources.find(name, row): 1.0 for name in named}
    asked = [text for role, text in earlier if role == "user"]
    spoken = row.values.get("language") or language(text, earlier=asked)
    return Query(id, text, spoken, remarks(earlier), answerable, grades, Gold(answers))


def _rows(file: Path) -> Iterator[Row]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{str(file)!r} cannot be read: {error}; save it as CSV in UTF-8") from None
    separator = _separator(text)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator, strict=True)
    began = 1
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
        _check(header, file)
        for cells in reader:
            place, began = f"{str(file)!r} line {began + 1}", reader.line_num
            if any(cell.strip() for cell in cells):
                yield _row(place, header, cells, separator)
    except csv.Error as error:
        raise ConfigurationError(f"{str(file)!r} line {reader.line_num}: {error}") from None


def _row(place: str, header: Sequence[str], cells: Sequence[str], separator: str) -> Row:
    if extra := [cell for cell in cells[len(header) :] if cell.strip()]:
        raise ConfigurationError(
            f"{place}: {extra[0]!r} stands beyond the last column: put a value that holds {separator!r} in quotes"
        )
    return Row(place, {name: cell.strip() for name, cell in zip(header, cells, strict=False)})


def _separator(text: str) -> str:
    """What separates the names in the first line: spreadsheets write semicolons where the comma is a decimal sign."""
    first = text.partition("\n")[0]
    return max(SEPARATORS, key=first.count)


def _check(header: Sequence[str], file: Path) -> None:
    for name in filter(None, header):
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.0)[0]
            raise ConfigurationError(f"{str(file)!r} line 1: no such column {name!r}; did you mean {near!r}?")
        if header.count(name) > 1:
            raise ConfigurationError(f"{str(file)!r} line 1: column {name!r} stands there twice")
    if "question" not in header:
        raise ConfigurationError(f"{str(file)!r} line 1: no column 'question'; known are {', '.join(COLUMNS)}")
