"""The durable inbox: records what comes in, answers it once and in order, and says what became of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, func, select, text

from assistant.connector import Connector, Holder
from assistant.errors import ConfigurationError, TransientError
from assistant.inbox import liveness, reading, sqlite
from assistant.inbox.acceptor import Acceptor
from assistant.inbox.burst import Burst
from assistant.inbox.delivery import Courier
from assistant.inbox.desk import Desk
from assistant.inbox.intake import Arrived, Intake
from assistant.inbox.journal import Journal
from assistant.inbox.launch import Launched
from assistant.inbox.ledgers import Ledgers
from assistant.inbox.limits import Limits
from assistant.inbox.meters import InboxMeters
from assistant.inbox.names import lane_of_address
from assistant.inbox.place import Place
from assistant.inbox.running import Running
from assistant.inbox.standing import Standing
from assistant.inbox.tables import ACTIVE, Tables
from assistant.inbox.takeover import Takeover
from assistant.inbox.turns import Respond
from assistant.inbox.upkeep import Upkeep
from assistant.inbox.workflow import TurnWorkflow
from assistant.inbox.writing import Writer
from assistant.sections import InboxSettings
from assistant.types import Address, Incoming

logger = logging.getLogger("assistant.inbox")

CONNECTIONS = 16
"""Connections of the worker to PostgreSQL."""


class Inbox:
    """What platforms send, recorded before it is acknowledged, answered once, in order within each conversation.

    `url` is that of the state database: in SQLite the inbox has a file of its own beside it. One inbox a process, and
    with SQLite one process; with PostgreSQL several processes share the work, and those left take over from one that dies.
    """

    def __init__(
        self,
        url: str,
        connectors: Mapping[str, Connector],
        respond: Respond,
        *,
        settings: InboxSettings,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._place = Place.of(url)
        self.desk = Desk(url, place=self._place)
        self._connectors = connectors
        self._respond = respond
        self._settings = settings
        self._meters = InboxMeters(registry)
        self._running = Running()
        self._tables = Tables(self._place.schema)
        self._ledgers = Ledgers(self._place.schema)
        self._takeover = Takeover(self._tables, self._ledgers, connectors, hours=settings.takeover_hours)
        self._standing: Standing | None = None
        self._open = AsyncExitStack()
        self._acceptor: Acceptor | None = None
        self._side: Engine | None = None

    async def start(self) -> None:
        """Create or open the database, and go on with what was not finished.

        Raises:
            ConfigurationError: the SQLite file is in use by another process, or this process has an inbox already.
            TransientError: the database does not answer.
        """
        async with AsyncExitStack() as opening:
            opening.push_async_callback(asyncio.to_thread, self._place.forget)
            if self._place.file:
                lock = await asyncio.to_thread(sqlite.own, self._place.file)
                opening.push_async_callback(asyncio.to_thread, lock.release)
            launched = Launched(self._place, self._settings.concurrency, asleep=lambda: self._running.asleep)
            opening.push_async_callback(launched.aclose)
            self._place.open()
            self._running = Running()
            acks = await asyncio.to_thread(self._place.acknowledging)
            opening.push_async_callback(asyncio.to_thread, acks.dispose)
            await asyncio.to_thread(self._reach, acks)
            work = await asyncio.to_thread(self._place.working, CONNECTIONS)
            opening.callback(self._place.close)
            watch = None if self._place.file else await self._watched(opening, launched)
            with self._place.reached():
                await launched.start(work, lambda: self._define(work))
            await self._attend(opening, launched, acks, work)
            if watch is not None:
                watch.look_after_others()
            self._open = opening.pop_all()

    async def accept(self, events: Sequence[Incoming]) -> None:
        """Record events; on return they are on disk. What is there already is left as it is.

        A report of what became of a message, and an echo of one of ours, is noted and is no turn.
        Events of one conversation are taken in the order of their `order`, where all have one, else as given.

        Raises:
            TransientError: not all could be recorded within 4 s; the platform is to send them again.
        """
        if self._acceptor is None:
            raise TransientError("the inbox is closed: send the message again")
        if not events:
            return
        begun = time.perf_counter()
        try:
            await self._acceptor.accept([self._arrived(event) for event in _sorted(events)])
        except TransientError:
            self._meters.refused.inc(len(events))
            raise
        self._meters.acknowledged.observe(time.perf_counter() - begun)
        for event in events:
            self._meters.accepted.labels(event.address.connector).inc()

    async def stop_turn(self, address: Address) -> bool:
        """Cancel the answer that is being written in a conversation, whichever process writes it; whether there is one."""
        lane = lane_of_address(address)
        if self._running.stop(lane):
            return True
        if self._place.file or self._side is None:
            return False
        return await asyncio.to_thread(self._ask_to_stop, self._side, lane)

    async def hold(self, address: Address, holder: Holder) -> None:
        """Let somebody else answer in a conversation from now on: what is being written there is not sent, and nothing is
        answered until it is released, or for `inbox.takeover_hours`. "bot" releases it.

        Raises:
            TransientError: the inbox is closed, or its database does not answer.
        """
        standing = self._opened()
        with self._place.reached():
            await standing.hold(address, holder)

    async def release(self, address: Address) -> bool:
        """Let the bot answer again; whether somebody else did.

        Raises:
            TransientError: the inbox is closed, or its database does not answer.
        """
        standing = self._opened()
        with self._place.reached():
            return await standing.release(address)

    async def held(self, addresses: Iterable[Address]) -> set[Address]:
        """Those of these in whose conversations somebody else than the bot answers.

        Raises:
            TransientError: the inbox is closed, or its database does not answer.
        """
        standing = self._opened()
        with self._place.reached():
            return await standing.held(addresses)

    async def reach(self, address: Address) -> Address:
        """Where a conversation is reached now: its person may have been given another id since it began.

        Raises:
            TransientError: the inbox is closed, or its database does not answer.
        """
        standing = self._opened()
        with self._place.reached():
            return await standing.reach(address)

    async def aclose(self) -> None:
        """Accept nothing more, let running answers finish within the grace time, and hand back those that do not.

        They go on after the next start, or in another process.
        """
        await self._open.aclose()
        await self.desk.aclose()

    def _define(self, work: Engine) -> None:
        from dbos import DBOS

        with work.begin() as connection:
            self._ledgers.create(connection)
        meters, settings, running = self._meters, self._settings, self._running
        standing = Standing(work, self._ledgers, self._takeover, self._connectors, running=running)
        couriers = {
            name: Courier(connector, Limits(connector), meters, asyncio.Semaphore(settings.concurrency), standing)
            for name, connector in self._connectors.items()
        }
        writer = Writer(
            self._respond,
            connectors=self._connectors,
            settings=settings,
            running=running,
            meters=meters,
            standing=standing,
        )
        TurnWorkflow(
            DBOS,
            writer=writer,
            couriers=couriers,
            running=running,
            burst=Burst(self._place, work),
            journal=Journal(meters, settings),
            standing=standing,
            settings=settings,
        )
        self._standing = standing

    async def _attend(self, opening: AsyncExitStack, launched: Launched, acks: Engine, work: Engine) -> None:
        """Start what stands beside the worker: recording and upkeep."""
        self._side = work
        if self._place.file:
            await asyncio.to_thread(self._go_on_from, work)
        upkeep = Upkeep(
            self._place,
            work,
            executor=launched.executor,
            running=self._running,
            meters=self._meters,
            retention_days=self._settings.retention_days,
            counts=lambda connection: reading.counts(self._tables, connection, failing=self._ledgers.reports.failing),
            ledgers=self._ledgers,
        )
        rounds = asyncio.create_task(upkeep.run(), name="inbox-upkeep")
        opening.push_async_callback(_ended, rounds)
        opening.push_async_callback(self._drain, launched, acks)
        loop, stop = asyncio.get_running_loop(), self._running.stop
        intake = Intake(self._tables, self._ledgers, self._takeover, self._connectors)
        self._acceptor = Acceptor(self._place, acks, intake, silence=lambda lane: loop.call_soon_threadsafe(stop, lane))
        opening.push_async_callback(self._close_acceptor)

    async def _watched(self, opening: AsyncExitStack, launched: Launched) -> liveness.Liveness:
        """Show that this process lives, before it takes up its first turn: else others would take it for dead."""
        loop = asyncio.get_running_loop()
        watched = await asyncio.to_thread(self._place.watching)
        opening.push_async_callback(asyncio.to_thread, watched.dispose)
        watch = liveness.Liveness(
            self._place,
            watched,
            executor=launched.executor,
            stop=lambda lane: loop.call_soon_threadsafe(self._running.stop, lane),
        )
        opening.push_async_callback(asyncio.to_thread, watch.close)
        await asyncio.to_thread(watch.start)
        return watch

    def _go_on_from(self, engine: Engine) -> None:
        """Let no new message have an earlier time than one that waits: the clock may have been set back meanwhile."""
        turn = self._tables.turns.c
        with self._place.reached(), engine.connect() as connection:
            latest = connection.scalar(select(func.max(turn.created_at)).where(turn.status.in_(ACTIVE)))
        if latest is not None:
            self._place.clock.pass_by(latest / 1000)

    async def _close_acceptor(self) -> None:
        if self._acceptor is not None:
            closing, self._acceptor, self._standing = self._acceptor, None, None
            await closing.aclose()

    async def _drain(self, launched: Launched, acks: Engine) -> None:
        launched.pause()
        await self._running.drain(self._settings.grace_seconds)
        try:
            await asyncio.to_thread(self._hand_back, acks, launched.executor)
        except TransientError as error:
            logger.warning("turns that did not finish are taken up after the next start: %s", error)

    def _hand_back(self, engine: Engine, executor: str) -> None:
        with self._place.reached(), engine.begin() as connection:
            self._tables.hand_back(connection, executors=[executor])

    def _reach(self, engine: Engine) -> None:
        with self._place.reached(), engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def _ask_to_stop(self, engine: Engine, lane: str) -> bool:
        with self._place.reached(), engine.begin() as connection:
            return liveness.ask_to_stop(connection, self._tables, lane)

    def _arrived(self, event: Incoming) -> Arrived:
        if event.address.connector not in self._connectors:
            raise ConfigurationError(f"an event came from {event.address.connector!r}, which is not a connector here")
        gathers = self._settings.burst_seconds and event.kind == "text"
        burst = {"burst": self._settings.burst_seconds} if gathers else {}
        return Arrived.of(event, received=round(time.time(), 3), **burst)

    def _opened(self) -> Standing:
        if self._standing is None:
            raise TransientError("the inbox is closed: try again")
        return self._standing


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _sorted(events: Sequence[Incoming]) -> list[Incoming]:
    """Each conversation's events by `order`, in the places that they have among the others."""
    lanes: dict[str, list[Incoming]] = {}
    for event in events:
        lanes.setdefault(str(event.address), []).append(event)
    for found in lanes.values():
        if all(event.order for event in found):
            found.sort(key=lambda event: event.order)
        found.reverse()
    return [lanes[str(event.address)].pop() for event in events]
