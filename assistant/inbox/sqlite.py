"""SQLite as the inbox needs it: what DBOS 3.4 does with it by default loses order, stalls and crashes.

Measured (Python 3.11 and 3.12, SQLite 3.40, November 2026): whole-second times put 8 to 12 of 20 messages of a
conversation out of order, or stop the launch; a rollback journal with 20 connections makes an acknowledgement wait up
to 3 s; two processes on one file run the same work twice.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from assistant.errors import ConfigurationError

BUSY_SECONDS = 30
"""How long the worker waits for a lock that another process (the command line) holds."""


class Clock:
    """Milliseconds that only ever grow: two rows never have the same time, so that order is by time."""

    def __init__(self) -> None:
        self._last = 0.0
        self._lock = threading.Lock()

    def now(self, *_format: Any) -> float:
        """Seconds since 1970 with three decimals; stands in for SQLite's `unixepoch` and `strftime`."""
        with self._lock:
            self._last = max(round(self._last + 0.001, 3), round(time.time(), 3))
            return self._last

    def pass_by(self, time: float) -> None:
        """Never again give a time that is not after `time`."""
        with self._lock:
            self._last = max(self._last, time)


class Gate:
    """One connection at a time, acknowledgements first: SQLite's own waiting is a poll in no order."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy = False
        self._urgent = 0

    def enter(self, *, urgent: bool, seconds: float) -> bool:
        """Wait for the turn; False: it did not come in `seconds`."""
        with self._changed:
            self._urgent += urgent
            try:
                free = self._changed.wait_for(lambda: not self._busy and (urgent or not self._urgent), seconds)
            finally:
                self._urgent -= urgent
            self._busy = self._busy or free
            if not free:
                self._changed.notify_all()
            return free

    def leave(self) -> None:
        """Let the next one in."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()


def engine(url: URL, *, gate: Gate, clock: Clock, urgent: bool = False, seconds: float = BUSY_SECONDS) -> Engine:
    """Connections with a write-ahead log, a clock in milliseconds and a fair gate.

    `urgent` is for acknowledgements: one connection, ahead of the others, on disk (fsync) at each commit. The worker's
    commits survive a killed process; a power cut may undo the last of them, so that a message is answered twice.
    """
    made = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1 if urgent else 2,
        max_overflow=0,
        pool_timeout=seconds if urgent else 120,
        connect_args={"check_same_thread": False, "timeout": seconds},
    )
    pragmas = ("journal_mode=WAL", f"synchronous={'FULL' if urgent else 'NORMAL'}", "foreign_keys=ON")

    def connected(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        for function in ("unixepoch", "strftime"):  # DBOS asks one or the other for now, by the version of Python
            connection.create_function(function, -1, clock.now)

    def entered(_connection: Any, record: Any, _proxy: Any) -> None:
        if not gate.enter(urgent=urgent, seconds=seconds):
            raise sqlite3.OperationalError("database is locked")
        record.info["inside"] = True

    def left(_connection: Any, record: Any) -> None:
        if record.info.pop("inside", False):
            gate.leave()

    event.listen(made, "connect", connected)
    event.listen(made, "checkout", entered)
    event.listen(made, "checkin", left)
    return made


def own(path: Path) -> FileLock:
    """Take a file for this process until `release`.

    Raises:
        ConfigurationError: another process has it, or its folder cannot be written.
    """
    held = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(held, thread_local=False)
        lock.acquire(blocking=False)
    except Timeout:
        raise ConfigurationError(
            f"the inbox {str(path)!r} is in use by process {_holder(held)}, and SQLite allows one: stop that process, "
            "or set state.url to postgresql://… and start as many as you like"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"the folder {str(path.parent)!r} cannot be written: {error}") from None
    held.write_text(f"{os.getpid()}\n")
    return lock


def _holder(path: Path) -> str:
    try:
        return path.read_text().strip() or "of unknown number"
    except OSError:
        return "of unknown number"
