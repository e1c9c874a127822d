"""The vectors of all passages, in two Chroma collections: of those that everyone may see, and of those with access lists.

The first is searched by Chroma's graph. Of the second a search compares every passage of the partitions it may see: a
graph over all of them, filtered, would take 40 times as long.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.knowledge.blocks import Blocks, partition_of_passage, unit
from assistant.knowledge.chroma import Chroma, Identity
from assistant.knowledge.partitions import ALLOWED, LIST, PUBLIC
from assistant.knowledge.store import Hit, Metadata, Row, Store, rounded

if TYPE_CHECKING:
    from chromadb.api.client import Client

    from assistant.knowledge.store import Vectors

GRAPH = {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 200}
"""Chroma's defaults (16, 100, 100) lose vectors: of 20,000 in 200 clusters, a quarter of them replaced, 17 are not found
by themselves, and recall at 10 is 0.90; with these none, and 0.997, at 0.13 ms more a query and 4,000 writes a second.
"""
UNSEARCHED = {"space": "cosine", "max_neighbors": 2, "ef_construction": 2}
"""For the collection whose graph nobody asks: 1,888 passages a second are written instead of 792."""


class Index:
    """The passages in `place`, a folder or a server's address, under ids of ours and with vectors computed by us.

    `identity` says what its vectors are made of; a collection made of something else is refused.

    Raises:
        ConfigurationError: a collection differs in its identity, or the folder or the address is wrong.
        EngineUnavailable: the Chroma server does not answer.
    """

    def __init__(self, place: Path | str, collection: str, *, identity: Identity) -> None:
        self._chroma = Chroma(place)
        self._is_shared = not isinstance(place, Path)
        self._revision: str | None = None
        private = {**identity, "access": "by list"}
        try:
            self.public = Store(self._chroma, self._chroma.collection(collection, identity, graph=GRAPH))
            named = f"{collection}--private"
            self.private = Store(self._chroma, self._chroma.collection(named, private, graph=UNSEARCHED))
        except BaseException:
            self._chroma.close()
            raise
        self._blocks = Blocks(self.private)

    @property
    def place(self) -> str:
        """The folder or the address."""
        return self._chroma.place

    @property
    def id(self) -> str:
        """Chroma's id of the public collection: another one when it was deleted and made again."""
        return self.public.id

    @property
    def client(self) -> Client:
        """Chroma's client, for what only Chroma can do."""
        return self._chroma.client

    @property
    def name(self) -> str:
        """The name of the public collection."""
        return self.public.name

    @property
    def stores(self) -> tuple[Store, Store]:
        """Both collections."""
        return self.public, self.private

    def store(self, partition: str) -> Store:
        """Where the passages of this partition are."""
        return self.public if partition == PUBLIC else self.private

    def count(self) -> int:
        """How many passages there are."""
        return sum(store.count() for store in self.stores)

    def query(
        self, vector: Sequence[float], k: int, *, where: Metadata | None, partitions: Mapping[str, int]
    ) -> list[Hit]:
        """The `k` passages of these partitions nearest to `vector`, best first; fewer where there are fewer.

        `partitions` are those of `Manifest.visible`, each with its revision.

        Raises:
            ValueError: Chroma does not understand `where`.
        """
        found = self.public.query(vector, k, where=where) if PUBLIC in partitions else []
        private = {partition: revision for partition, revision in partitions.items() if partition != PUBLIC}
        if private:
            found += self._compared(vector, k, where, private)
        hits = [hit._replace(metadata=shown(hit.metadata)) for hit in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:k]

    def fetch(
        self, ids: Collection[str], *, where: Metadata | None, partitions: Collection[str]
    ) -> dict[str, tuple[Vectors, str, dict[str, Any]]]:
        """Vector, text and metadata of those of the passages that are in these partitions and that `where` holds for."""
        homes = {id: partition for id in ids if (partition := partition_of_passage(id)) in partitions}
        public = [id for id, partition in homes.items() if partition == PUBLIC]
        private = [id for id, partition in homes.items() if partition != PUBLIC]
        found = self.public.whole(public, where=where) | self.private.whole(private, where=where)
        return {id: (vector, row.text, shown(row.metadata)) for id, (row, vector) in found.items() if _honest(row)}

    def changed(self) -> None:
        """Tell the other processes that a commit was made; one that they made meanwhile is still to be looked at."""
        if self._is_shared:
            seen, written = self.public.stamped(), uuid.uuid4().hex
            self.public.stamp(written)
            self._revision = written if seen == self._revision else None

    def changed_by_others(self) -> bool:
        """Whether other processes made a commit since this was asked last."""
        seen, last = self.public.stamped(), self._revision
        self._revision = seen
        return seen != last

    def forget_changes(self) -> None:
        """What `changed_by_others` told of was not dealt with: it is to tell again."""
        self._revision = None

    def close(self) -> None:
        """Release the client; the last one of a folder closes it."""
        self._chroma.close()

    def _compared(
        self, vector: Sequence[float], k: int, where: Metadata | None, partitions: Mapping[str, int]
    ) -> list[Hit]:
        best = self._nearest(vector, k, where, partitions)
        rows = filter(
            _honest, self.private.rows(list(best))
        )  # ids alone: with a filter Chroma takes 50 ms instead of 2
        return [Hit(row.id, row.text, row.metadata, best[row.id]) for row in rows]

    def _nearest(
        self, vector: Sequence[float], k: int, where: Metadata | None, partitions: Mapping[str, int]
    ) -> dict[str, float]:
        """Ids and scores; of equally near ones those that come first by id."""
        import numpy as np

        blocks = [block for block in self._blocks.of(partitions).values() if len(block.ids)]
        if not blocks:
            return {}
        asked = unit(np.asarray(vector, np.float32))
        scores = np.concatenate([block.vectors @ asked for block in blocks])
        ids = np.concatenate([block.ids for block in blocks])
        if where:
            allowed = set(self.private.ids(where=_within(partitions, where)))
            kept = np.fromiter((id in allowed for id in ids), bool, len(ids))
            scores, ids = scores[kept], ids[kept]
        floor = np.partition(scores, -k)[-k] - 1e-6 if len(scores) > k else -np.inf
        near = [(-rounded(float(scores[at])), str(ids[at])) for at in np.flatnonzero(scores >= floor)]
        return {id: -score for score, id in sorted(near)[:k]}


def shown(metadata: Metadata) -> dict[str, Any]:
    """Without what says who may see the passage."""
    return {key: value for key, value in metadata.items() if key not in (LIST, ALLOWED)}


def _honest(row: Row) -> bool:
    """Whether the passage is in the partition that its id names, by which it was chosen."""
    return str(row.metadata.get(LIST, PUBLIC)) == partition_of_passage(row.id)


def _within(partitions: Iterable[str], where: Metadata | None) -> dict[str, Any]:
    mine = {LIST: {"$in": sorted(set(partitions))}}
    return {"$and": [mine, dict(where)]} if where else mine
