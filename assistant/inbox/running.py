"""The turns under way in this process: their answers can be stopped, and they are waited for at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Outcome(Exception):
    """Ends a turn, and is recorded with it."""


class Stopped(Exception):
    """The answer was stopped by who asked for it."""


class Running:
    """Turns by their id and by their lane.

    One execution of a turn at a time: where the database has given it to a later one, the earlier finds out at its next
    record, and the later waits for that.

    Attributes:
        lost: turns whose execution ended without an outcome that is recorded; they are to run again.
    """

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self._closing = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._inside: dict[str, asyncio.Event] = {}
        self._lanes: dict[str, str] = {}
        self._answers: dict[str, asyncio.Task[Any]] = {}
        self._stopped: set[str] = set()

    async def enter(self, turn: str, lane: str) -> bool:
        """Note that the current task runs a turn, once no other does; False: nothing begins any more."""
        task = asyncio.current_task()
        while (earlier := self._inside.get(turn)) is not None:
            await earlier.wait()
        if task is None or self._closing:
            return False
        self.lost.discard(turn)
        self._inside[turn] = asyncio.Event()
        self._lanes[lane] = turn
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, turn))  # by then its outcome is recorded as well
        return True

    def leave(self, turn: str, lane: str) -> None:
        """Note that there is nothing of it left to stop."""
        self._stopped.discard(turn)
        self._inside.pop(turn).set()
        if self._lanes.get(lane) == turn:
            del self._lanes[lane]

    @property
    def turns(self) -> set[str]:
        """What is under way."""
        return set(self._inside)

    async def answer(self, turn: str, write: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run the responder so that `stop` can end it.

        Raises:
            Stopped: it was stopped, now or while the turn waited for another attempt.
        """
        if turn in self._stopped:
            raise Stopped
        task: asyncio.Task[T] = asyncio.ensure_future(write())
        self._answers[turn] = task
        try:
            return await task
        except asyncio.CancelledError:
            if turn in self._stopped:
                raise Stopped from None
            raise
        finally:
            del self._answers[turn]
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def stop(self, lane: str) -> bool:
        """End the answer of a conversation; whether there was one."""
        turn = self._lanes.get(lane)
        if turn is None:
            return False
        self._stopped.add(turn)
        if (task := self._answers.get(turn)) is not None:
            task.cancel()
        return True

    async def drain(self, seconds: float) -> None:
        """Begin nothing more, wait for what runs, then cancel it: the database has it as not finished."""
        self._closing = True
        if self._tasks and seconds:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        rest = list(self._tasks)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any], turn: str) -> None:
        self._tasks.discard(task)
        failed = task.cancelled() or not isinstance(task.exception(), Outcome | None)
        if failed and turn not in self._inside:
            self.lost.add(turn)
