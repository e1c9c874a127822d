"""The ingest: what is new or changed is written before what it replaces is deleted, and whatever is killed is repaired.

The order of a commit, and what a process that dies there leaves behind:

1. the new generations are named unfinished in the manifest
2. their passages are written                              → 1-2: search hides them, repair deletes them
3. one transaction makes them the documents and what they replace unfinished
4. the passages of what they replace are deleted           → 3-4: search hides these, repair deletes them
5. nothing is unfinished

At no instant is a document without passages, and at no instant do two versions of it answer.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from assistant.errors import ConfigurationError
from assistant.knowledge.given import Bundle, Given, sort
from assistant.knowledge.index import Index
from assistant.knowledge.load import Reader, Refusal, Source, discover
from assistant.knowledge.lock import committing
from assistant.knowledge.manifest import Entry, Generation, Manifest, generation_of
from assistant.knowledge.metadata import own_excluded
from assistant.knowledge.prepare import Outcome, Prepared, Preparer, Unchanged
from assistant.knowledge.report import IngestReport, Progress, Tally

if TYPE_CHECKING:
    from assistant.knowledge.embed import Embedder
    from assistant.knowledge.index import Vectors

log = logging.getLogger(__name__)
BATCH = 256
"""Passages embedded and committed together, at least; memory grows with it and with the largest document."""
T = TypeVar("T")


class Sync:
    """Brings sources into a collection. `step` is told each step of a commit: begun, written (some passages), switched,
    forgotten (removed from the manifest) and deleted (from the collection); a test can die there.
    """

    def __init__(
        self,
        index: Index,
        manifest: Manifest,
        embedder: Embedder,
        reader: Reader,
        *,
        chunk_tokens: int,
        max_bytes: int,
        step: Callable[[str], None],
    ) -> None:
        self._index = index
        self._manifest = manifest
        self._embedder = embedder
        self._reader = reader
        self._limits = {"chunk_tokens": chunk_tokens, "max_bytes": max_bytes}
        self._step = step

    def run(
        self,
        sources: Iterable[Given] | Given,
        *,
        sync: bool,
        metadata: Mapping[str, Any] | None,
        progress: Callable[[Progress], None] | None,
    ) -> IngestReport:
        """Add `sources`; with `sync`, forget the files under the given paths that are gone."""
        tally = Tally(progress)
        paths, bundles = sort(sources)
        extra = own_excluded(metadata or {})
        preparer = Preparer(self._manifest, self._reader, self._embedder, **self._limits, extra=extra)
        self.repair()
        found = list(discover(paths))
        gone = self._gone(paths, found) if sync else []
        items = {_name(item): item for item in [*found, *bundles] if _name(item) not in gone}
        tally.total = len(items)
        stop = threading.Event()
        for batch in ahead(batches(_outcomes(items.values(), preparer, tally, stop)), stop):
            self._settle(batch, tally)
        for source in gone:
            self.forget([source])
            tally.count(source, "removed")
        return tally.report()

    def repair(self) -> None:
        """Delete what an interrupted commit left."""
        if self._manifest.unfinished():
            with committing(self._manifest.path):
                self._delete(self._manifest.unfinished())

    def reconcile(self) -> None:
        """Make collection and manifest agree, where a power cut or a foreign hand made them differ; reads every id."""
        with committing(self._manifest.path):
            entries = {(e.id, e.version): e for e in self._manifest.entries()}
            there: dict[tuple[str, str], int] = {}
            foreign = []
            for passage in self._index.ids():
                generation = generation_of(passage)
                there[generation] = there.get(generation, 0) + 1
                if generation not in entries:
                    foreign.append(passage)
            broken = [e.source for key, e in entries.items() if there.get(key, 0) != e.passages]
            self._index.delete(foreign)
            self._delete(self._manifest.forget(broken))
        log.warning("%d passages of no document were deleted from %s", len(foreign), self._index.place)
        log.warning("%d incomplete documents were removed, ingest them again: %s", len(broken), broken[:20])

    def forget(self, sources: Iterable[str]) -> int:
        """Remove the documents of these sources; how many there were."""
        with committing(self._manifest.path):
            old = self._manifest.forget(sources)
            self._step("forgotten")
            self._delete(old)
        return len(old)

    def _gone(self, paths: Iterable[str | Path], found: Iterable[Source | Refusal]) -> list[str]:
        """Known files at or under `paths` that exist no more.

        Nothing is gone under a folder that is missing itself or cannot be read: a disk may not be mounted.
        """
        roots = [os.path.abspath(path) for path in paths]
        seen = {item.uri for item in found if isinstance(item, Source)}
        unread = [item.source for item in found if isinstance(item, Refusal)]
        missing = [e.source for e in self._manifest.entries() if e.source not in seen and not os.path.isfile(e.source)]
        below = [source for source in missing if any(_covers(root, source) for root in roots)]
        return [source for source in below if not any(_under(folder, source) for folder in unread)]

    def _settle(self, batch: list[Outcome], tally: Tally) -> None:
        prepared = [outcome for outcome in batch if isinstance(outcome, Prepared)]
        known = self._commit(prepared, self._embed(prepared)) if prepared else set()
        self._manifest.touch([outcome.seen for outcome in batch if isinstance(outcome, Unchanged) and outcome.seen])
        for outcome in batch:
            match outcome:
                case Refusal():
                    tally.refuse(outcome)
                case Unchanged(source):
                    tally.count(source, "unchanged")
                case Prepared(entry):
                    new = entry.source not in known
                    tally.count(entry.source, "added" if new else "updated", passages=entry.passages)

    def _embed(self, batch: list[Prepared]) -> Vectors:
        """(passages, dimension) float32: lists of Python floats would take eight times the memory."""
        import numpy as np

        inputs = [text for prepared in batch for text in prepared.inputs]
        vectors = np.empty((len(inputs), self._embedder.dimension), np.float32)
        for start in range(0, len(inputs), BATCH):
            part = np.asarray(self._embedder.embeddings.embed_documents(inputs[start : start + BATCH]), np.float32)
            if part.shape[1:] != vectors.shape[1:] or not np.isfinite(part).all():
                raise ConfigurationError(
                    f"knowledge.embedding_model: {self._embedder.name!r} gives vectors of shape {part.shape[1:]}, "
                    f"not {self._embedder.dimension} finite numbers"
                )
            vectors[start : start + BATCH] = part
        return vectors

    def _commit(self, batch: list[Prepared], vectors: Vectors) -> set[str]:
        """Write documents; the sources that were known before."""
        with committing(self._manifest.path):
            self._delete(self._manifest.unfinished())
            self._manifest.begin(prepared.entry.generation for prepared in batch if not self._stands(prepared.entry))
            self._step("begun")
            self._write(batch, vectors)
            old, known = self._manifest.switch([prepared.entry for prepared in batch])
            self._step("switched")
            self._delete(old)
        return known

    def _stands(self, entry: Entry) -> bool:
        """Another thread was faster with the same content."""
        known = self._manifest.get(entry.source)
        return known is not None and known.generation == entry.generation

    def _write(self, batch: list[Prepared], vectors: Vectors) -> None:
        ids = [passage for prepared in batch for passage in prepared.entry.generation.ids()]
        texts = [text for prepared in batch for text in prepared.texts]
        metadatas = [metadata for prepared in batch for metadata in prepared.metadatas]
        for start in range(0, len(ids), BATCH):
            part = slice(start, start + BATCH)
            self._index.upsert(ids[part], texts[part], vectors[part], metadatas[part])
            self._step("written")

    def _delete(self, generations: list[Generation]) -> None:
        if generations:
            self._index.delete([passage for generation in generations for passage in generation.ids()])
            self._step("deleted")
            self._manifest.finish(generations)


def batches(outcomes: Iterable[Outcome], size: int = BATCH) -> Iterator[list[Outcome]]:
    """Outcomes in lists that hold `size` passages, or `size` outcomes, or the rest."""
    batch: list[Outcome] = []
    passages = 0
    for outcome in outcomes:
        batch.append(outcome)
        passages += outcome.entry.passages if isinstance(outcome, Prepared) else 0
        if max(passages, len(batch)) >= size:
            yield batch
            batch, passages = [], 0
    if batch:
        yield batch


def ahead(items: Iterator[T], stop: threading.Event) -> Iterator[T]:
    """The items, the next one being made by another thread while the caller works on this one; `stop` is set at the end.

    An interrupted caller waits until that thread has seen `stop`.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ingest") as pool:
        try:
            upcoming = pool.submit(_next, items)
            while made := upcoming.result():
                upcoming = pool.submit(_next, items)
                yield from made
        finally:
            stop.set()


def _next(items: Iterator[T]) -> list[T]:
    return list(islice(items, 1))


def _outcomes(
    items: Iterable[Source | Bundle | Refusal], preparer: Preparer, tally: Tally, stop: threading.Event
) -> Iterator[Outcome]:
    for item in items:
        if stop.is_set():
            return
        if isinstance(item, Refusal):
            yield item
        else:
            tally.loading(_name(item))
            yield preparer.prepare(item)


def _name(item: Source | Bundle | Refusal) -> str:
    return item.uri if isinstance(item, Source) else item.source


def _covers(root: str, source: str) -> bool:
    """Whether a file at `source` would have been found under `root`, so that its absence means something."""
    if os.path.isdir(root):
        return _under(root, source)
    return source == root and os.path.isdir(os.path.dirname(root))


def _under(folder: str, source: str) -> bool:
    return source.startswith(folder.rstrip("/") + "/")
