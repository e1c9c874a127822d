"""The ingest: what is new or changed is written before what it replaces is deleted; `commit` has the order."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from assistant.errors import ConfigurationError
from assistant.knowledge.commit import BATCH, Commits
from assistant.knowledge.given import Bundle, Given, sort
from assistant.knowledge.index import Index
from assistant.knowledge.load import Reader, Refusal, Source, discover
from assistant.knowledge.manifest import Manifest
from assistant.knowledge.metadata import own_excluded
from assistant.knowledge.partitions import granted
from assistant.knowledge.prepare import Outcome, Prepared, Preparer, Unchanged
from assistant.knowledge.report import IngestReport, Progress, Tally

if TYPE_CHECKING:
    from assistant.knowledge.embed import Embedder
    from assistant.knowledge.store import Vectors

T = TypeVar("T")


class Sync:
    """Brings sources into the indexes."""

    def __init__(
        self,
        index: Index,
        manifest: Manifest,
        commits: Commits,
        embedder: Embedder,
        reader: Reader,
        *,
        chunk_tokens: int,
        max_bytes: int,
    ) -> None:
        self._index = index
        self._manifest = manifest
        self._commits = commits
        self._embedder = embedder
        self._reader = reader
        self._limits = {"chunk_tokens": chunk_tokens, "max_bytes": max_bytes}

    def run(
        self,
        sources: Iterable[Given] | Given,
        *,
        sync: bool,
        metadata: Mapping[str, Any] | None,
        access: Iterable[str] | None,
        progress: Callable[[Progress], None] | None,
    ) -> IngestReport:
        """Add `sources`; with `sync`, forget the files under the given paths that are gone."""
        tally = Tally(progress)
        paths, bundles = sort(sources)
        preparer = Preparer(
            self._manifest,
            self._reader,
            self._embedder,
            **self._limits,
            extra=own_excluded(metadata or {}),
            access=granted(access),
            stored=lambda generation: self._index.store(generation.partition).whole(generation.ids()),
        )
        self._commits.repair()
        found = list(discover(paths))
        gone = self._gone(paths, found) if sync else []
        items = {_name(item): item for item in [*found, *bundles] if _name(item) not in gone}
        tally.total = len(items)
        stop = threading.Event()
        for batch in ahead(batches(_outcomes(items.values(), preparer, tally, stop)), stop):
            self._settle(batch, tally)
        for source in gone:
            self._commits.forget([source])
            tally.count(source, "removed")
        return tally.report()

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
        known = self._commits.write(self._embedded(prepared)) if prepared else set()
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

    def _embedded(self, batch: list[Prepared]) -> list[Prepared]:
        """With the vectors of those that have none yet."""
        new = [prepared for prepared in batch if prepared.vectors is None]
        vectors = self._embed([text for prepared in new for text in prepared.inputs])
        ends = accumulate(len(prepared.inputs) for prepared in new)
        made = {id(p): vectors[end - len(p.inputs) : end] for p, end in zip(new, ends, strict=True)}
        return [replace(prepared, vectors=made.get(id(prepared), prepared.vectors)) for prepared in batch]

    def _embed(self, inputs: list[str]) -> Vectors:
        """(passages, dimension) float32: lists of Python floats would take eight times the memory."""
        import numpy as np

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
