"""The Chroma collection that holds the passages: opened with its identity checked, written and searched in batches."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

from assistant.errors import AssistantError, ConfigurationError, EngineUnavailable
from assistant.knowledge.manifest import full

if TYPE_CHECKING:
    import numpy as np
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

log = logging.getLogger(__name__)
GRAPH = {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 200}
"""Chroma's defaults (16, 100, 100) lose vectors: of 20,000 in 200 clusters, a quarter of them replaced, 17 are not found
by themselves, and recall at 10 is 0.90; with these none, and 0.997, at 0.13 ms more a query and 4,000 writes a second.
"""
PORTS = {"http": 8000, "https": 443}
ROOM = 16 * 2**20
"""Bytes of free space below which a failed write is taken to be for want of space."""
SECONDS = 60.0
"""After which a Chroma server that does not answer is given up."""
Metadata = Mapping[str, Any]


class Hit(NamedTuple):
    """A passage near a query; `score` is the cosine similarity, -1 to 1."""

    id: str
    text: str
    metadata: dict[str, Any]
    score: float


class Index:
    """A collection of passages under ids of ours, with vectors computed by us.

    `identity` says what its vectors are made of; a collection made of something else is refused.

    Raises:
        ConfigurationError: the collection differs in its identity, or its folder or URL is wrong.
        EngineUnavailable: the Chroma server does not answer.
    """

    def __init__(self, place: Path | str, collection: str, *, identity: Mapping[str, str | int | bool]) -> None:
        self.place = str(place)
        self._failed = ""
        self._closing = ExitStack()
        self._client = _embedded(place) if isinstance(place, Path) else _server(place, self._closing)
        self._closing.callback(self._client.close)
        try:
            with self._explained():
                self._collection = _open(self._client, collection, identity)
                self._batch = self._client.get_max_batch_size()
            _check(self._collection, identity, self.place)
        except BaseException:
            self._closing.close()
            raise

    @property
    def id(self) -> str:
        """Chroma's id of the collection: another one when it was deleted and made again."""
        return str(self._collection.id)

    @property
    def client(self) -> Client:
        """Chroma's client, for what only Chroma can do."""
        return self._client

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self._collection.name

    def count(self) -> int:
        """How many passages there are."""
        with self._explained():
            return self._collection.count()

    def ids(self) -> Iterator[str]:
        """The id of every passage."""
        for start in range(0, self.count(), self._batch):
            with self._explained():
                yield from self._collection.get(limit=self._batch, offset=start, include=[])["ids"]

    def upsert(self, ids: Sequence[str], texts: Sequence[str], vectors: Vectors, metadatas: Sequence[Metadata]) -> None:
        """Write passages; `vectors` is (passages, dimension) float32."""
        for start in range(0, len(ids), self._batch):
            part = slice(start, start + self._batch)
            with self._writing():
                self._collection.upsert(
                    ids=list(ids[part]),
                    documents=list(texts[part]),
                    embeddings=vectors[part],
                    metadatas=list(metadatas[part]),
                )

    def delete(self, ids: Sequence[str]) -> None:
        """Delete passages; an id that is not there is no error."""
        for start in range(0, len(ids), self._batch):
            with self._writing():
                self._collection.delete(ids=list(ids[start : start + self._batch]))

    def query(self, vector: Sequence[float], k: int, *, where: Mapping[str, Any] | None) -> list[Hit]:
        """The `k` passages nearest to `vector`, best first; fewer where there are fewer.

        Raises:
            ValueError: Chroma does not understand `where`.
        """
        from chromadb.errors import InvalidArgumentError

        try:
            with self._explained():
                found = self._collection.query(
                    query_embeddings=[vector], n_results=k, where=dict(where) if where else None
                )
        except InvalidArgumentError as error:  # what `validate_where` lets through
            raise ValueError(f"the filter cannot be used: {error}") from None
        documents, metadatas, distances = found["documents"], found["metadatas"], found["distances"]
        if documents is None or metadatas is None or distances is None:  # not asked for; only for the type checker
            return []
        rows = zip(found["ids"][0], documents[0], metadatas[0], distances[0], strict=True)
        hits = [Hit(id, text, dict(meta or {}), _cosine(distance)) for id, text, meta, distance in rows]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))

    def close(self) -> None:
        """Release the client; the last one of a folder closes it."""
        self._closing.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what a full disk, a broken folder or an absent server raises into errors that say so."""
        import httpx
        from chromadb.errors import InternalError, NotFoundError

        try:
            yield
        except httpx.TransportError as error:
            raise EngineUnavailable(f"the Chroma server at {self.place!r} does not answer: {error}") from error
        except NotFoundError as error:
            message = f"the collection in {self.place!r} was deleted: open the knowledge again"
            raise ConfigurationError(message) from error
        except (InternalError, OSError, sqlite3.OperationalError) as error:
            raise self._failure(error) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write, unless a write failed before: embedded Chroma 1.5 would then wait for ever."""
        if self._failed:
            raise ConfigurationError(f"{self._failed} (this was before: open the knowledge again to write to it)")
        try:
            with self._explained():
                yield
        except ConfigurationError as error:
            self._failed = str(error)
            raise

    def _failure(self, error: Exception) -> AssistantError:
        if "://" in self.place:
            return EngineUnavailable(f"the Chroma server at {self.place!r} failed: {error}")
        if shutil.disk_usage(self.place).free < ROOM:  # Chroma says which step failed, not why
            return full(self.place)
        return ConfigurationError(f"the Chroma folder {self.place!r} cannot be used: {error}")


