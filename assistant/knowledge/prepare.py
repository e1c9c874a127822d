"""From a source to the passages of a document, or to the finding that nothing changed or that it is refused."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from assistant.errors import Unreadable
from assistant.knowledge.given import Bundle
from assistant.knowledge.load import Loaded, Reader, Refusal, Source
from assistant.knowledge.manifest import Entry, Generation, Manifest
from assistant.knowledge.metadata import HIDDEN, flat
from assistant.knowledge.partitions import content_of, versioned
from assistant.knowledge.split import Chunk, embedding_text, split

if TYPE_CHECKING:
    from assistant.knowledge.embed import Embedder
    from assistant.knowledge.store import Row, Vectors

SETTLED = 2.0
"""Seconds: a file modified so shortly before it was looked at may change again under the same time stamp."""
BETWEEN = "\n\n"
"""Stands between the parts of a bundle where offsets are counted."""
OF_THE_FETCH = {"etag", "last_modified"}
"""Metadata that may differ at every fetch of the same text, and would have it embedded again."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A source whose text is in the collection already; `seen` is its entry where another look at it told so."""

    source: str
    seen: Entry | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be embedded and written: `texts` are stored, `inputs` embedded, one each a passage.

    `vectors` (passages, dimension) are there where it was embedded before, for another audience. With `inherits`, who
    may see it is decided by what stands when it is committed.
    """

    entry: Entry
    texts: list[str]
    inputs: list[str]
    metadatas: list[dict[str, Any]]
    vectors: Vectors | None = None
    inherits: bool = False

    def inherit(self, known: Entry | None) -> Prepared:
        """With the audience of `known` where none was given: a document that was restricted meanwhile stays so."""
        if not self.inherits or known is None or known.access == self.entry.access:
            return self
        return replace(self, entry=_for(self.entry, known.labels))


Outcome = Prepared | Unchanged | Refusal


class Preparer:
    """Reads, splits and describes documents.

    `extra` is the caller's metadata for every one of them, `access` their labels (None: those that they have), and
    `stored` gives the passages of a generation with their vectors, by id.
    """

    def __init__(
        self,
        manifest: Manifest,
        reader: Reader,
        embedder: Embedder,
        *,
        chunk_tokens: int,
        max_bytes: int,
        extra: Mapping[str, Any],
        access: tuple[str, ...] | None,
        stored: Callable[[Generation], Mapping[str, tuple[Row, Vectors]]],
    ) -> None:
        self._manifest = manifest
        self._reader = reader
        self._embedder = embedder
        self._chunk_tokens = chunk_tokens
        self._max_bytes = max_bytes
        self._extra = extra
        self._extra_json = json.dumps(extra, sort_keys=True)
        self._access = access
        self._stored = stored

    def prepare(self, item: Source | Bundle) -> Outcome:
        """What becomes of one source; a refusal leaves what is known of it as it is."""
        if isinstance(item, Source):
            return self._source(item)
        known = self._manifest.get(item.source)
        digest = item.digest()
        if known and known.digest == digest and known.metadata == self._extra_json and (kept := self._kept(known)):
            return kept
        pieces = list(self._bundle_pieces(item))
        source = Source(item.source, item.size(), None)
        return self._prepared(source, digest, time.time(), item.title, "text/plain", pieces, known)

    def _source(self, source: Source) -> Outcome:
        known = self._manifest.get(source.uri)
        described = known is not None and known.metadata == self._extra_json  # else everything is written again
        if known and described and _looks_the_same(known, source) and (kept := self._kept(known)):
            return kept
        checked = time.time()
        digest = "" if (source.size or 0) > self._max_bytes else _digest(source)
        same = known if known and described and digest == known.digest else None
        if same and (kept := self._kept(same, _seen(same, source, digest, checked))):
            return kept
        try:
            loaded = self._reader.load(source)
        except Unreadable as error:
            return Refusal(source.uri, str(error))
        digest = digest or hashlib.sha256(loaded.text.encode()).hexdigest()
        theirs = flat({key: value for key, value in loaded.metadata.items() if key not in OF_THE_FETCH})
        pieces = [(chunk, theirs) for chunk in self._split(loaded)]
        return self._prepared(source, digest, checked, loaded.title, loaded.media_type, pieces, known)

    def _split(self, loaded: Loaded) -> list[Chunk]:
        return split(loaded, max_tokens=self._chunk_tokens, count=self._embedder.count)

    def _bundle_pieces(self, bundle: Bundle) -> Iterator[tuple[Chunk, Mapping[str, Any]]]:
        starts = accumulate((len(part.text) + len(BETWEEN) for part in bundle.parts), initial=0)
        for part, start in zip(bundle.parts, starts, strict=False):
            for chunk in self._split(Loaded(bundle.source, bundle.title, part.text, "text/plain")):
                moved = Chunk(chunk.text, chunk.start + start, chunk.end + start, part.page, chunk.headings)
                yield moved, part.metadata

    def _prepared(
        self,
        source: Source,
        digest: str,
        checked: float,
        title: str,
        media_type: str,
        pieces: Sequence[tuple[Chunk, Mapping[str, Any]]],
        known: Entry | None,
    ) -> Outcome:
        if not pieces:
            return Refusal(source.uri, "has no text")
        inputs = [self._input(title, chunk) for chunk, _ in pieces]
        own = {"source": source.uri, "title": title, "media_type": media_type}
        metadatas = [{**theirs, **self._extra, **own, **_place(chunk)} for chunk, theirs in pieces]
        content = _content(inputs, metadatas)
        same = known if known and content_of(known.version) == content else None
        if same and (kept := self._kept(same, _seen(same, source, digest, checked))):
            return kept
        entry = Entry(
            source=source.uri,
            id=document_id(source.uri),
            version=content,
            passages=len(pieces),
            digest=digest,
            size=source.size,
            modified=source.modified,
            checked=checked,
            title=title,
            media_type=media_type,
            metadata=self._extra_json,
            added_at=datetime.now(UTC).isoformat(),
        )
        entry = _for(entry, self._audience(known))
        return Prepared(entry, [chunk.text for chunk, _ in pieces], inputs, metadatas, inherits=self._access is None)

    def _audience(self, known: Entry | None) -> tuple[str, ...]:
        if self._access is not None:
            return self._access
        return known.labels if known else ()

    def _kept(self, known: Entry, seen: Entry | None = None) -> Outcome | None:
        """What becomes of a document whose text is the same; None where it must be embedded again.

        `seen` is its entry where another look at its source told so.
        """
        if (access := self._audience(known)) == known.labels:
            return Unchanged(known.source, seen)
        stored = self._stored(known.generation)
        ids = known.generation.ids()
        if stored.keys() != set(ids):
            return None  # another thread is replacing it
        return _moved(_for(seen or known, access), [stored[id] for id in ids], self._embedder)

    def _input(self, title: str, chunk: Chunk) -> str:
        embedder = self._embedder
        return embedding_text(chunk, title, max_tokens=embedder.max_tokens, count=embedder.count)


def document_id(source: str) -> str:
    """The id of the document at `source`: the same wherever and whenever it is added."""
    return hashlib.sha256(source.encode()).hexdigest()[:20]


def embedded_text(text: str, metadata: Mapping[str, Any], embedder: Embedder) -> str:
    """What was embedded for a passage that is stored as `text` with `metadata`."""
    chunk = Chunk(text, 0, len(text), None, tuple(metadata.get("headings") or ()))
    title = str(metadata.get("title") or "")
    return embedding_text(chunk, title, max_tokens=embedder.max_tokens, count=embedder.count)


def _moved(entry: Entry, passages: Sequence[tuple[Row, Vectors]], embedder: Embedder) -> Prepared:
    """The same content for another audience."""
    import numpy as np

    rows = [row for row, _ in passages]
    metadatas = [{key: value for key, value in row.metadata.items() if key not in HIDDEN} for row in rows]
    inputs = [embedded_text(row.text, metadata, embedder) for row, metadata in zip(rows, metadatas, strict=True)]
    vectors = np.stack([vector for _, vector in passages])
    return Prepared(entry, [row.text for row in rows], inputs, metadatas, vectors)


def _for(entry: Entry, access: tuple[str, ...]) -> Entry:
    """The entry with another audience."""
    version = versioned(content_of(entry.version), access)
    return replace(entry, version=version, access=json.dumps(access))


def _seen(known: Entry, source: Source, digest: str, checked: float) -> Entry:
    return replace(known, digest=digest, size=source.size, modified=source.modified, checked=checked)


def _looks_the_same(known: Entry, source: Source) -> bool:
    if source.modified is None or source.modified > known.checked - SETTLED:
        return False
    return (known.size, known.modified) == (source.size, source.modified)


def _digest(source: Source) -> str:
    """SHA-256 of a file's bytes; empty for an address and for what the reader will refuse."""
    if source.modified is None:
        return ""
    try:
        with open(os.open(source.uri, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return hashlib.file_digest(file, "sha256").hexdigest() if regular else ""
    except OSError:
        return ""


def _place(chunk: Chunk) -> dict[str, Any]:
    place: dict[str, Any] = {"start": chunk.start, "end": chunk.end}
    if chunk.page is not None:
        place["page"] = chunk.page
    if chunk.headings:
        place["headings"] = list(chunk.headings)
    return place


def _content(inputs: list[str], metadatas: list[dict[str, Any]]) -> str:
    """Names one content of a document: everything that is embedded and stored."""
    digest = hashlib.sha256(b"[[")  # piece by piece the same as of the whole as JSON, which may be large
    for end, pieces in ((b"], [", inputs), (b"]]", metadatas)):
        for number, piece in enumerate(pieces):
            digest.update(((", " if number else "") + json.dumps(piece, sort_keys=True)).encode())
        digest.update(end)
    return digest.hexdigest()[:16]
