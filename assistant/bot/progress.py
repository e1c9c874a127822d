"""What the platform shows while an answer is being written: typing, and the text so far. It never fails a turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from assistant.bot.meters import BotMeters
from assistant.connector import Connector, Streaming, Typing
from assistant.errors import RateLimited
from assistant.types import Outgoing

AGAIN = 0.8
"""Part of the time a typing indication lasts after which it is shown again."""

Show = Callable[[str], Awaitable[None]]
"""Shows the text so far, the whole of it."""


@asynccontextmanager
async def shown(
    connector: Connector, outgoing: Outgoing, meters: BotMeters, *, about: str | None = None
) -> AsyncIterator[Show]:
    """Shows typing until the end of the context, and what is given to the function it yields.

    `outgoing` has the address, `reply_to` and `key` that the answer will have; `about` is the message that it answers.
    """
    async with _typing(connector, outgoing, meters, about), _preview(connector, outgoing, meters) as show:
        yield show


@asynccontextmanager
async def _typing(
    connector: Connector, outgoing: Outgoing, meters: BotMeters, about: str | None
) -> AsyncIterator[None]:
    seconds = connector.capabilities.typing_seconds
    if seconds is None or not isinstance(connector, Typing):
        yield
        return
    typing = asyncio.create_task(_type(connector, outgoing, seconds, meters, about))
    try:
        yield
    finally:
        typing.cancel()
        await asyncio.wait([typing])


async def _type(connector: Typing, outgoing: Outgoing, seconds: float, meters: BotMeters, about: str | None) -> None:
    while True:
        wait = AGAIN * seconds
        try:
            await connector.typing(outgoing.address, about=about)
        except Exception as error:  # noqa: BLE001  whatever a connector raises, the answer matters more
            meters.failed("typing", outgoing.address, error)
            asked = error.retry_after if isinstance(error, RateLimited) else None
            wait = max(wait, asked or 0)
        await asyncio.sleep(wait)


@asynccontextmanager
async def _preview(connector: Connector, outgoing: Outgoing, meters: BotMeters) -> AsyncIterator[Show]:
    async def nowhere(text: str) -> None:
        """There is no preview, or it failed."""

    if not (connector.capabilities.streaming and isinstance(connector, Streaming)):
        yield nowhere
        return
    entered = AsyncExitStack()
    show: Show = nowhere
    try:
        preview = await entered.enter_async_context(connector.preview(outgoing))
        show = _guarded(preview.update, outgoing, meters)
    except Exception as error:  # noqa: BLE001  as above
        meters.failed("preview", outgoing.address, error)
    try:
        yield show
    except BaseException as error:
        await _leave(entered, error, outgoing, meters)
        raise
    await _leave(entered, None, outgoing, meters)


async def _leave(entered: AsyncExitStack, cause: BaseException | None, outgoing: Outgoing, meters: BotMeters) -> None:
    try:
        await entered.__aexit__(type(cause) if cause else None, cause, cause.__traceback__ if cause else None)
    except Exception as error:  # noqa: BLE001  as above
        meters.failed("preview", outgoing.address, error)


def _guarded(update: Show, outgoing: Outgoing, meters: BotMeters) -> Show:
    async def show(text: str) -> None:
        try:
            await update(text)
        except Exception as error:  # noqa: BLE001  as above
            meters.failed("preview", outgoing.address, error)

    return show
