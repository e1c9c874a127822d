"""The manifest: which source stands in the indexes with which content, for whom, and which writes are not finished; SQLite.

A *generation* is one content of one document for one audience. Its passage ids are computed, so that one row is enough
to find them all. A generation stands in `unfinished` before its first passage is written and after it was replaced,
until the last one is deleted: whatever instant the process dies at, every passage that should not be there is named.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from assistant.errors import ConfigurationError
from assistant.knowledge.partitions import PUBLIC, partition_in

SCHEMA = 2
"""1 had no access lists: all of its documents are public."""
TABLES = """
CREATE TABLE IF NOT EXISTS documents (
    source TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, version TEXT NOT NULL, passages INTEGER NOT NULL,
    digest TEXT NOT NULL, size INTEGER, modified REAL, checked REAL NOT NULL,
    title TEXT NOT NULL, media_type TEXT NOT NULL, metadata TEXT NOT NULL, added_at TEXT NOT NULL, access TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_access ON documents (access);
CREATE TABLE IF NOT EXISTS unfinished (
    document TEXT NOT NULL, version TEXT NOT NULL, passages INTEGER NOT NULL, PRIMARY KEY (document, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partitions (
    id TEXT PRIMARY KEY, access TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (
    label TEXT NOT NULL, partition TEXT NOT NULL, PRIMARY KEY (label, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
"""
REVISION = "SELECT CAST(value AS INTEGER) FROM about WHERE key = 'revision'"


@dataclass(frozen=True, slots=True)
class Generation:
    """One content of one document for one audience, cut into `passages` pieces."""

    document: str
    version: str
    passages: int

    @property
    def partition(self) -> str:
        """Where its passages are."""
        return partition_in(self.version)

    def ids(self) -> list[str]:
        """The ids of its passages, in the order of the text."""
        return [f"{self.document}-{self.version}-{number}" for number in range(self.passages)]


def generation_of(passage: str) -> tuple[str, str]:
    """Document and version that the passage id belongs to."""
    document, _, rest = passage.partition("-")
    return document, rest.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as it stands in the indexes.

    `digest` is of the source's bytes; `size` (bytes) and `modified` (seconds) are the source's when `checked`;
    `metadata` is what the caller added, as JSON; `added_at` is ISO 8601; `access` is its labels, sorted, as JSON.
    """

    source: str
    id: str
    version: str
    passages: int
    digest: str
    size: int | None
    modified: float | None
    checked: float
    title: str
    media_type: str
    metadata: str
    added_at: str
    access: str = "[]"

    @property
    def generation(self) -> Generation:
        """What stands there of it."""
        return Generation(self.id, self.version, self.passages)

    @property
    def labels(self) -> tuple[str, ...]:
        """Who may see it; none: everyone."""
        return tuple(json.loads(self.access))


def full(place: str) -> ConfigurationError:
    """What a full disk is reported as."""
    return ConfigurationError(
        f"the disk of {place!r} is full: free some space and ingest again; what is half written is then removed"
    )


COLUMNS = ", ".join(field.name for field in fields(Entry))
PLACES = ", ".join("?" for _ in fields(Entry))


class Manifest:
    """The manifest file at `path`, made where it is missing; usable from several threads and processes.

    Raises:
        ConfigurationError: the file cannot be opened or is of a newer version of this SDK.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (OSError, sqlite3.DatabaseError) as error:
            raise ConfigurationError(f"the manifest {str(path)!r} cannot be opened: {error}") from None

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        if self._version() > SCHEMA:
            raise ConfigurationError(f"the manifest {str(self.path)!r} is of a newer version: update the SDK")
        if self._version() < SCHEMA:
            with self._transaction() as db:
                if self._version() == 1:  # asked again: another process may have been faster
                    db.execute("ALTER TABLE documents ADD COLUMN access TEXT NOT NULL DEFAULT '[]'")
                for statement in TABLES.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version={SCHEMA}")

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
                    raise
                raise full(str(self.path)) from error
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    @property
    def collection(self) -> str | None:
        """The id of the Chroma collection that this manifest describes; None: of none yet."""
        rows = self._rows("SELECT value FROM about WHERE key = 'collection'")
        return str(rows[0][0]) if rows else None

    def describe(self, collection: str) -> None:
        """Start anew, for the collection of this id."""
        with self._transaction() as db:
            for table in ("documents", "unfinished", "partitions", "labels"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608  # constants of ours
            db.execute("INSERT OR REPLACE INTO about VALUES ('collection', ?)", (collection,))

    def get(self, source: str) -> Entry | None:
        """The document of this source."""
        return next(self._entries("WHERE source = ?", source), None)

    def find(self, name: str) -> Entry | None:
        """The document of this id or source."""
        return next(self._entries("WHERE id = ? OR source = ?", name, name), None)

    def entries(self) -> list[Entry]:
        """Every document, ordered by source."""
        return list(self._entries("ORDER BY source"))

    def passages(self) -> int:
        """How many passages the documents have."""
        return int(str(self._rows("SELECT COALESCE(SUM(passages), 0) FROM documents")[0][0]))

    def _entries(self, where: str, *values: object) -> Iterator[Entry]:
        for row in self._rows(f"SELECT {COLUMNS} FROM documents {where}", *values):  # noqa: S608  # constants of ours
            yield Entry(*row)  # type: ignore[arg-type]  # the table's columns are the fields

    def unfinished(self) -> list[Generation]:
        """Generations that may have passages in the collection and must not be seen."""
        rows = self._rows("SELECT document, version, passages FROM unfinished ORDER BY document, version")
        return [Generation(*row) for row in rows]  # type: ignore[arg-type]  # as above

    def revision(self) -> int:
        """Another number whenever a step of a commit was recorded."""
        rows = self._rows(REVISION)
        return int(str(rows[0][0])) if rows else 0

    def visible(self, labels: Iterable[str]) -> dict[str, int]:
        """The partitions that somebody with these labels may see, each with the revision of its content."""
        asked = json.dumps(list(labels))
        query = (
            "SELECT DISTINCT id, revision FROM labels JOIN partitions ON id = partition "
            "WHERE label IN (SELECT value FROM json_each(?)) ORDER BY id"
        )
        return {PUBLIC: 0} | {str(id): int(str(revision)) for id, revision in self._rows(query, asked)}

    def share(self, partitions: Mapping[str, str]) -> None:
        """Others changed passages in any partition; these hold new ones, each is given with its labels as JSON."""
        with self._transaction() as db:
            for partition, access in partitions.items():
                self._name(db, partition, access)
            _revise(db, [partition for (partition,) in db.execute("SELECT id FROM partitions").fetchall()])

    def begin(self, entries: Iterable[Entry]) -> None:
        """Their passages are about to be written."""
        new = {entry.generation: entry.access for entry in entries}
        with self._transaction() as db:
            for partition, access in {(generation.partition, access) for generation, access in new.items()}:
                self._name(db, partition, access)
            db.executemany("INSERT OR REPLACE INTO unfinished VALUES (?, ?, ?)", map(astuple, new))
            _revise(db, [generation.partition for generation in new])

    def _name(self, db: sqlite3.Connection, partition: str, access: str) -> None:
        """Two lists of one name, by a chance of 1 in 10^14, would see each other's documents."""
        if partition == PUBLIC:
            return
        db.execute("INSERT OR IGNORE INTO partitions (id, access) VALUES (?, ?)", (partition, access))
        (known,) = db.execute("SELECT access FROM partitions WHERE id = ?", (partition,)).fetchone()
        if known != access:
            raise ConfigurationError(f"the access lists {known} and {access} cannot be told apart: change a label")
        pairs = [(label, partition) for label in json.loads(access)]
        db.executemany("INSERT OR IGNORE INTO labels VALUES (?, ?)", pairs)

    def switch(self, entries: Sequence[Entry]) -> tuple[list[Generation], set[str]]:
        """Their passages are written: at one instant they are the documents, and what they replace is unfinished.

        Returns:
            What they replace, and the sources that were known before.
        """
        with self._transaction() as db:
            old = [self._replace(db, entry) for entry in entries]
            _revise(db, [entry.generation.partition for entry in [*entries, *filter(None, old)]])
        known = [entry for entry in old if entry]
        current = {entry.generation for entry in entries}
        return [e.generation for e in known if e.generation not in current], {entry.source for entry in known}

    def _replace(self, db: sqlite3.Connection, entry: Entry) -> Entry | None:
        old = self.get(entry.source)
        if old:
            db.execute("INSERT OR REPLACE INTO unfinished VALUES (?, ?, ?)", astuple(old.generation))
        db.execute("DELETE FROM unfinished WHERE document = ? AND version = ?", (entry.id, entry.version))
        db.execute(f"INSERT OR REPLACE INTO documents ({COLUMNS}) VALUES ({PLACES})", astuple(entry))  # noqa: S608  # as above
        return old

    def forget(self, sources: Iterable[str]) -> list[Generation]:
        """The documents of these sources are no more; their generations are unfinished until deleted."""
        with self._transaction() as db:
            old = [entry for source in sources if (entry := self.get(source))]
            db.executemany("INSERT OR REPLACE INTO unfinished VALUES (?, ?, ?)", [astuple(e.generation) for e in old])
            db.executemany("DELETE FROM documents WHERE source = ?", [(entry.source,) for entry in old])
            _revise(db, [entry.generation.partition for entry in old])
        return [entry.generation for entry in old]

    def finish(self, generations: Sequence[Generation]) -> None:
        """Their passages are deleted; a partition that is empty now is forgotten."""
        empty = (
            "DELETE FROM partitions WHERE id = ? AND NOT EXISTS (SELECT 1 FROM documents AS d WHERE d.access = "
            "partitions.access) AND NOT EXISTS (SELECT 1 FROM unfinished WHERE version LIKE '%.' || partitions.id)"
        )
        with self._transaction() as db:
            pairs = [(generation.document, generation.version) for generation in generations]
            db.executemany("DELETE FROM unfinished WHERE document = ? AND version = ?", pairs)
            touched = {generation.partition for generation in generations}
            _revise(db, touched)
            for partition in touched:
                if db.execute(empty, (partition,)).rowcount:
                    db.execute("DELETE FROM labels WHERE partition = ?", (partition,))

    def touch(self, entries: Iterable[Entry]) -> None:
        """Their sources were looked at and the text is still the same: keep what tells so next time."""
        change = "UPDATE documents SET digest = ?, size = ?, modified = ?, checked = ? WHERE source = ? AND version = ?"
        with self._transaction() as db:
            db.executemany(change, [(e.digest, e.size, e.modified, e.checked, e.source, e.version) for e in entries])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _revise(db: sqlite3.Connection, partitions: Iterable[str]) -> None:
    """A step that changes what these partitions hold, and what is unfinished."""
    db.execute(
        "INSERT INTO about VALUES ('revision', '1') ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )
    change = f"UPDATE partitions SET revision = ({REVISION}) WHERE id = ?"  # noqa: S608  # constants of ours
    db.executemany(change, [(partition,) for partition in set(partitions)])
