"""One Chroma collection, read and written in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray

    from assistant.knowledge.chroma import Chroma

    Vectors = NDArray[np.float32]

AT_ONCE = 1000
"""Vectors read at once: Chroma hands them over as Python floats, 12 MB of them for 384 dimensions."""
Metadata = Mapping[str, Any]


class Hit(NamedTuple):
    """A passage near a query; `score` is the cosine similarity, -1 to 1."""

    id: str
    text: str
    metadata: dict[str, Any]
    score: float


class Row(NamedTuple):
    """A passage as it is stored."""

    id: str
    text: str
    metadata: dict[str, Any]


class Store:
    """Passages under ids of ours, with vectors computed by us.

    What takes a `where` raises ValueError where Chroma does not understand it.
    """

    def __init__(self, chroma: Chroma, collection: Collection) -> None:
        self._chroma = chroma
        self._collection = collection

    @property
    def id(self) -> str:
        """Chroma's id of the collection: another one when it was deleted and made again."""
        return str(self._collection.id)

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self._collection.name

    def count(self) -> int:
        """How many passages there are."""
        with self._chroma.explained():
            return self._collection.count()

    def ids(self, *, where: Metadata | None = None) -> Iterator[str]:
        """The id of every passage that `where` holds for."""
        size, condition = self._chroma.batch, dict(where) if where else None
        for start in range(0, self.count(), size):
            with self._asking():
                page = self._collection.get(where=condition, limit=size, offset=start, include=[])["ids"]
            yield from page
            if len(page) < size:
                return

    def rows(self, ids: Sequence[str], *, where: Metadata | None = None) -> Iterator[Row]:
        """The passages of these ids that `where` holds for, in any order."""
        for part in parts(ids, AT_ONCE):
            with self._asking():
                found = self._collection.get(
                    part, where=dict(where) if where else None, include=["documents", "metadatas"]
                )
            yield from map(_row, found["ids"], found["documents"] or [], found["metadatas"] or [])

    def vectors(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """Those of the ids that are there, and their vectors, (passages, dimension) float32."""
        import numpy as np

        there: list[str] = []
        matrices: list[Any] = []
        for part in parts(ids, AT_ONCE):
            with self._chroma.explained():
                found = self._collection.get(part, include=["embeddings"])
            if found["ids"]:
                there += found["ids"]
                matrices.append(np.asarray(found["embeddings"], np.float32))
        return there, np.concatenate(matrices) if matrices else np.empty((0, 0), np.float32)

    def whole(self, ids: Sequence[str], *, where: Metadata | None = None) -> dict[str, tuple[Row, Vectors]]:
        """`rows` by their ids, each with its vector, (dimension,) float32."""
        import numpy as np

        there: dict[str, tuple[Row, Any]] = {}
        for part in parts(ids, AT_ONCE):
            with self._asking():
                found = self._collection.get(
                    part, where=dict(where) if where else None, include=["documents", "metadatas", "embeddings"]
                )
            rows = map(_row, found["ids"], found["documents"] or [], found["metadatas"] or [])
            vectors = np.asarray(found["embeddings"], np.float32)
            there |= {row.id: (row, vector) for row, vector in zip(rows, vectors, strict=True)}
        return there

    def upsert(self, ids: Sequence[str], texts: Sequence[str], vectors: Vectors, metadatas: Sequence[Metadata]) -> None:
        """Write passages; `vectors` is (passages, dimension) float32."""
        for start in range(0, len(ids), self._chroma.batch):
            part = slice(start, start + self._chroma.batch)
            with self._chroma.writing():
                self._collection.upsert(
                    ids=list(ids[part]),
                    documents=list(texts[part]),
                    embeddings=vectors[part],
                    metadatas=list(metadatas[part]),
                )

    def delete(self, ids: Sequence[str]) -> None:
        """Delete passages; an id that is not there is no error."""
        for part in parts(ids, self._chroma.batch):
            with self._chroma.writing():
                self._collection.delete(ids=part)

    def query(self, vector: Sequence[float], k: int, *, where: Metadata | None) -> list[Hit]:
        """The `k` passages nearest to `vector`, best first, found by Chroma's graph."""
        with self._asking():
            found = self._collection.query(query_embeddings=[vector], n_results=k, where=dict(where) if where else None)
        documents, metadatas, distances = found["documents"], found["metadatas"], found["distances"]
        if documents is None or metadatas is None or distances is None:  # not asked for; only for the type checker
            return []
        rows = zip(found["ids"][0], documents[0], metadatas[0], distances[0], strict=True)
        return [Hit(id, text, dict(meta or {}), rounded(1.0 - distance)) for id, text, meta, distance in rows]

    @contextmanager
    def _asking(self) -> Iterator[None]:
        from chromadb.errors import InvalidArgumentError

        try:
            with self._chroma.explained():
                yield
        except InvalidArgumentError as error:  # what `validate_where` lets through
            raise ValueError(f"the filter cannot be used: {error}") from None

    def stamp(self, revision: str) -> None:
        """Write `revision` beside the collection's identity, for other processes to see that it changed."""
        with self._chroma.writing():
            self._collection.modify(metadata={**(self._collection.metadata or {}), "revision": revision})

    def stamped(self) -> str:
        """The revision that was written last, by whichever process; empty where none was."""
        with self._chroma.explained():
            known = self._chroma.client.get_collection(self.name, embedding_function=None).metadata or {}
        return str(known.get("revision", ""))


def rounded(cosine: float) -> float:
    """To six digits: Chroma's float32 has no more, and a server prints the rest otherwise than the embedded one."""
    return round(min(1.0, max(-1.0, cosine)), 6)


def parts(items: Sequence[str], size: int) -> Iterator[list[str]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _row(id: str, text: str, metadata: Metadata | None) -> Row:
    return Row(id, text, dict(metadata or {}))
