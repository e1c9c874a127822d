"""Answers in the making: a bounded number at once, each in a task of its own that ends when nobody listens any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from assistant.answers import Answer, Done, Event, TextDelta
from assistant.errors import EngineUnavailable, RateLimited
from assistant.server.meters import Meters
from assistant.server.startup import Startup

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """One question; `history` None means that `conversation` remembers, else the caller does."""

    question: str
    conversation: str | None = None
    history: Sequence[BaseMessage] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    access: Sequence[str] = ()


class Turn:
    """One answer being generated. The generator lives in one task from first to last, whoever listens:
    engines and tracers keep state that must not wander between tasks."""

    def __init__(self, events: AsyncGenerator[Event, None], *, meters: Meters) -> None:
        self._meters = meters
        self._queue: asyncio.Queue[Event | Exception] = asyncio.Queue()
        self._held: Event | None = None
        self.task = asyncio.create_task(self._pump(events))
        self.task.add_done_callback(self._ended)

    async def begun(self) -> None:
        """Wait for the first event, so that what fails before it can still become an HTTP status."""
        self._held = await self._next()

    async def events(self) -> AsyncGenerator[Event, None]:
        """What is left of the stream, ending with `Done`; raises what ended it early."""
        event = self._held or await self._next()
        while not isinstance(event, Done):
            yield event
            event = await self._next()
        yield event

    async def answer(self) -> Answer:
        """The whole answer."""
        async for event in self.events():
            if isinstance(event, Done):
                return event.answer
        raise AssertionError("a turn ends with Done or with an error")

    async def aclose(self) -> None:
        """Abort the generation; after the end this does nothing."""
        self.task.cancel()
        await asyncio.wait({self.task})

    async def _next(self) -> Event:
        item = await self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def _pump(self, events: AsyncGenerator[Event, None]) -> None:
        begun, first = time.perf_counter(), True
        with self._meters.running.track_inprogress():
            async with aclosing(events):
                async for event in events:
                    if first and isinstance(event, TextDelta):
                        self._meters.first_token.observe(time.perf_counter() - begun)
                        first = False
                    if isinstance(event, Done):
                        self._meters.answered(event.answer)
                    self._queue.put_nowait(event)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._meters.aborted.inc()
            self._queue.put_nowait(EngineUnavailable("the answer was aborted"))
        elif error := task.exception():
            self._meters.failures.inc()
            self._queue.put_nowait(error if isinstance(error, Exception) else EngineUnavailable(repr(error)))
        else:
            self._queue.put_nowait(EngineUnavailable("the answer ended early"))  # nobody reads on after Done


class Turns:
    """Starts answers, at most `limit` at once."""

    def __init__(self, startup: Startup, *, limit: int, meters: Meters) -> None:
        self._startup = startup
        self._limit = limit
        self._meters = meters
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, ask: Ask) -> Turn:
        """Begin to answer.

        Raises:
            EngineUnavailable: the assistant is not ready.
            RateLimited: as many answers as allowed are being generated.
        """
        assistant = self._startup.assistant()
        if len(self._running) >= self._limit:
            raise RateLimited(f"{self._limit} answers are being generated, the most allowed at once", retry_after=1)
        given: dict[str, Any] = {"conversation": ask.conversation, "history": ask.history, "options": ask.options}
        given["access"] = ask.access
        turn = Turn(assistant.astream(ask.question, **given), meters=self._meters)
        self._running.add(turn.task)
        turn.task.add_done_callback(self._running.discard)
        return turn

    async def aclose(self) -> None:
        """Abort what is still running."""
        running = set(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client goes away.

    Raises:
        ClientDisconnect: it went away.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.wait({task, gone})


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
