"""`Knowledge`: documents in, passages out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from assistant.errors import ConfigurationError
from assistant.knowledge.index import Index
from assistant.knowledge.load import Reader
from assistant.knowledge.lock import own
from assistant.knowledge.manifest import Entry, Manifest
from assistant.knowledge.metadata import where
from assistant.knowledge.passages import Passage
from assistant.knowledge.report import DocumentInfo, IngestReport, Progress
from assistant.knowledge.search import Search
from assistant.knowledge.split import SPLITTER_VERSION
from assistant.knowledge.sync import Sync
from assistant.settings import Settings

if TYPE_CHECKING:
    from langchain_chroma import Chroma
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    from assistant.knowledge.embed import Embedder

T = TypeVar("T")


class Knowledge:
    """The documents that answers come from, in Chroma: embedded in `data_dir/chroma`, or a server at `knowledge.url`.

    Embedded, the folder belongs to one process; there any number of `Knowledge` may share it, from any thread. On a
    server any number of processes may search; those that add should share `data_dir`, where the manifest stands that
    says what is known: `documents`, `remove` and unchanged sources are those of this manifest.

    What is searched is complete at any instant: a document that is being replaced answers with its old passages until
    all of the new ones are there, and what a killed process left half written is never returned, and is deleted when
    the knowledge is opened next.

    Raises:
        ConfigurationError: another process has the folder, or the collection was made with another embedding model,
            dimension, normalisation, splitter or passage size; the message says what to do.
        EngineUnavailable: the Chroma server does not answer.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        embedder: Embedder | None = None,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        """Open it; `step` is told each step of a commit as it is done (`sync` lists them)."""
        self._settings = settings or Settings.load()
        self._process = os.getpid()
        self._step = step
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="knowledge")
        with ExitStack() as opened:
            self._open(opened, embedder)
            self._opened: ExitStack | None = opened.pop_all()

    def _open(self, opened: ExitStack, embedder: Embedder | None) -> None:
        known = self._settings.knowledge
        folder = self._settings.data_dir.absolute()
        place: Path | str = known.url or folder / "chroma"
        if isinstance(place, Path):
            opened.callback(own(place).release)
        self._embedder = embedder or _embedder(self._settings)
        chunk_tokens = min(known.chunk_tokens, self._embedder.max_tokens)
        self._index = Index(place, known.collection, identity=_identity(self._embedder, chunk_tokens))
        opened.callback(self._index.close)
        self._manifest = Manifest(folder / _manifest_name(known.url, known.collection))
        opened.callback(self._manifest.close)
        limits = {"max_file_mib": known.max_file_mib, "max_seconds": known.max_seconds}
        reader = opened.enter_context(Reader(**limits, allow_private_urls=known.allow_private_urls))
        self._search = Search(self._index, self._manifest, self._embedder.embeddings)
        self._sync = Sync(
            self._index,
            self._manifest,
            self._embedder,
            reader,
            chunk_tokens=chunk_tokens,
            max_bytes=int(known.max_file_mib * 2**20),
            step=self._step,
        )
        self._agree(embedded=isinstance(place, Path))

    def _agree(self, *, embedded: bool) -> None:
        """Collection and manifest must speak of the same passages; on a server others may have written some."""
        if self._manifest.collection != self._index.id:
            if embedded and (count := self._index.count()):
                raise ConfigurationError(
                    f"the collection {self._index.name!r} in {self._index.place!r} holds {count} passages, but its "
                    f"manifest {str(self._manifest.path)!r} is missing or of another collection: restore it, or "
                    "delete that folder and ingest again"
                )
            self._manifest.describe(self._index.id)
        self._sync.repair()
        if embedded and self._index.count() != self._manifest.passages():
            self._sync.reconcile()

    @classmethod
    def open(cls, path: str | Path = "data", *, embedder: Embedder | None = None, **overrides: Any) -> Self:
        """The knowledge in the data folder `path`; all else as configured; `overrides` as for `Settings.load`."""
        return cls(Settings.load(**{**overrides, "data_dir": Path(path)}), embedder=embedder)

    @classmethod
    async def aopen(cls, path: str | Path = "data", *, embedder: Embedder | None = None, **overrides: Any) -> Self:
        """`open`, in a thread."""
        return await asyncio.to_thread(partial(cls.open, path, embedder=embedder, **overrides))

    def add(
        self,
        sources: Iterable[str | Path | Document] | str | Path | Document,
        *,
        sync: bool = False,
        metadata: Mapping[str, Any] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """Add files, folders (recursively), URLs and LangChain documents; what is known and unchanged costs nothing.

        LangChain documents of one `metadata["source"]` are one document, in the order given; without a source their
        content names them. What is refused is reported, and an earlier version of it stays. Interrupted at any point,
        what was finished is kept, and the rest is repaired by the next call or the next process.

        Args:
            sources: as above, in any mixture.
            sync: also remove documents whose file under the given paths is gone.
            metadata: added to every passage of these sources and usable as a search filter; values that are no
                string, number, boolean or list of strings are stored as JSON text.
            progress: called for each source when it is being loaded and when it is finished, from two threads in turn.

        Raises:
            ValueError: a source or a metadata key is of a kind that cannot be stored.
            ConfigurationError: the disk is full, or the embedding model does not do what it said.
            EngineUnavailable: the Chroma server does not answer.
        """
        self._usable()
        return self._sync.run(sources, sync=sync, metadata=metadata, progress=progress)

    def search(self, query: str, k: int | None = None, *, filter: Mapping[str, Any] | None = None) -> list[Passage]:
        """The `k` passages nearest to `query` (default `knowledge.passages`), best first; equal texts once.

        `filter` is `{"key": value, …}` on metadata, all of which must equal, or Chroma's operators (`$in`, `$or` …).

        Raises:
            ValueError: the query is empty, `k` is not 1 to 1000, or the filter is wrong.
            EngineUnavailable: the Chroma server does not answer.
        """
        self._usable()
        return self._search.run(query, self._settings.knowledge.passages if k is None else k, filter=filter)

    def documents(self) -> list[DocumentInfo]:
        """Every document, ordered by source."""
        self._usable()
        return [_info(entry) for entry in self._manifest.entries()]

    def remove(self, id: str) -> bool:
        """Remove the document of this id or source; False where there is none."""
        self._usable()
        entry = self._manifest.find(id)
        return entry is not None and self._sync.forget([entry.source]) > 0

    def as_retriever(
        self, *, k: int | None = None, min_score: float | None = None, filter: Mapping[str, Any] | None = None
    ) -> BaseRetriever:
        """A LangChain retriever that returns only passages of `min_score` or more.

        Defaults: `knowledge.passages`, and `knowledge.min_score` or what the embedding model says is evidence.
        """
        from assistant.knowledge.retriever import KnowledgeRetriever

        where(filter)
        floors = (min_score, self._settings.knowledge.min_score, self._embedder.min_score)
        return KnowledgeRetriever(
            knowledge=self,
            k=self._settings.knowledge.passages if k is None else k,
            min_score=next(floor for floor in floors if floor is not None),
            filter=dict(filter) if filter else None,
        )

    @property
    def vector_store(self) -> Chroma:
        """The collection as LangChain's vector store, for reading: what is added through it belongs to no document."""
        from langchain_chroma import Chroma

        self._usable()
        client, embeddings = self._index.client, self._embedder.embeddings
        return Chroma(self._index.name, embeddings, client=client, create_collection_if_not_exists=False)

    async def aadd(
        self,
        sources: Iterable[str | Path | Document] | str | Path | Document,
        *,
        sync: bool = False,
        metadata: Mapping[str, Any] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """`add`, in a thread that such calls take in turn. Cancelled, it still runs to its end."""
        return await self._in_writer(partial(self.add, sources, sync=sync, metadata=metadata, progress=progress))

    async def asearch(
        self, query: str, k: int | None = None, *, filter: Mapping[str, Any] | None = None
    ) -> list[Passage]:
        """`search`, in a thread."""
        return await asyncio.to_thread(self.search, query, k, filter=filter)

    async def adocuments(self) -> list[DocumentInfo]:
        """`documents`, in a thread."""
        return await asyncio.to_thread(self.documents)

    async def aremove(self, id: str) -> bool:
        """`remove`, in a thread."""
        return await self._in_writer(partial(self.remove, id))

    async def aclose(self) -> None:
        """`close`, in a thread."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Wait for `aadd` and `aremove` under way, then release folder, client and files; again, it does nothing."""
        if self._opened and self._process == os.getpid():
            self._writer.shutdown()
            self._opened.close()
        self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _in_writer(self, work: Callable[[], T]) -> T:
        self._usable()
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def _usable(self) -> None:
        if self._process != os.getpid():
            raise ConfigurationError(
                f"this Knowledge was opened by process {self._process}, and Chroma does not survive a fork: "
                "open it after the fork, in one process, or set knowledge.url to a Chroma server"
            )
        if self._opened is None:
            raise ConfigurationError("this Knowledge is closed: open another one")


def _embedder(settings: Settings) -> Embedder:
    from assistant.knowledge.embed import open_embedder

    return open_embedder(settings.knowledge.embedding_model, cache_dir=settings.cache_dir)


def _identity(embedder: Embedder, chunk_tokens: int) -> dict[str, str | int | bool]:
    return {
        "embedding": embedder.name,
        "dimension": embedder.dimension,
        "normalised": embedder.normalised,
        "splitter": SPLITTER_VERSION,
        "chunk_tokens": chunk_tokens,
    }


def _manifest_name(url: str, collection: str) -> str:
    """One manifest a collection, and a server's apart from the embedded one's of the same name."""
    server = url.partition("://")[2].rstrip("/").replace(":", "_").replace("/", "_")
    return f"manifest-{collection}@{server}.db" if server else f"manifest-{collection}.db"


def _info(entry: Entry) -> DocumentInfo:
    added_at = datetime.fromisoformat(entry.added_at)
    return DocumentInfo(entry.id, entry.source, entry.title, entry.media_type, entry.passages, entry.size, added_at)
