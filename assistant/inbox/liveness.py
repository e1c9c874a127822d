"""Takeover on PostgreSQL: each process holds a lock that the server drops when it dies; whoever finds it free takes over.

DBOS itself takes over only with its proprietary Conductor.
"""

from __future__ import annotations

import json
import logging
import threading
import zlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from assistant.errors import TransientError
from assistant.inbox.names import QUEUE
from assistant.inbox.place import Place
from assistant.inbox.tables import Tables

logger = logging.getLogger("assistant.inbox")

LOOK_SECONDS = 0.75
"""Between two looks; a process is taken for dead when its lock is free at two of them, so that one whose connection
broke can come back first."""

HOLD_SECONDS = 15.0
"""Until the lock of a process that begins is held."""

CHANNEL = "assistant_inbox_stop"
NAMESPACE = 0x0D805
"""First half of our advisory locks, so that they are not somebody else's."""


class Liveness:
    """A thread that shows that this process lives, looks for those that do not, and hears what is to be stopped."""

    def __init__(self, place: Place, engine: Engine, *, executor: str, stop: Callable[[str], object]) -> None:
        self._engine = engine
        self._tables = Tables(place.schema)
        self._executor = executor
        self._stop = stop
        self._ending = threading.Event()
        self._held = threading.Event()
        self._looking = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox-liveness", daemon=True)

    def start(self) -> None:
        """Begin; returns once this process holds its lock, and looks for others only after `look_after_others`.

        Raises:
            TransientError: the database does not answer.
        """
        self._thread.start()
        if not self._held.wait(HOLD_SECONDS):
            raise TransientError("the inbox could not show that this process lives: its database does not answer")

    def look_after_others(self) -> None:
        """Take over from those that died from now on; there are tables."""
        self._looking.set()

    def close(self) -> None:
        """End; the lock is free then."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                with self._engine.connect() as connection:
                    self._watch(connection.execution_options(isolation_level="AUTOCOMMIT"))
            except Exception as error:  # noqa: BLE001 - the database is away: hold the lock again as soon as it is back
                if not self._ending.is_set():
                    cause = getattr(error, "orig", None) or error
                    logger.warning("the inbox lost its database (%s)", type(cause).__name__)
                self._ending.wait(LOOK_SECONDS)

    def _watch(self, connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_lock(:first, :second)"), _key(self._executor))
        connection.execute(text(f"LISTEN {CHANNEL}"))
        self._held.set()
        gone: set[str] = set()
        while not self._ending.is_set():
            if self._looking.is_set():
                gone = self._look(connection, gone)
            self._hear(connection)

    def _look(self, connection: Connection, suspects: set[str]) -> set[str]:
        """Take over from processes that were suspected before; who is suspected now."""
        row = self._tables.turns.c
        others = select(row.executor_id).distinct().where(row.status == "PENDING", row.queue_name == QUEUE)
        gone: set[str] = set()
        for (executor,) in connection.execute(others.where(row.executor_id != self._executor)).all():
            if not connection.scalar(text("SELECT pg_try_advisory_lock(:first, :second)"), _key(executor)):
                continue
            try:
                if executor in suspects:
                    count = self._tables.hand_back(connection, executors=[executor], died=True)
                    logger.warning("took over %d turns of process %s, which is gone", count, executor)
                else:
                    gone.add(executor)
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:first, :second)"), _key(executor))
        return gone

    def _hear(self, connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        for notice in driver.notifies(timeout=LOOK_SECONDS):
            said = json.loads(notice.payload)
            if said.get("executor") == self._executor:
                self._stop(said.get("lane", ""))


def ask_to_stop(connection: Connection, tables: Tables, lane: str) -> bool:
    """Tell the process that runs a turn of the lane to stop it; whether there is one."""
    row = tables.turns.c
    runs = select(row.executor_id).where(row.status == "PENDING", row.queue_partition_key == lane)
    executor = connection.scalar(runs.where(row.queue_name == QUEUE))
    if executor is None:
        return False
    said = json.dumps({"executor": executor, "lane": lane})
    connection.execute(text("SELECT pg_notify(:channel, :said)"), {"channel": CHANNEL, "said": said})
    return True


def _key(executor: str) -> dict[str, int]:
    return {"first": NAMESPACE, "second": zlib.crc32(executor.encode()) - 2**31}
