"""A Telegram and a Graph API of our own, and a bot that is connected to the first."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from assistant.testing.serving import serving
from assistant.testing.telegram_api import TelegramApi
from connectors.telegram import Telegram

sys.path.append(str(Path(__file__).parents[1] / "meta"))  # the fake Graph server is for several folders

SPECIFICATION = Path(__file__).parents[3] / "shared" / "contracts" / "telegram"
"""The scraped specification of the Bot API with its checker, where it is at hand."""

Connect = Callable[..., Any]


@pytest.fixture
async def graph() -> AsyncIterator[Any]:
    """A Graph API of our own (`graph_server.GraphServer`) that sends no webhooks of its own accord."""
    from graph_server import GraphServer

    server = GraphServer()
    server.reports = False
    async with serving(server) as url:
        server.url = url
        yield server


@pytest.fixture
def api() -> TelegramApi:
    made = TelegramApi(contract=SPECIFICATION if SPECIFICATION.exists() else None)
    made.chat(5)
    made.chat(-900)
    made.chat(-100901, forum=True).topics.add(7)
    return made


@pytest.fixture
async def url(api: TelegramApi) -> AsyncIterator[str]:
    async with serving(api) as where:
        yield where


@pytest.fixture
async def connect(api: TelegramApi, url: str) -> AsyncIterator[Connect]:
    """Make an opened bot of the options."""
    async with AsyncExitStack() as stack:

        async def made(*, webhook_url: str | None = None, **options: Any) -> Telegram:
            settings = {"token": api.token, "api_base_url": url, "languages": [], "poll_seconds": 1, **options}
            bot = await asyncio.to_thread(partial(Telegram, **settings))  # reads the phrases
            stack.push_async_callback(bot.aclose)
            await bot.open(webhook_url=webhook_url)
            return bot

        yield made


@pytest.fixture
async def bot(connect: Connect) -> Telegram:
    opened: Telegram = await connect()
    return opened


@pytest.fixture
async def unblocked(connect: Connect) -> AsyncIterator[None]:
    """Whatever blocks the event loop is an error."""
    buster = BlockBuster()
    buster.activate()
    yield
    buster.deactivate()
