"""The lexical index: passages found by the terms they share with a question, BM25 on tantivy, in a folder of its own.

It is a copy of what the manifest and Chroma hold, and can be filled again from them at any time. So it refuses no
folder: what it cannot open it empties, and whoever finds `count()` short of the manifest adds what is missing.
"""

from __future__ import annotations

import shutil
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import ConfigurationError
from assistant.knowledge.corpus import ALL, TERMS, Corpus, mark_of
from assistant.knowledge.manifest import full
from assistant.knowledge.segments import opened
from assistant.knowledge.terms import owners, terms

if TYPE_CHECKING:
    from tantivy import Document, Index, IndexWriter, Schema

HEAP = 20_000_000
"""Bytes of text gathered before they are written out; tantivy takes 15 MB and more. With these, one thread writes 12,700
passages of 580 terms a second, and a process that wrote 100,000 and searched them has 200 MB."""
ROOM = 16 * 2**20
"""Bytes of free space below which a failed write is taken to be for want of space."""


@dataclass(frozen=True, slots=True)
class Row:
    """A passage to index: `generation` is its document and version, `text` what is embedded of it."""

    id: str
    generation: tuple[str, str]
    partition: str
    text: str


class Lexicon:
    """The index in the folder `place`, made where it is missing and emptied where it is damaged or of another version.

    Any number of threads may search while one writes; they see what was committed last. Terms are stored for each
    partition by itself: a search reads nothing of those it does not name, and their number costs no time.
    One process may have the folder open.

    Raises:
        ConfigurationError: the folder cannot be written, or its disk is full.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._schema = _schema()
        self._lock = threading.RLock()
        self._writer: IndexWriter | None = None
        with self._explained():
            self._opened: Index | None = opened(self._schema, place, tokenizer="terms")

    def add(self, rows: Iterable[Row]) -> None:
        """Index passages, in place of those of the same ids; seen and durable after `commit`."""
        with self._writing() as writer:
            for row in rows:
                writer.delete_documents_by_term("id", row.id)
                writer.add_document(_document(row))

    def delete(self, generations: Iterable[tuple[str, str]]) -> None:
        """Remove the passages of these generations; gone after `commit`, and no error where there are none."""
        with self._writing() as writer:
            for generation in generations:
                writer.delete_documents_by_term("generation", "\n".join(generation))

    def commit(self) -> None:
        """Make what was added and deleted durable, and seen by searches from now on."""
        with self._writing() as writer:
            writer.commit()
            self._index.reload()

    def count(self) -> int:
        """How many passages there are, by the last commit."""
        return self._index.searcher().num_docs

    def ids(self) -> set[str]:
        """The id of every passage, by the last commit."""
        from tantivy import Query

        searcher = self._index.searcher()
        with self._explained():
            hits = searcher.search(Query.all_query(), max(1, searcher.num_docs), count=False).hits
            return {str(searcher.doc(at).get_first("id")) for _, at in hits}

    def search(
        self, asked: Mapping[str, float], k: int, *, partitions: Collection[str] | None
    ) -> list[tuple[str, float]]:
        """The `k` passages of `partitions` (None: of all) that hold most of the question, best first: id and share.

        `asked` gives the question's terms their weights. The share (0 to 1) is the BM25 score divided by the most that
        any passage could get; a term that no passage holds counts as the rarest. How rare a term is, is counted in the
        partitions searched, so that scores tell nothing of the others.
        """
        with self._seen(partitions) as corpus:
            return corpus.best(corpus.weighed(asked), k)

    def shares(
        self, asked: Mapping[str, float], ids: Collection[str], *, partitions: Collection[str] | None
    ) -> dict[str, float]:
        """The shares of these passages, as `search` gives them; 0 for one that holds nothing or is not in `partitions`."""
        with self._seen(partitions) as corpus:
            return dict.fromkeys(ids, 0.0) | dict(corpus.best(corpus.weighed(asked), len(ids), among=ids))

    def weights(self, asked: Mapping[str, float], *, partitions: Collection[str] | None) -> dict[str, float]:
        """Each term's weight times how rare it is in the partitions (the inverse document frequency of BM25)."""
        with self._seen(partitions) as corpus:
            return corpus.weights(asked)

    def words(self, asked: Mapping[str, float], id: str, *, partitions: Collection[str] | None) -> dict[str, float]:
        """What of its share the passage owes to each word of the question, most first; parts count for their words."""
        owed: dict[str, float] = defaultdict(float)
        with self._seen(partitions) as corpus:
            for weighed in corpus.weighed(asked):
                for _, share in corpus.best([weighed], 1, among=[id]):
                    for owner in (found := owners(weighed.term, asked)):
                        owed[owner] += share / len(found)
        return dict(sorted(owed.items(), key=lambda item: (-item[1], item[0])))

    def close(self) -> None:
        """Stop the writer and release the folder; what was not committed is forgotten."""
        with self._lock:
            writer, self._writer, self._opened = self._writer, None, None
            if writer is not None:
                writer.wait_merging_threads()

    @property
    def _index(self) -> Index:
        if self._opened is None:
            raise ConfigurationError(f"the lexical index in {str(self.place)!r} was closed: open the knowledge again")
        return self._opened

    @contextmanager
    def _seen(self, partitions: Collection[str] | None) -> Iterator[Corpus]:
        with self._explained():
            yield Corpus(self._index.searcher(), self._schema, partitions)

    @contextmanager
    def _writing(self) -> Iterator[IndexWriter]:
        """The writer, for one thread at a time; after an error it starts again from the last commit."""
        with self._lock, self._explained():
            index = self._index
            if self._writer is None:
                self._writer = index.writer(HEAP, 1)
            try:
                yield self._writer
            except BaseException:
                self._writer.rollback()
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what a full disk or a broken folder raises into errors that say so."""
        try:
            yield
        except (ValueError, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> ConfigurationError:
        if _free(self.place) < ROOM:  # tantivy says which step failed, not why
            return full(str(self.place))
        return ConfigurationError(
            f"the lexical index in {str(self.place)!r} cannot be used: {error}; it is filled again when it is deleted"
        )


def _free(place: Path) -> int:
    """Bytes of free space where `place` is or would be."""
    return shutil.disk_usage(next(folder for folder in (place, *place.parents) if folder.exists())).free


def _schema() -> Schema:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder().add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("generation", "partition"):
        builder = builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    return builder.add_text_field(TERMS, tokenizer_name="terms", index_option="freq").build()


def _document(row: Row) -> Document:
    from tantivy import Document

    mark = mark_of(row.partition)
    document = Document()
    document.add_text("id", row.id)
    document.add_text("generation", "\n".join(row.generation))
    document.add_text("partition", mark)
    document.add_text("partition", ALL)
    document.add_text(TERMS, " ".join(mark + term for term in terms(row.text)))
    return document
