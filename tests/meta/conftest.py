"""A fake Graph server that runs, and applications that call it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
from graph_client import TOKENS, Caller
from graph_server import GraphServer
from graph_world import Person

from assistant.testing.serving import serving

NOWHERE = "http://graph.test"
"""Where the server is while it is not served over a network: `calling` hands it what is sent there."""


@pytest.fixture
def graph() -> GraphServer:
    """In memory; `served` puts it on a port."""
    server = GraphServer(retry_seconds=0.01)
    server.url = NOWHERE
    return server


@pytest.fixture
async def served(graph: GraphServer) -> AsyncIterator[None]:
    """`graph` over HTTP, with its webhooks."""
    async with serving(graph) as graph.url:
        yield


@pytest.fixture
async def calling(graph: GraphServer) -> AsyncIterator[Callable[[str], Caller]]:
    """An application with a token of one of `TOKENS`."""
    mounts = {NOWHERE: httpx2.ASGITransport(app=graph)}
    client = await asyncio.to_thread(
        lambda: httpx2.AsyncClient(trust_env=False, mounts=mounts)
    )  # it reads certificates
    async with client:
        yield lambda kind: Caller(graph, client, *TOKENS[kind])


@pytest.fixture
def ann(graph: GraphServer) -> Person:
    """Somebody who has just written on WhatsApp."""
    person = graph.person("whatsapp", "15550002222", "US.abc123")
    graph.says(person, "hello")
    return person


@pytest.fixture
def bob(graph: GraphServer) -> Person:
    """Somebody who has just written on Messenger."""
    person = graph.person("messenger", "200000000000001")
    graph.says(person, "hello")
    return person


@pytest.fixture
def cleo(graph: GraphServer) -> Person:
    """Somebody who has just written on Instagram."""
    person = graph.person("instagram", "300000000000001")
    graph.says(person, "hello")
    return person
