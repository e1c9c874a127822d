from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import pytest
import uvicorn
from blockbuster import blockbuster_ctx
from fastapi import FastAPI
from fastapi.testclient import TestClient
from langchain_core.language_models import BaseChatModel
from messaging import URL, Bot, section
from server_fakes import MANUAL, Pages, WordEmbeddings

from assistant.assistant import Assistant
from assistant.knowledge import Knowledge
from assistant.knowledge.embed import Embedder
from assistant.knowledge.passages import Passage
from assistant.server.app import create_app
from assistant.settings import Settings
from assistant.testing.echo import EchoChat


@pytest.fixture(autouse=True)
def no_blocking_call_on_an_event_loop() -> Iterator[None]:
    with blockbuster_ctx("assistant"):
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")


@pytest.fixture
def knowledge(settings: Settings) -> Iterator[Knowledge]:
    """Real and empty, with an embedding that compares words."""
    embedder = Embedder(
        embeddings=WordEmbeddings(),
        name="words",
        dimension=256,
        normalised=True,
        max_tokens=256,
        count=lambda text: len(text.split()),
        floor=0.0,
    )
    with Knowledge(settings, embedder=embedder) as opened:
        yield opened


Open = Callable[..., TestClient]


@pytest.fixture
def open_app(settings: Settings) -> Iterator[Open]:
    """A client of an app whose assistant is `model` over one passage, once it is ready."""
    opened: list[TestClient] = []

    def open(
        model: BaseChatModel | None = None,
        *,
        knowledge: Knowledge | None = None,
        passages: tuple[Passage, ...] = (MANUAL,),
        grounding: str = "strict",
        **server: Any,
    ) -> TestClient:
        given = {**settings.model_dump(), "server": server, "chat": {"grounding": grounding}}
        changed = Settings.model_validate(given)
        retriever = knowledge.as_retriever() if knowledge else Pages(passages=list(passages))
        assistant = Assistant(model or EchoChat(), retriever, settings=changed, knowledge=knowledge)
        app = create_app(changed, assistant=assistant)
        client = TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
        opened.append(client.__enter__())
        while client.get("/ready").status_code != 200:
            pass
        return client

    yield open
    for client in opened:
        client.__exit__(None, None, None)


class Starting(Assistant):
    """Starts as `begin` does."""

    begin: Callable[[], Any]

    async def astart(self) -> Self:
        await asyncio.to_thread(self.begin)
        return self


@pytest.fixture
def bot_app(settings: Settings) -> Callable[..., FastAPI]:
    """An app with the platform in memory; connectors by name, other sections as keywords."""

    def bot_app(
        model: BaseChatModel | None = None,
        *,
        start: Callable[[], Any] = lambda: None,
        grounding: str = "strict",
        server: Mapping[str, Any] = MappingProxyType({}),
        inbox: Mapping[str, Any] = MappingProxyType({}),
        **connectors: Mapping[str, Any],
    ) -> FastAPI:
        sections = {"server": server, "inbox": inbox, "chat": {"grounding": grounding}}
        given = {**settings.model_dump(), **sections, "connectors": connectors or {"memory": section()}}
        changed = Settings.model_validate(given)
        assistant = Starting(model or EchoChat(), Pages(passages=[MANUAL]), settings=changed)
        assistant.begin = start
        return create_app(changed, assistant=assistant)

    return bot_app


@pytest.fixture
def open_bot(bot_app: Callable[..., FastAPI]) -> Iterator[Callable[..., Bot]]:
    """A bot that runs, once it is ready."""
    with ExitStack() as stack:

        def open(model: BaseChatModel | None = None, *, wait: bool = True, **given: Any) -> Bot:
            client = TestClient(bot_app(model, **given), base_url=URL, raise_server_exceptions=False)
            bot = Bot(stack.enter_context(client))
            if wait:
                bot.wait_for("ready")
            return bot

        yield open


@pytest.fixture
def client(open_app: Open) -> TestClient:
    return open_app()


@pytest.fixture
def serve(settings: Settings) -> Callable[..., AbstractAsyncContextManager[str]]:
    """A real server on a free port of this machine; gives its URL."""

    @asynccontextmanager
    async def serve(
        model: BaseChatModel | None = None,
        *,
        passages: tuple[Passage, ...] = (MANUAL,),
        grounding: str = "strict",
        **server: Any,
    ) -> AsyncIterator[str]:
        given = {**settings.model_dump(), "server": server, "chat": {"grounding": grounding}}
        changed = Settings.model_validate(given)
        assistant = Assistant(model or EchoChat(), Pages(passages=list(passages)), settings=changed)
        async with running(await asyncio.to_thread(create_app, changed, assistant=assistant)) as url:
            yield url

    return serve


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    while not (server.started and app.state.parts.startup.status != "starting"):
        await asyncio.sleep(0.01)
        if task.done():
            task.result()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
