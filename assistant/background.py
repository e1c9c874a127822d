"""From blocking code into async code and back: one private event loop, and values made once by whoever asks first."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import aclosing
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, in code without `await`; also where an event loop runs already, as in a notebook."""
    future = asyncio.run_coroutine_threadsafe(work, _running_loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()  # Ctrl-C ends the work, not only the wait for it
        raise


def iterate(events: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """The items of an async generator as they come; leaving the loop closes the generator and waits until it has ended.

    The generator lives in one task from first to last: engines and tracers keep state that must not change tasks.
    """
    loop = _running_loop()
    items: SimpleQueue[_Item[T]] = SimpleQueue()
    wanted = asyncio.Semaphore(0)  # the generator runs on only when its next item is asked for
    task = run(_start(events, items, wanted))
    item: _Item[T] | None = None
    try:
        while True:
            loop.call_soon_threadsafe(wanted.release)
            item = items.get()
            if item.last:
                break
            yield from item.values
        if item.error is not None:
            raise item.error
    finally:
        loop.call_soon_threadsafe(task.cancel)
        while item is None or not item.last:
            item = items.get()


class Once(Generic[T]):
    """A value made once, in a thread of its own, however many threads and event loops ask; a failure is tried again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._future: Future[T] | None = None

    @property
    def made(self) -> T | None:
        """The value where it exists."""
        future = self._future
        return future.result() if future and future.done() and not future.exception() else None

    def get(self) -> T:
        """The value; waits while it is being made."""
        return self._begin().result()

    async def aget(self) -> T:
        """The value; waits while it is being made."""
        return await asyncio.wrap_future(self._begin())

    def _begin(self) -> Future[T]:
        with self._lock:
            future = self._future
            if future is None or (future.done() and future.exception()):
                future = self._future = Future()
                future.set_running_or_notify_cancel()  # who stops waiting does not stop the making
                threading.Thread(target=self._run, args=(future,), daemon=True).start()
            return future

    def _run(self, future: Future[T]) -> None:
        try:
            future.set_result(self._make())
        except BaseException as error:  # noqa: BLE001 - goes to everybody who waits
            future.set_exception(error)


class _Item(Generic[T]):
    """One value, or the end of them."""

    def __init__(self, *values: T, last: bool = False, error: BaseException | None = None) -> None:
        self.values = values
        self.last = last
        self.error = error


async def _start(
    events: AsyncGenerator[T, None], items: SimpleQueue[_Item[T]], wanted: asyncio.Semaphore
) -> asyncio.Task[None]:
    task = asyncio.create_task(_pump(events, items, wanted))
    task.add_done_callback(lambda ended: items.put(_Item(last=True, error=_failure(ended))))
    return task


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


async def _pump(events: AsyncGenerator[T, None], items: SimpleQueue[_Item[T]], wanted: asyncio.Semaphore) -> None:
    async with aclosing(events):
        await wanted.acquire()
        async for event in events:
            items.put(_Item(event))
            await wanted.acquire()


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop, _thread
    with _lock:
        if _loop is None or _thread is None or not _thread.is_alive():  # also after a fork, which leaves threads behind
            _loop = asyncio.new_event_loop()
            _thread = threading.Thread(target=_loop.run_forever, name="assistant", daemon=True)
            _thread.start()
        return _loop
