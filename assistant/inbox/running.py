"""The turns under way in this process: their answers can be stopped, and they are waited for at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The answer was stopped by who asked for it."""


class Running:
    """Turns by their id and by their lane."""

    def __init__(self) -> None:
        self._closing = False
        self._turns: dict[str, asyncio.Task[Any]] = {}
        self._lanes: dict[str, str] = {}
        self._answers: dict[str, asyncio.Task[Any]] = {}
        self._stopped: set[str] = set()

    def enter(self, turn: str, lane: str) -> bool:
        """Note that the current task runs a turn; False: it is under way already, or nothing begins any more."""
        task = asyncio.current_task()
        if task is None or self._closing or turn in self._turns:
            return False
        self._turns[turn] = task
        self._lanes[lane] = turn
        task.add_done_callback(lambda _: self._turns.pop(turn, None))  # then its outcome is recorded as well
        return True

    def leave(self, turn: str, lane: str) -> None:
        """Note that there is nothing of it left to stop."""
        self._stopped.discard(turn)
        if self._lanes.get(lane) == turn:
            del self._lanes[lane]

    @property
    def turns(self) -> set[str]:
        """What is under way."""
        return set(self._turns)

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
        if self._turns and seconds:
            await asyncio.wait(list(self._turns.values()), timeout=seconds)
        rest = list(self._turns.values())
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
