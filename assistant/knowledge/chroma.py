"""A Chroma client, embedded or of a server, whose failures say what to do."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from assistant.errors import AssistantError, ConfigurationError, EngineUnavailable
from assistant.knowledge.manifest import full

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

PORTS = {"http": 8000, "https": 443}
ROOM = 16 * 2**20
"""Bytes of free space below which a failed write is taken to be for want of space."""
SECONDS = 60.0
"""After which a Chroma server that does not answer is given up."""
Identity = Mapping[str, str | int | bool]


class Chroma:
    """The client of the folder or the address `place`; it writes no more after a write failed.

    Raises:
        ConfigurationError: the folder or the address is wrong.
        EngineUnavailable: the server does not answer.
    """

    def __init__(self, place: Path | str) -> None:
        self.place = str(place)
        self._failed = ""
        self._closing = ExitStack()
        self.client = _embedded(place) if isinstance(place, Path) else _server(place, self._closing)
        self._closing.callback(self.client.close)
        with self.explained():
            self.batch = self.client.get_max_batch_size()

    def collection(self, name: str, identity: Identity, *, graph: Mapping[str, Any]) -> Collection:
        """The collection of this name, made where it is missing.

        Raises:
            ConfigurationError: it was made with another identity, or `name` is no name for one.
        """
        from chromadb.errors import InvalidArgumentError

        made: Any = {"hnsw": dict(graph)}
        try:
            with self.explained():  # Chroma keeps the metadata of a collection that exists (1.5), for the check
                collection = self.client.get_or_create_collection(
                    name, metadata=dict(identity), configuration=made, embedding_function=None
                )
        except InvalidArgumentError as error:
            raise ConfigurationError(f"knowledge.collection: {name!r} is no name for a collection: {error}") from None
        _check(collection, identity, self.place)
        return collection

    def close(self) -> None:
        """Release the client; the last one of a folder closes it."""
        self._closing.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
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
    def writing(self) -> Iterator[None]:
        """Write, unless a write failed before: embedded Chroma 1.5 would then wait for ever."""
        if self._failed:
            raise ConfigurationError(f"{self._failed} (this was before: open the knowledge again to write to it)")
        try:
            with self.explained():
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


def _check(collection: Collection, identity: Identity, place: str) -> None:
    stored = dict(collection.metadata or {})
    where = f"the collection {collection.name!r} in {place!r}"
    if not stored.keys() & identity.keys():
        raise ConfigurationError(f"{where} was not made by this SDK: set knowledge.collection to another name")
    if stored.get("access") != identity.get("access"):  # a name like that of another knowledge's private passages
        raise ConfigurationError(f"{where} is not for public documents: set knowledge.collection to another name")
    differing = [key for key, value in identity.items() if stored.get(key) != value]
    if differing:
        was = ", ".join(f"{key} {stored.get(key)!r}" for key in differing)
        now = ", ".join(f"{key} {identity[key]!r}" for key in differing)
        raise ConfigurationError(
            f"{where} was made with {was}, and the settings ask for {now}: set them back, or set knowledge.collection "
            "to a new name and ingest the documents again (their vectors cannot be converted)"
        )
