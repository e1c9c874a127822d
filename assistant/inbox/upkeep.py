"""What is done beside the turns: gauges, turns that lost their execution, and forgetting what was answered long ago."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, delete, func, select

from assistant.inbox.ledgers import Ledgers
from assistant.inbox.meters import InboxMeters
from assistant.inbox.names import QUEUE, WORKFLOW
from assistant.inbox.place import Place
from assistant.inbox.running import Running
from assistant.inbox.tables import ACTIVE, DROPPED, Tables

logger = logging.getLogger("assistant.inbox")

LOOK_SECONDS = 5.0
"""Between two rounds."""

MISSING_SECONDS = 60.0
"""A turn that is claimed and does not begin for so long runs again: an error came between the two. On a machine that is
busy it takes seconds until it begins."""

PRUNE_SECONDS = 3600.0
PRUNE_ROWS = 200
"""Forgotten in one transaction, with a pause after it: acknowledgements come in between."""

PRUNE_BATCHES = 5000


class Upkeep:
    """Rounds of upkeep in a thread, until cancelled."""

    def __init__(
        self,
        place: Place,
        engine: Engine,
        *,
        executor: str,
        running: Running,
        meters: InboxMeters,
        retention_days: float,
        counts: Callable[[Connection], dict[str, int]],
        ledgers: Ledgers,
    ) -> None:
        self._engine = engine
        self._tables = Tables(place.schema)
        self._executor = executor
        self._running = running
        self._meters = meters
        self._retention = retention_days * 86400
        self._counts = counts
        self._ledgers = ledgers
        self._missing: dict[str, float] = {}
        """Turns that are claimed here and not under way, and since when they are seen so."""

    async def run(self) -> None:
        """Do all of it again and again."""
        pruned = -PRUNE_SECONDS
        while True:
            try:
                lost = set(self._running.lost)
                await asyncio.to_thread(self.look, self._running.turns, lost)
                self._running.lost -= lost
                if time.monotonic() > pruned + PRUNE_SECONDS:
                    pruned = time.monotonic()
                    await self._prune()
            except Exception as error:  # noqa: BLE001 - the database is away: the next round
                cause = getattr(error, "orig", None) or error
                logger.warning("upkeep of the inbox failed (%s)", type(cause).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def _prune(self) -> None:
        for some in (self.prune, self.prune_ledgers):
            for _ in range(PRUNE_BATCHES):
                if not await asyncio.to_thread(some):
                    break
                await asyncio.sleep(0.05)

    def look(self, running: set[str], lost: set[str]) -> None:
        """Set the gauges, and hand back turns that the database says run here and do not: those `lost`, and those that
        have not begun for long.

        A full disk or a lost connection can end an execution between two records, and DBOS looks for it only at its
        next start.
        """
        row, now = self._tables.turns.c, time.monotonic()
        with self._engine.begin() as connection:
            counts = self._counts(connection)
            oldest = connection.scalar(
                select(func.min(row.created_at)).where(row.status.in_(ACTIVE), row.queue_name == QUEUE)
            )
            mine = select(row.workflow_uuid).where(row.status == "PENDING", row.executor_id == self._executor)
            missing = {id for (id,) in connection.execute(mine.where(row.queue_name == QUEUE))} - running
            since = {turn: self._missing.get(turn, now) for turn in missing}
            again = sorted(turn for turn in missing if turn in lost or now - since[turn] > MISSING_SECONDS)
            if again:
                self._tables.hand_back(connection, executors=[self._executor], turns=again)
                logger.warning("%d turns lost their execution and run again", len(again))
        self._missing = {turn: when for turn, when in since.items() if turn not in again}
        self._meters.show(counts, 0.0 if oldest is None else max(0.0, time.time() - oldest / 1000))

    def prune(self) -> int:
        """Forget some turns that were answered or dropped before the retention time; how many."""
        row = self._tables.turns.c
        before = int((time.time() - self._retention) * 1000)
        old = select(row.workflow_uuid).where(
            row.status.in_(("SUCCESS", DROPPED)), row.name == WORKFLOW, row.completed_at < before
        )
        with self._engine.begin() as connection:
            ids = [id for (id,) in connection.execute(old.order_by(row.completed_at).limit(PRUNE_ROWS))]
            for table in (self._tables.steps, self._tables.inputs, self._tables.outcomes, self._tables.turns):
                if ids:
                    connection.execute(delete(table).where(table.c.workflow_uuid.in_(ids)))
        return len(ids)

    def prune_ledgers(self) -> int:
        """Forget some of what the ledgers know of what is over since the retention time; how much."""
        with self._engine.begin() as connection:
            return self._ledgers.prune(connection, before=datetime.now(UTC) - timedelta(seconds=self._retention))
