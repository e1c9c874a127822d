"""DBOS itself: started on the running loop without blocking it, quiet, one a process, and taken down without a trace."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine

from assistant.errors import ConfigurationError
from assistant.inbox.names import APPLICATION, QUEUE, VERSION
from assistant.inbox.place import Place

if TYPE_CHECKING:
    from dbos import DBOS

T = TypeVar("T")

POLL_SECONDS = 0.08
"""Between two looks for work: half of it is added to the time of an answer, and idle it costs 4 % of a core."""

LISTEN_SECONDS = 0.2
"""Between two rounds of a listener that has nothing to hear; closing waits for its last."""

TURNS_A_SLOT = 8
"""Turns taken up for each answer that may be written at once, besides those that only wait."""

QUIET_SECONDS = 10.0
"""The same complaint of DBOS is logged once in this time: without a database it has one at each look."""

MOST_SEEN = 1000

_one = threading.Lock()


class Quiet(logging.Filter):
    """Leaves out what a turn's own line says already, and repetitions."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        if text.startswith(("Exception encountered in asynchronous workflow", "Asyncio task cancelled")):
            return False
        kind, now = text[:40], time.monotonic()
        if len(self._seen) > MOST_SEEN:
            self._seen.clear()
        if now - self._seen.get(kind, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        self._seen[kind] = now
        return True


class Launched:
    """DBOS as it runs in this process; made by `launch`."""

    def __init__(self, place: Place, concurrency: int, *, asleep: Callable[[], int]) -> None:
        if not _one.acquire(blocking=False):
            raise ConfigurationError("this process has an inbox already: close it before another one is opened")
        self._place = place
        self._turns = concurrency * TURNS_A_SLOT
        self._asleep = asleep
        self._quiet = Quiet()
        self._engine: Engine | None = None
        self._dbos: DBOS | None = None
        self.executor = "local" if place.file else f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"

    async def start(self, engine: Engine, define: Callable[[], None]) -> None:
        """Create or migrate the tables, register what `define` defines, and begin to work."""
        self._engine = engine
        self._dbos = await _aside(lambda: self._configure(engine))
        self._dbos._background_event_loop.set_main_loop()  # where workflows run; launching here would set it, and block it
        await _aside(lambda: self._launch(define))

    def _configure(self, engine: Engine) -> DBOS:
        from dbos import DBOS, DBOSPortableJSONSerializer

        logger = logging.getLogger("dbos")
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())  # else it writes to the terminal itself
        logger.addFilter(self._quiet)
        logger.setLevel(logging.WARNING)
        return DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._place.url.render_as_string(hide_password=False),
                "system_database_engine": engine,
                "application_version": VERSION,
                "executor_id": self.executor,
                "serializer": DBOSPortableJSONSerializer(),  # the default is pickle: who can write there could run code
                "enable_otlp": False,
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": LISTEN_SECONDS,
                "use_listen_notify": False,  # nothing here waits for a notification
            }
        )

    def _launch(self, define: Callable[[], None]) -> None:
        from dbos import DBOS

        define()
        if self._dbos is not None:
            active = self._dbos._active_workflows_set
            count = active.count_for_queue
            setattr(active, "count_for_queue", lambda queue: max(0, count(queue) - self._asleep()))  # noqa: B010
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            partition_concurrency=1,  # any other limit would make each look a transaction for every conversation
            worker_concurrency=self._turns,
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )

    def pause(self) -> None:
        """Take up no more turns."""
        if self._dbos is not None:
            for stop in self._dbos.background_thread_stop_events:
                stop.set()

    async def aclose(self) -> None:
        """Stop its threads and give the loop its own back."""
        try:
            await _aside(self._destroy)
        finally:
            loop = asyncio.get_running_loop()
            loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))  # DBOS put its own there
            _one.release()

    def _destroy(self) -> None:
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True)
        if self._engine is not None:
            self._engine.dispose()
        logging.getLogger("dbos").removeFilter(self._quiet)


async def _aside(do: Callable[[], T]) -> T:
    """In a thread that is not the loop's: DBOS exchanges those."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="inbox-launch")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, do)
    finally:
        thread.shutdown(wait=False)
