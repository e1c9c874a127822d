"""The vectors of the partitions that were searched lately, in memory: compared one by one they cost less than a filter.

Measured at 100,000 passages of 384 dimensions, one thread: comparing with every one takes 4.5 ms, Chroma's graph 5.5 ms,
and the graph with a metadata filter 200 to 314 ms. A collection a partition was measured too: 2.9 MB of memory and four
open files each, and with 2,000 of them 38 ms for the first search in one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.knowledge.manifest import generation_of
from assistant.knowledge.partitions import LIST, partition_in
from assistant.knowledge.store import Store, parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assistant.knowledge.store import Vectors

ROOM = 256 * 2**20
"""Bytes of vectors kept beyond those of the search at hand: 175,000 of 384 dimensions."""
NAMED = 5000
"""Partitions named in one question to Chroma, whose database takes 32,766 values."""


@dataclass(frozen=True, slots=True)
class Block:
    """The passages of one partition: `vectors` are (passages, dimension) float32, of unit length."""

    revision: int
    ids: NDArray[np.object_]
    vectors: Vectors


class Blocks:
    """Reads partitions of `store` when they are asked for, and what changed of them when their revision did."""

    def __init__(self, store: Store, *, room: int = ROOM) -> None:
        self._store = store
        self._room = room
        self._lock = threading.Lock()
        self._held: dict[str, Block] = {}

    def of(self, partitions: Mapping[str, int]) -> dict[str, Block]:
        """The blocks of these partitions, as they are at the given revisions or later."""
        with self._lock:
            held = {partition: self._held[partition] for partition in partitions if partition in self._held}
        stale = {p: revision for p, revision in partitions.items() if p not in held or held[p].revision != revision}
        if stale:
            held |= self._read(stale, held)
        with self._lock:
            self._keep(held)
        return held

    def _keep(self, used: Mapping[str, Block]) -> None:
        """Those used last stay; of the others the longest unused go first."""
        for partition in used:
            self._held.pop(partition, None)
        spare = self._room
        kept = []
        for partition, block in reversed(self._held.items()):
            spare -= block.vectors.nbytes
            if spare < 0:
                break
            kept.append((partition, block))
        self._held = {**dict(reversed(kept)), **used}

    def _read(self, stale: Mapping[str, int], held: Mapping[str, Block]) -> dict[str, Block]:
        current: dict[str, list[str]] = {partition: [] for partition in stale}
        for id in dict.fromkeys(self._listed(stale)):
            if (partition := partition_of_passage(id)) in current:
                current[partition].append(id)
        known = {id for partition in stale if partition in held for id in held[partition].ids}
        new = [id for ids in current.values() for id in ids if id not in known]
        fresh, vectors = self._store.vectors(new)
        rows = dict(zip(fresh, unit(vectors), strict=True))
        return {p: _merged(revision, current[p], held.get(p), rows) for p, revision in stale.items()}

    def _listed(self, partitions: Collection[str]) -> Iterator[str]:
        for named in parts(sorted(partitions), NAMED):
            yield from self._store.ids(where={LIST: {"$in": named}})


def unit(vectors: Vectors) -> Vectors:
    """The rows at length 1; a row of zeros stays."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def partition_of_passage(id: str) -> str:
    """The partition that a passage id names."""
    return partition_in(generation_of(id)[1])


def _merged(revision: int, ids: Iterable[str], old: Block | None, new: Mapping[str, Vectors]) -> Block:
    """What is still there of `old`, and of `new` what belongs to it."""
    import numpy as np

    rows: dict[str, Vectors] = dict(zip(old.ids, old.vectors, strict=True)) if old else {}
    there = [id for id in ids if id in rows or id in new]
    vectors = [new[id] if id in new else rows[id] for id in there]
    matrix = np.stack(vectors) if vectors else np.empty((0, 0), np.float32)
    return Block(revision, np.array(there, object), matrix)
