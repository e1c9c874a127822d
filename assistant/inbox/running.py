"""The turns under way in this process: their answers can be stopped, and they are waited for at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")

CANCEL_SECONDS = 5.0
"""What a turn may take to end that is cancelled; it is left then, and the process may end."""

MOST_ASLEEP = 4096
"""Turns that wait for a platform or a model and keep no place from others; more would be memory without an end."""


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
        self._asleep = 0

    @property
    def asleep(self) -> int:
        """Turns that only wait, at most `MOST_ASLEEP`: so many more may be taken up."""
        return min(self._asleep, MOST_ASLEEP)

    @contextmanager
    def sleeping(self) -> Iterator[None]:
        """Around what only waits, so that a platform that is away does not keep the places of the others' turns."""
        self._asleep += 1
        try:
            yield
        finally:
            self._asleep -= 1

    def stopped(self, turn: str) -> bool:
        """Whether it was to be stopped since it began here."""
        return turn in self._stopped

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

    async def drain(self, seconds: float, *, cancel_seconds: float = CANCEL_SECONDS) -> None:
        """Begin nothing more, wait for what runs, then cancel it: the database has it as not finished."""
        self._closing = True
        if self._tasks and seconds:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        rest = list(self._tasks)
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=cancel_seconds)

    def _ended(self, task: asyncio.Task[Any], turn: str) -> None:
        self._tasks.discard(task)
        failed = task.cancelled() or not isinstance(task.exception(), Outcome | None)
        if failed and turn not in self._inside:
            self.lost.add(turn)