def _cosine(distance: float) -> float:
    """To six digits: Chroma's float32 has no more, and a server prints the rest otherwise than the embedded one."""
    return round(min(1.0, max(-1.0, 1.0 - distance)), 6)


def _embedded(folder: Path) -> Client:
    import chromadb
    from chromadb.config import Settings

    try:
        client: Any = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    except Exception as error:  # Chroma raises a bare Exception, sqlite3's or its own, by what is broken
        raise ConfigurationError(f"the Chroma folder {str(folder)!r} cannot be opened: {error}") from error
    return cast("Client", client)


def _server(url: str, closing: ExitStack) -> Client:
    import chromadb
    import httpx
    from chromadb.config import Settings

    scheme, host, port = _address(url)
    try:
        settings = Settings(anonymized_telemetry=False)
        client: Any = chromadb.HttpClient(host, port, ssl=scheme == "https", settings=settings)
    except Exception as error:  # Chroma raises ValueError or httpx's error, by the kind of failure
        raise EngineUnavailable(
            f"the Chroma server at {url!r} does not answer ({error}): start it or correct knowledge.url"
        ) from error
    for part in (client, client._admin_client):  # Chroma 1.5 gives their connections no timeout and never closes them
        part._server._session.timeout = httpx.Timeout(SECONDS)
        closing.callback(part._server._session.close)
    return cast("Client", client)


def _address(url: str) -> tuple[str, str, int]:
    shown = url.rpartition("@")[2]  # what stands before may be a password, and errors are shown to callers
    wrong = ConfigurationError(f"knowledge.url: {shown!r} is not of the form http://host:port or https://host:port")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if not host or parts.scheme not in PORTS or "@" in parts.netloc or parts.path.strip("/"):
        raise wrong
    return parts.scheme, host, port or PORTS[parts.scheme]


def _open(client: Client, name: str, identity: Mapping[str, str | int | bool]) -> Collection:
    """Chroma keeps the metadata of a collection that exists (1.5), so that `_check` sees what it was made with."""
    from chromadb.errors import InvalidArgumentError

    graph: Any = {"hnsw": GRAPH}
    try:
        return client.get_or_create_collection(
            name, metadata=dict(identity), configuration=graph, embedding_function=None
        )
    except InvalidArgumentError as error:
        raise ConfigurationError(f"knowledge.collection: {name!r} is no name for a collection: {error}") from None


def _check(collection: Collection, identity: Mapping[str, str | int | bool], place: str) -> None:
    stored = dict(collection.metadata or {})
    where = f"the collection {collection.name!r} in {place!r}"
    if not stored.keys() & identity.keys():
        raise ConfigurationError(f"{where} was not made by this SDK: set knowledge.collection to another name")
    differing = [key for key, value in identity.items() if stored.get(key) != value]
    if differing:
        was = ", ".join(f"{key} {stored.get(key)!r}" for key in differing)
        now = ", ".join(f"{key} {identity[key]!r}" for key in differing)
        raise ConfigurationError(
            f"{where} was made with {was}, and the settings ask for {now}: set them back, or set knowledge.collection "
            "to a new name and ingest the documents again (their vectors cannot be converted)"
        )
