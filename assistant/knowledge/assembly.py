"""What a knowledge is made of, opened together and brought into agreement."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.errors import ConfigurationError
from assistant.knowledge.commit import Commits
from assistant.knowledge.follow import Follower
from assistant.knowledge.index import Index
from assistant.knowledge.lexical import bring, shared, vacant
from assistant.knowledge.load import Reader
from assistant.knowledge.lock import committing, own
from assistant.knowledge.manifest import Manifest
from assistant.knowledge.split import SPLITTER_VERSION
from assistant.knowledge.sync import Sync
from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant.knowledge.embed import Embedder
    from assistant.knowledge.lexicon import Lexicon


@dataclass(frozen=True, slots=True)
class Assembly:
    """The parts of one knowledge; `follower` is there where others may write to the same Chroma."""

    embedder: Embedder
    index: Index
    manifest: Manifest
    lexicon: Lexicon
    commits: Commits
    sync: Sync
    follower: Follower | None


def assemble(
    settings: Settings, embedder: Embedder | None, *, step: Callable[[str], None], closing: ExitStack
) -> Assembly:
    """Open everything, to be closed by `closing`, and repair what an interrupted commit left.

    Raises:
        ConfigurationError: another process has the folder, or the collection was made of something else.
        EngineUnavailable: the Chroma server does not answer.
    """
    known, folder = settings.knowledge, settings.data_dir.absolute()
    if not known.url:
        closing.callback(own(folder / "chroma").release)
    embedder = embedder or _embedder(settings)
    chunk_tokens = min(known.chunk_tokens, embedder.max_tokens)
    index = Index(known.url or folder / "chroma", known.collection, identity=_identity(embedder, chunk_tokens))
    closing.callback(index.close)
    manifest = Manifest(folder / f"{_beside('manifest', known.url, known.collection)}.db")
    closing.callback(manifest.close)
    place = folder / _beside("lexicon", known.url, known.collection)
    lexicon = shared(vacant(place, closing) if known.url else place, closing)
    reader = closing.enter_context(_reader(settings))
    commits = Commits(index, lexicon, manifest, step=step)
    limits = {"chunk_tokens": chunk_tokens, "max_bytes": int(known.max_file_mib * 2**20)}
    sync = Sync(index, manifest, commits, embedder, reader, **limits)
    follower = Follower(index, lexicon, manifest, embedder) if known.url else None
    assembly = Assembly(embedder, index, manifest, lexicon, commits, sync, follower)
    _agree(assembly)
    return assembly


def _agree(parts: Assembly) -> None:
    """Both indexes and the manifest must speak of the same passages; on a server others may have written some."""
    index, manifest = parts.index, parts.manifest
    if manifest.collection != index.id:
        if parts.follower is None and (count := index.count()):
            raise ConfigurationError(
                f"the collection {index.name!r} in {index.place!r} holds {count} passages, but its "
                f"manifest {str(manifest.path)!r} is missing or of another collection: restore it, or "
                "delete that folder and ingest again"
            )
        manifest.describe(index.id)
    parts.commits.repair()
    if parts.follower:
        parts.follower.look()
        return
    if index.count() != manifest.passages():
        parts.commits.reconcile()
    if parts.lexicon.count() != manifest.passages():
        with committing(manifest.path):
            bring(parts.lexicon, index, parts.embedder)


def _embedder(settings: Settings) -> Embedder:
    from assistant.knowledge.embed import open_embedder

    return open_embedder(settings.knowledge.embedding_model, cache_dir=settings.cache_dir)


def _reader(settings: Settings) -> Reader:
    known = settings.knowledge
    limits = {"max_file_mib": known.max_file_mib, "max_seconds": known.max_seconds}
    return Reader(**limits, allow_private_urls=known.allow_private_urls)


def _identity(embedder: Embedder, chunk_tokens: int) -> dict[str, str | int | bool]:
    return {
        "embedding": embedder.name,
        "dimension": embedder.dimension,
        "normalised": embedder.normalised,
        "splitter": SPLITTER_VERSION,
        "chunk_tokens": chunk_tokens,
    }


def _beside(what: str, url: str, collection: str) -> str:
    """One of its kind a collection, and a server's apart from the embedded one's of the same name."""
    server = url.partition("://")[2].rstrip("/").replace(":", "_").replace("/", "_")
    return f"{what}-{collection}@{server}" if server else f"{what}-{collection}"
