"""Recording what comes in: whoever waits shares the next transaction, so that a flood costs few commits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import Engine

from assistant.errors import TransientError
from assistant.inbox.intake import Arrived, Intake
from assistant.inbox.place import ACCEPT_SECONDS, Place

BATCH = 200
"""Messages in one transaction at most, so that the first does not wait long for the last."""

APART_SECONDS = 0.0011
"""Between two transactions: PostgreSQL stamps rows with the beginning of theirs, in whole milliseconds, and a lane is
ordered by the stamp."""


@dataclass(slots=True, eq=False)
class Waiting:
    """An event and whoever waits for it."""

    event: Arrived
    done: asyncio.Future[None] = field(repr=False)


class Acceptor:
    """Records events in the order they are given, at most one of a lane in a transaction; repeats do nothing.

    `silence` ends what is being written in a lane here: an event told that somebody else answers there.
    """

    def __init__(self, place: Place, engine: Engine, intake: Intake, *, silence: Callable[[str], object]) -> None:
        self._place = place
        self._engine = engine
        self._intake = intake
        self._silence = silence
        self._waiting: list[Waiting] = []
        self._more = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox-accept")
        self._task = asyncio.create_task(self._run(), name="inbox-accept")
        self._over = 0.0

    async def accept(self, events: Sequence[Arrived]) -> None:
        """Return once all events are on disk.

        Raises:
            TransientError: one could not be recorded in time; others may be.
        """
        loop = asyncio.get_running_loop()
        waiting = [Waiting(event, loop.create_future()) for event in events]
        self._waiting += waiting
        self._more.set()
        done = [each.done for each in waiting]
        try:
            async with asyncio.timeout(ACCEPT_SECONDS):
                await asyncio.gather(*done, return_exceptions=True)
        except TimeoutError:
            raise TransientError(
                f"the inbox {self._place.shown!r} did not record a message within {ACCEPT_SECONDS:.0f} s: "
                "check state.url and that its disk has room"
            ) from None
        finally:
            for future in done:
                future.cancel()
        for future in done:
            future.result()

    async def aclose(self) -> None:
        """Stop; what waits is not recorded."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        _refuse(self._waiting)
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._more.wait()
            self._more.clear()
            while batch := self._take():
                try:
                    await asyncio.sleep(max(0.0, self._over + APART_SECONDS - time.monotonic()))
                    failures = await loop.run_in_executor(self._thread, self._store, [each.event for each in batch])
                except asyncio.CancelledError:
                    _refuse(batch)  # recorded or not: what comes again is known
                    raise
                self._over = time.monotonic()
                for each, failure in zip(batch, failures, strict=True):
                    _settle(each.done, failure)
                self._give_up([each for each, failure in zip(batch, failures, strict=True) if failure])

    def _give_up(self, failed: Sequence[Waiting]) -> None:
        """Refuse what waits behind a message that was not recorded: it would overtake it, which comes again later."""
        lanes = {lane for each in failed for lane in each.event.lanes}
        for each in self._waiting if lanes else ():
            if not lanes.isdisjoint(each.event.lanes):
                _settle(each.done, TransientError("a message before this one was not recorded: send it again"))

    def _take(self) -> list[Waiting]:
        """The next transaction; what is given up by who waited is left out."""
        batch: list[Waiting] = []
        rest: list[Waiting] = []
        lanes: set[str] = set()
        self._give_up([each for each in self._waiting if each.done.cancelled()])
        for each in self._waiting:
            if each.done.done():
                continue
            later = len(batch) == BATCH or not lanes.isdisjoint(each.event.lanes)
            (rest if later else batch).append(each)
            lanes |= each.event.lanes
        self._waiting = rest
        return batch

    def _store(self, events: list[Arrived]) -> list[BaseException | None]:
        """Together; where that fails, alone, so that one message does not fail the others."""
        begun = time.monotonic()
        try:
            self._commit(events)
            return [None] * len(events)
        except Exception as error:  # noqa: BLE001 - each waiter is told
            if isinstance(error, TransientError) or len(events) == 1:
                return [error] * len(events)
        results: list[BaseException | None] = []
        for event in events:
            try:
                if time.monotonic() > begun + ACCEPT_SECONDS:
                    raise TransientError("the inbox had no time to record a message: send it again")
                self._commit([event])
                results.append(None)
            except Exception as error:  # noqa: BLE001 - each waiter is told
                results.append(error)
        return results

    def _commit(self, events: Sequence[Arrived]) -> None:
        """In one transaction, or in as many as there are events of one lane; what they silence falls silent after each."""
        while events:
            with self._place.reached(), self._engine.begin() as connection:
                taken = self._intake.take(connection, events)
            for lane in taken.silenced:
                self._silence(lane)
            if events := taken.left:
                time.sleep(APART_SECONDS)


def _refuse(waiting: Sequence[Waiting]) -> None:
    for each in waiting:
        _settle(each.done, TransientError("the inbox is closing: send the message again"))


def _settle(future: asyncio.Future[None], failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)
