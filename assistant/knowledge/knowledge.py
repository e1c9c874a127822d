"""`Knowledge`: documents in, passages out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from assistant.errors import ConfigurationError
from assistant.knowledge.assembly import assemble
from assistant.knowledge.confidence import COMPARED, confidence
from assistant.knowledge.fusion import Candidate, semantic
from assistant.knowledge.manifest import Entry
from assistant.knowledge.metadata import where
from assistant.knowledge.partitions import MAX_HELD, labels
from assistant.knowledge.passages import Passage
from assistant.knowledge.question import Question, Remark
from assistant.knowledge.report import DocumentInfo, IngestReport, Progress
from assistant.knowledge.search import Found, Search
from assistant.knowledge.surroundings import widened
from assistant.meaning import Meaning
from assistant.retrieval import Inquiry, Retrieved
from assistant.settings import Settings

if TYPE_CHECKING:
    from langchain_chroma import Chroma
    from langchain_core.documents import Document
    from langchain_core.documents.compressor import BaseDocumentCompressor
    from langchain_core.retrievers import BaseRetriever

    from assistant.knowledge.embed import Embedder

T = TypeVar("T")


class Knowledge:
    """The documents that answers come from, in Chroma: embedded in `data_dir/chroma`, or a server at `knowledge.url`.

    Embedded, the folder belongs to one process; there any number of `Knowledge` may share it, from any thread. On a
    server any number of processes may search; those that add should share `data_dir`, where the manifest stands that
    says what is known: `documents`, `remove` and unchanged sources are those of this manifest.

    Beside the manifest stands the lexical index, which can be made anew from Chroma at any time. With a server each
    process has one of its own: what others change is brought into it when the knowledge is opened and, by a search,
    every three seconds; until then their new passages are found by meaning only.

    A document that was added with `access`, a list of labels, is found by searches that name at least one of them; all
    others are public, and a search without `access` finds only those. Labels are compared character by character, and
    callers are trusted to name only those that the person who asks has. Passages that not everyone may see stand
    apart, in the collection `<name>--private`; the vectors of those searched lately are kept in memory (256 MB and
    what one search needs). `documents` and `remove` are for who runs the knowledge, and see everything.

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
        """Open it; `step` is told each step of a commit as it is done (`commit` lists them)."""
        self._settings = settings or Settings.load()
        self._process = os.getpid()
        self._step = step
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="knowledge")
        with ExitStack() as opened:
            self._open(opened, embedder)
            self._opened: ExitStack | None = opened.pop_all()

    def _open(self, opened: ExitStack, embedder: Embedder | None) -> None:
        parts = assemble(self._settings, embedder, step=self._step, closing=opened)
        self._parts = parts
        self.meaning = Meaning(parts.embedder.embeddings)
        self._search = Search(parts.index, parts.lexicon, parts.manifest, parts.embedder, self.meaning)

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
        access: Iterable[str] | None = None,
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
            access: labels of those who may see these documents, such as `tenant:acme` or `user:7`; a document that is
                known moves to them, its old audience sees it no more. Without it a new document is public, and a known
                one keeps the audience it has: to publish one, remove it and add it again.
            progress: called for each source when it is being loaded and when it is finished, from two threads in turn.

        Raises:
            ValueError: a source or a metadata key is of a kind that cannot be stored, or `access` is empty or no list
                of labels (texts of up to 200 characters without control characters, 50 at most).
            ConfigurationError: the disk is full, or the embedding model does not do what it said.
            EngineUnavailable: the Chroma server does not answer.
        """
        self._usable()
        return self._parts.sync.run(sources, sync=sync, metadata=metadata, access=access, progress=progress)

    def search(
        self,
        query: str,
        k: int | None = None,
        *,
        filter: Mapping[str, Any] | None = None,
        access: Iterable[str] = (),
        earlier: Sequence[Remark] = (),
        explain: bool = False,
    ) -> list[Passage]:
        """The `k` passages nearest to `query` (default `knowledge.passages`), best first; equal texts once.

        Args:
            query: what to look for.
            k: passages at most.
            filter: `{"key": value, …}` on metadata, all of which must equal, or Chroma's operators (`$in`, `$or` …).
            access: the labels of who asks; public documents and those with one of these labels are searched.
            earlier: what was said before, oldest first; it counts as far as the query finds nothing by itself.
            explain: also say in `Passage.explanation` what the score is made of.

        Raises:
            ValueError: the query is empty, `k` is not 1 to 1000, or the filter or a label is wrong.
            EngineUnavailable: the Chroma server does not answer.
        """
        self._usable()
        held = labels(access, most=MAX_HELD)
        if self._parts.follower:
            self._parts.follower.look()
        number = self._settings.knowledge.passages if k is None else k
        found = self._search.run(Question(query, tuple(earlier)), number, filter=filter, access=held)
        return [_passage(each, self._explained(found, each, held) if explain else None) for each in found.candidates]

    def retrieve(self, inquiry: Inquiry, *, k: int | None = None, filter: Mapping[str, Any] | None = None) -> Retrieved:
        """As `search`, and how likely the documents answer (`assistant.knowledge.confidence`).

        A question that cannot be understood alone also brings what was cited last, behind what it found.

        Raises:
            ValueError, EngineUnavailable: as `search`.
        """
        self._usable()
        held = labels(inquiry.access, most=MAX_HELD)
        if self._parts.follower:
            self._parts.follower.look()
        number = self._settings.knowledge.passages if k is None else k
        question = Question(inquiry.question, inquiry.earlier)
        found = self._search.run(question, max(number, COMPARED), filter=filter, access=held)
        sure = confidence(
            inquiry.question,
            found.candidates,
            asked=found.weights,
            vector=found.vector,
            vectors=self.meaning.vectors,
            floor=self._parts.embedder.floor,
            carried=found.carried > 0,
        )
        shown = [_passage(each) for each in found.candidates[:number]]
        if found.carried:
            shown += self.passages([id for id in inquiry.cited if id not in {each.id for each in shown}], access=held)
        near = partial(self._near, found.vector)
        return Retrieved(tuple(shown), sure, follows=found.carried > 0, near=near, meaning=self.meaning)

    def _near(self, vector: Sequence[float], sentences: Sequence[str]) -> list[float]:
        floor = self._parts.embedder.floor
        return [semantic(float(each @ vector), floor) for each in self.meaning.vectors(sentences)]

    def passages(self, ids: Sequence[str], *, access: Iterable[str] = ()) -> list[Passage]:
        """Those of the passages of these ids that there are and that somebody with the labels `access` may see."""
        self._usable()
        found = self._search.passages(ids, access=labels(access, most=MAX_HELD)) if ids else {}
        return [replace(_passage(found[id]), score=None) for id in ids if id in found]

    def fitting(self, passages: Sequence[Passage], *, least: int, tokens: int) -> list[Passage]:
        """The first `least` passages, and further ones as long as all have no more than `tokens`."""
        sizes = accumulate(self._parts.embedder.count(passage.text) for passage in passages)
        return [
            each
            for place, (each, size) in enumerate(zip(passages, sizes, strict=True))
            if place < least or size <= tokens
        ]

    def widened(
        self, passages: Sequence[Passage], *, access: Iterable[str] = (), tokens: int | None = None
    ) -> list[Passage]:
        """The passages, best first, with the text around them as far as `tokens` (`knowledge.context_tokens`) allow."""
        room = self._settings.knowledge.context_tokens if tokens is None else tokens
        held = labels(access, most=MAX_HELD)

        def fetch(ids: Sequence[str]) -> dict[str, Passage]:
            return {passage.id: passage for passage in self.passages(ids, access=held)}

        return widened(passages, room=room, count=self._parts.embedder.count, fetch=fetch)

    def _explained(self, found: Found, candidate: Candidate, access: Sequence[str]) -> dict[str, Any]:
        words = self._search.words(found, candidate.id, access=access)
        carried = {"carried": round(found.carried, 4)} if found.carried else {}
        return {**candidate.explanation(), **carried, "words": {word: round(share, 4) for word, share in words.items()}}

    def documents(self) -> list[DocumentInfo]:
        """Every document, ordered by source."""
        self._usable()
        return [_info(entry) for entry in self._parts.manifest.entries()]

    def remove(self, id: str) -> bool:
        """Remove the document of this id or source; False where there is none."""
        self._usable()
        entry = self._parts.manifest.find(id)
        return entry is not None and self._parts.commits.forget([entry.source]) > 0

    def as_retriever(
        self,
        *,
        k: int | None = None,
        min_score: float | None = None,
        filter: Mapping[str, Any] | None = None,
        access: Iterable[str] = (),
        reranker: BaseDocumentCompressor | None = None,
        context_tokens: int = 0,
    ) -> BaseRetriever:
        """A LangChain retriever for who has the labels `access`.

        Args:
            k: passages at most; default `knowledge.passages`.
            min_score: what a passage must have; default `knowledge.min_score`, or 0.
            filter: as for `search`.
            access: as for `search`.
            reranker: orders the passages found; any LangChain document compressor.
            context_tokens: room that the passages are widened to with the text around them; 0: as they are found.
        """
        from assistant.knowledge.retriever import KnowledgeRetriever

        where(filter)
        known = self._settings.knowledge
        return KnowledgeRetriever(
            knowledge=self,
            k=known.passages if k is None else k,
            min_score=(known.min_score or 0.0) if min_score is None else min_score,
            filter=dict(filter) if filter else None,
            access=labels(access, most=MAX_HELD),
            reranker=reranker,
            context_tokens=context_tokens,
        )

    @property
    def vector_store(self) -> Chroma:
        """The public documents as LangChain's vector store, for reading: what is added to it belongs to no document."""
        from langchain_chroma import Chroma

        self._usable()
        client, embeddings = self._parts.index.client, self._parts.embedder.embeddings
        return Chroma(self._parts.index.name, embeddings, client=client, create_collection_if_not_exists=False)

    async def aadd(
        self,
        sources: Iterable[str | Path | Document] | str | Path | Document,
        *,
        sync: bool = False,
        metadata: Mapping[str, Any] | None = None,
        access: Iterable[str] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """`add`, in a thread that such calls take in turn. Cancelled, it still runs to its end."""
        add = partial(self.add, sources, sync=sync, metadata=metadata, access=access, progress=progress)
        return await self._in_writer(add)

    async def asearch(
        self,
        query: str,
        k: int | None = None,
        *,
        filter: Mapping[str, Any] | None = None,
        access: Iterable[str] = (),
        earlier: Sequence[Remark] = (),
        explain: bool = False,
    ) -> list[Passage]:
        """`search`, in a thread."""
        search = partial(self.search, filter=filter, access=access, earlier=earlier, explain=explain)
        return await asyncio.to_thread(search, query, k)

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


def _passage(candidate: Candidate, explanation: Mapping[str, Any] | None = None) -> Passage:
    metadata = dict(candidate.metadata)
    own = {name: metadata.pop(name, None) for name in ("source", "title", "start", "end", "page")}
    return Passage(
        id=candidate.id, text=candidate.text, score=candidate.score, metadata=metadata, explanation=explanation, **own
    )


def _info(entry: Entry) -> DocumentInfo:
    return DocumentInfo(
        id=entry.id,
        source=entry.source,
        title=entry.title,
        media_type=entry.media_type,
        passages=entry.passages,
        size=entry.size,
        added_at=datetime.fromisoformat(entry.added_at),
        access=entry.labels,
    )
