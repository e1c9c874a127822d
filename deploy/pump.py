"""A blocking iterator awaited: it runs in a thread, and whoever stops awaiting it ends it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


async def pumped(
    items: Callable[[], Iterator[T]], *, slots: threading.Semaphore, cut: Callable[[], None]
) -> AsyncGenerator[T, None]:
    """What `items()` gives, as it comes, without blocking the event loop; its error is raised here.

    It runs in a thread of its own, which waits for one of `slots` and does not keep the process from ending.
    `cut` ends a blocked iterator from another thread; it is called when this generator is closed, finished or cancelled.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[str, T | BaseException | None]] = asyncio.Queue()

    def tell(kind: str, value: T | BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(queue.put_nowait, (kind, value))

    def work() -> None:
        try:
            with slots:
                for item in items():
                    tell("item", item)
            tell("end", None)
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            tell("error", error)

    threading.Thread(target=work, name="sagemaker", daemon=True).start()
    try:
        while True:
            kind, value = await queue.get()
            if kind == "end":
                return
            if isinstance(value, BaseException):
                raise value
            yield value  # type: ignore[misc]
    finally:
        cut()
