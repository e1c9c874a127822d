"""WhatsApp at a fake Graph server: fixtures for the tests of what is sent, and somebody to send it to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from accounts import APP_SECRET, PHONE_NUMBER_ID, VERIFY_TOKEN, WHATSAPP_TOKEN
from graph_server import GraphServer
from graph_world import Person
from whatsapp_payloads import PHONE, USER

from assistant.types import Address, Button
from connectors.whatsapp import WhatsApp

TO = Address("whatsapp", PHONE_NUMBER_ID, PHONE)
SOURCES = Button("Sources", data="sources:0123456789abcdef")

Connect = Callable[..., Awaitable[WhatsApp]]


@pytest.fixture
def ann(graph: GraphServer) -> Person:
    person = graph.person("whatsapp", PHONE, USER)
    graph.says(person, "hello")
    return person


def settings_of(graph: GraphServer, **options: Any) -> dict[str, Any]:
    return {"access_token": WHATSAPP_TOKEN, "phone_number_id": PHONE_NUMBER_ID, "app_secret": APP_SECRET,
            "verify_token": VERIFY_TOKEN, "graph_base_url": graph.url, **options}  # fmt: skip


@pytest.fixture
async def connect(graph: GraphServer) -> AsyncIterator[Connect]:
    """Make an opened connector of the options."""
    async with AsyncExitStack() as stack:

        async def made(**options: Any) -> WhatsApp:
            opened = WhatsApp(**settings_of(graph, **options))
            stack.push_async_callback(opened.aclose)
            await opened.open(webhook_url=None)
            return opened

        yield made


@pytest.fixture
async def bot(connect: Connect) -> WhatsApp:
    return await connect()


FIXTURES = (ann, connect, bot)
"""To be unpacked in a test module."""
