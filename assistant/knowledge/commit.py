"""The commit: both indexes and the manifest change together, and whatever is killed is repaired.

The order of a commit, and what a process that dies there leaves behind:

1. the new generations are named unfinished in the manifest
2. their passages are written to Chroma, then to the lexicon → 1-2: search hides them, repair deletes them
3. one transaction makes them the documents and what they replace unfinished
4. the passages of what they replace are deleted from both   → 3-4: search hides these, repair deletes them
5. nothing is unfinished

At no instant is a document without passages, and at no instant do two versions of it answer. A document for another
audience is another generation: those who may not see it any more see nothing of it from step 3 on.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from assistant.knowledge.index import Index
from assistant.knowledge.lexicon import Lexicon, Row
from assistant.knowledge.lock import committing
from assistant.knowledge.manifest import Entry, Generation, Manifest, generation_of
from assistant.knowledge.partitions import ALLOWED, LIST, PUBLIC, partition_in
from assistant.knowledge.prepare import Prepared

if TYPE_CHECKING:
    from assistant.knowledge.store import Store, Vectors

log = logging.getLogger(__name__)
BATCH = 256
"""Passages embedded and committed together, at least; memory grows with it and with the largest document."""


class Commits:
    """Writes documents to both indexes and deletes them. `step` is told each step: begun, written (some passages, to
    Chroma), indexed (by the lexicon), switched, forgotten (removed from the manifest), deleted (from Chroma) and
    unindexed (from the lexicon); a test can die there.
    """

    def __init__(self, index: Index, lexicon: Lexicon, manifest: Manifest, *, step: Callable[[str], None]) -> None:
        self._index = index
        self._lexicon = lexicon
        self._manifest = manifest
        self._step = step

    def write(self, embedded: Sequence[Prepared]) -> set[str]:
        """Write documents that have their vectors; the sources that were known before."""
        with committing(self._manifest.path):
            self._delete(self._manifest.unfinished())
            ready = [prepared.inherit(self._manifest.get(prepared.entry.source)) for prepared in embedded]
            self._manifest.begin(prepared.entry for prepared in ready if not self._stands(prepared.entry))
            self._step("begun")
            self._write(ready)
            old, known = self._manifest.switch([prepared.entry for prepared in ready])
            self._step("switched")
            self._delete(old)
        return known

    def repair(self) -> None:
        """Delete what an interrupted commit left."""
        if self._manifest.unfinished():
            with committing(self._manifest.path):
                self._delete(self._manifest.unfinished())

    def reconcile(self) -> None:
        """Make Chroma and manifest agree, where a power cut or a foreign hand made them differ; reads every id."""
        with committing(self._manifest.path):
            entries = {(e.id, e.version): e for e in self._manifest.entries()}
            there: Counter[tuple[str, str]] = Counter()
            foreign = 0
            for store in self._index.stores:
                found = list(store.ids())
                mine = [passage for passage in found if self._belongs(generation_of(passage), entries, store)]
                there.update(map(generation_of, mine))
                store.delete(sorted({*found}.difference(mine)))
                foreign += len(found) - len(mine)
            broken = [e.source for key, e in entries.items() if there[key] != e.passages]
            self._delete(self._manifest.forget(broken))
        log.warning("%d passages of no document were deleted from %s", foreign, self._index.place)
        log.warning("%d incomplete documents were removed, ingest them again: %s", len(broken), broken[:20])

    def _belongs(self, generation: tuple[str, str], entries: Mapping[tuple[str, str], Entry], store: Store) -> bool:
        return generation in entries and self._index.store(partition_in(generation[1])) is store

    def forget(self, sources: Iterable[str]) -> int:
        """Remove the documents of these sources; how many there were."""
        with committing(self._manifest.path):
            old = self._manifest.forget(sources)
            self._step("forgotten")
            self._delete(old)
        return len(old)

    def _stands(self, entry: Entry) -> bool:
        """Another thread was faster with the same content."""
        known = self._manifest.get(entry.source)
        return known is not None and known.generation == entry.generation

    def _write(self, batch: list[Prepared]) -> None:
        passages = [passage for prepared in batch for passage in _passages(prepared)]
        for partition, group in groupby(passages, key=lambda passage: passage.row.partition):
            together = list(group)
            for start in range(0, len(together), BATCH):
                self._upsert(partition, together[start : start + BATCH])
                self._step("written")
        self._lexicon.add(passage.row for passage in passages)
        self._lexicon.commit()
        self._step("indexed")
        self._index.changed()

    def _upsert(self, partition: str, passages: Sequence[_Passage]) -> None:
        import numpy as np

        self._index.store(partition).upsert(
            [passage.row.id for passage in passages],
            [passage.text for passage in passages],
            np.stack([passage.vector for passage in passages]),
            [passage.metadata for passage in passages],
        )

    def _delete(self, generations: list[Generation]) -> None:
        if not generations:
            return
        for store in self._index.stores:
            here = [generation for generation in generations if self._index.store(generation.partition) is store]
            store.delete([passage for generation in here for passage in generation.ids()])
        self._step("deleted")
        self._lexicon.delete((generation.document, generation.version) for generation in generations)
        self._lexicon.commit()
        self._step("unindexed")
        self._index.changed()
        self._manifest.finish(generations)


class _Passage(NamedTuple):
    """A passage with what each index needs of it; `vector` is (dimension,) float32."""

    row: Row
    text: str
    vector: Vectors
    metadata: dict[str, Any]


def _passages(prepared: Prepared) -> Iterator[_Passage]:
    """Those of a document; what not everyone may see says for whom it is."""
    generation, vectors = prepared.entry.generation, prepared.vectors
    if vectors is None:
        raise ValueError(f"{prepared.entry.source!r} is not embedded")
    hidden = {} if generation.partition == PUBLIC else {LIST: generation.partition, ALLOWED: prepared.entry.access}
    names = (generation.document, generation.version)
    passages = zip(generation.ids(), prepared.inputs, prepared.texts, vectors, prepared.metadatas, strict=True)
    for id, read, text, vector, metadata in passages:
        yield _Passage(Row(id, names, generation.partition, read), text, vector, {**metadata, **hidden})
