"""Where the inbox is kept, and connections to it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from assistant.errors import ConfigurationError, TransientError
from assistant.inbox import sqlite

ACCEPT_SECONDS = 4.0
"""A webhook is answered within this time, recorded or not: platforms give up after 5 to 20 s."""

STATEMENT_SECONDS = 3
"""What one step of recording may take, below `ACCEPT_SECONDS`."""

LOOK_SECONDS = 10
"""What an operator waits for a locked database."""

TEMPORARY = Path(tempfile.gettempdir())

RECONNECT_SECONDS = 0.5
"""Between two attempts to reach a database that is away."""

KEEPALIVE = {"keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3} | {
    "tcp_user_timeout": 11_000
}
"""A server that vanished without a word is noticed after 11 s, also where it was asked something before (libpq,
Connection Parameters); the system's own limit for that is a quarter of an hour."""


@dataclass
class Place:
    """A database of the inbox: a SQLite file of its own beside that of the conversations, or PostgreSQL.

    Raises:
        ConfigurationError: the URL is wrong or its driver is not installed.
    """

    url: URL
    file: Path | None
    temporary: bool = False
    clock: sqlite.Clock = field(default_factory=sqlite.Clock)
    gate: sqlite.Gate = field(default_factory=sqlite.Gate)
    _closing: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, state_url: str) -> Place:
        """The inbox that belongs to `state.url`; `sqlite://` (memory) is a temporary file."""
        try:
            url = make_url(state_url)
        except (ArgumentError, ValueError):
            raise ConfigurationError("state.url is not a database URL: write sqlite:///… or postgresql://…") from None
        if url.get_backend_name() != "sqlite":
            return cls(url.set(drivername="postgresql+psycopg"), None)
        if url.database in (None, "", ":memory:"):
            file = TEMPORARY / f"assistant-{uuid.uuid4().hex}" / "inbox.db"
            return cls(URL.create("sqlite", database=str(file)), file, temporary=True)
        beside = Path(str(url.database)).expanduser().absolute()
        file = beside.with_name(f"{beside.stem}-inbox{beside.suffix}")
        return cls(URL.create("sqlite", database=str(file)), file)

    @cached_property
    def shown(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def schema(self) -> str | None:
        """Where DBOS keeps its tables."""
        return None if self.file else "dbos"

    def exists(self) -> bool:
        """Whether there may be an inbox; PostgreSQL is asked later."""
        return self.file is None or self.file.exists()

    def acknowledging(self) -> Engine:
        """For recording what came in: fails soon rather than waits."""
        if self.file:
            return sqlite.engine(self.url, gate=self.gate, clock=self.clock, urgent=True, seconds=STATEMENT_SECONDS)
        return self._postgres(size=2, options=f"-c statement_timeout={STATEMENT_SECONDS}s")

    def working(self, size: int) -> Engine:
        """For the worker: waits as long as it takes, until `close`."""
        if self.file:
            return sqlite.engine(self.url, gate=self.gate, clock=self.clock)
        made = self._postgres(size=size)
        event.listen(made, "do_connect", self._patient)
        return made

    def watching(self) -> Engine:
        """For who watches over the processes; PostgreSQL only."""
        return self._postgres(size=1)

    def open(self) -> None:
        """Wait again, after `close`."""
        self._closing.clear()

    def close(self) -> None:
        """Wait for nothing any more."""
        self._closing.set()

    def forget(self) -> None:
        """Remove what was only for this process."""
        if self.file and self.temporary:
            shutil.rmtree(self.file.parent, ignore_errors=True)

    def _patient(self, dialect: Any, _record: Any, arguments: Any, parameters: Any) -> Any:
        """Connect, however long it takes: DBOS's own pauses grow to a minute, and a database that is back is to be used."""
        while True:
            try:
                return dialect.connect(*arguments, **parameters)
            except dialect.dbapi.OperationalError:
                if self._closing.wait(RECONNECT_SECONDS):  # an error that DBOS does not repeat for ever
                    raise TransientError("the inbox is closed, and its database is away") from None

    def looking(self) -> Engine:
        """For whoever looks on from beside, in this process or another."""
        if self.file:
            return sqlite.engine(self.url, gate=sqlite.Gate(), clock=self.clock, seconds=LOOK_SECONDS)
        return self._postgres(size=1, options=f"-c statement_timeout={LOOK_SECONDS}s")

    def _postgres(self, *, size: int, options: str = "") -> Engine:
        arguments = {"connect_timeout": STATEMENT_SECONDS, "application_name": "assistant-inbox", **KEEPALIVE}
        if options:
            arguments["options"] = options
        try:
            return create_engine(
                self.url, connect_args=arguments, pool_size=size, max_overflow=0, pool_timeout=120, pool_pre_ping=True
            )
        except ImportError as error:
            raise ConfigurationError(
                f"state.url needs the package {error.name!r}: install llama-assistant-sdk[postgres]"
            ) from error

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Turn what the database says into our errors.

        Raises:
            TransientError: it does not answer, is locked or full.
        """
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            cause = getattr(error, "orig", None) or error
            raise TransientError(
                f"the inbox {self.shown!r} does not answer ({type(cause).__name__}: {_first_line(cause)}): "
                "check state.url, that it runs, and that its disk has room"
            ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]
