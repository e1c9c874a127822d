"""The port answers before the engine does, and says how far it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Self

import pytest
from fastapi.testclient import TestClient
from server_fakes import Pages

from assistant.assistant import Assistant
from assistant.errors import EngineUnavailable
from assistant.knowledge import Knowledge
from assistant.server.app import create_app
from assistant.settings import Settings
from assistant.testing.echo import EchoChat

ASKED = {"messages": [{"role": "user", "content": "How often is the pump oiled?"}]}
URL = "http://127.0.0.1:8000"


class Starting(Assistant):
    """Starts as `begin` does."""

    begin: Callable[[], Any]

    async def astart(self) -> Self:
        await asyncio.to_thread(self.begin)
        return self


def client_of(settings: Settings, begin: Callable[[], Any], **parts: Any) -> TestClient:
    assistant = Starting(EchoChat(), parts.pop("retriever", Pages(passages=[])), settings=settings, **parts)
    assistant.begin = begin
    return TestClient(create_app(settings, assistant=assistant), base_url=URL)


def until(client: TestClient, status: str) -> Any:
    while (body := client.get("/ready").json())["status"] != status:
        pass
    return body


def test_until_the_engine_is_ready_questions_are_put_off(settings: Settings) -> None:
    go = threading.Event()
    with client_of(settings, go.wait) as client:
        assert (503, 503) == (client.get("/ready").status_code, client.get("/ping").status_code)
        assert "starting" == client.get("/ready").json()["parts"]["engine"]
        for path, body in (("/v1/chat/completions", ASKED), ("/invocations", {"question": "a"})):
            response = client.post(path, json=body)
            assert (503, "10") == (response.status_code, response.headers["retry-after"])
            assert "engine_unavailable" == response.json()["error"]["code"]
        assert (200, 200, 200) == tuple(client.get(path).status_code for path in ("/health", "/", "/v1/models"))
        go.set()
        assert {"knowledge": "ready", "engine": "ready", "inbox": "ready"} == until(client, "ready")["parts"]
        assert 200 == client.post("/v1/chat/completions", json=ASKED).status_code


def test_the_knowledge_is_usable_before_the_engine_is(settings: Settings, knowledge: Knowledge) -> None:
    go = threading.Event()
    with client_of(settings, go.wait, retriever=knowledge.as_retriever(), knowledge=knowledge) as client:
        while client.get("/ready").json()["parts"]["knowledge"] != "ready":
            pass
        assert 200 == client.get("/v1/knowledge/documents").status_code
        go.set()


def test_an_engine_that_cannot_start_says_why(settings: Settings) -> None:
    def fail() -> None:
        raise EngineUnavailable("12 GiB are needed, 3 are free")

    with client_of(settings, fail) as client:
        body = until(client, "failed")
        assert "failed: 12 GiB are needed, 3 are free" == body["parts"]["engine"]
        assert "12 GiB" in client.post("/v1/chat/completions", json=ASKED).json()["error"]["message"]


def test_an_unexpected_failure_is_kept_for_the_log(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("token hunter2")

    with client_of(settings, fail) as client:
        assert "failed: RuntimeError; the log has the details" == until(client, "failed")["parts"]["engine"]
    assert "hunter2" in caplog.text


def test_an_assistant_that_was_given_stays_open(settings: Settings, knowledge: Knowledge) -> None:
    with client_of(settings, lambda: None, retriever=knowledge.as_retriever(), knowledge=knowledge) as client:
        until(client, "ready")
    assert [] == knowledge.documents()


def test_an_assistant_opened_here_is_closed_here(settings: Settings) -> None:
    engine = {"kind": "assistant.testing.echo:EchoChat"}
    chat = {"grounding": "off"}
    opened = Settings.model_validate({**settings.model_dump(), "engine": engine, "chat": chat})
    for _ in range(2):  # the second finds the folder free again
        with TestClient(create_app(opened), base_url=URL) as client:
            until(client, "ready")
            assert 200 == client.post("/v1/chat/completions", json=ASKED).status_code


def test_stopping_while_it_starts_closes_it_too(settings: Settings) -> None:
    opened = Settings.model_validate({**settings.model_dump(), "engine": {"kind": "assistant.testing.echo:EchoChat"}})
    for _ in range(2):
        with TestClient(create_app(opened), base_url=URL) as client:
            assert 200 == client.get("/health").status_code


def test_a_second_app_on_the_same_inbox_says_who_has_it_and_answers_nothing_from_it(settings: Settings) -> None:
    with client_of(settings, lambda: None) as first, client_of(settings, lambda: None) as second:
        until(first, "ready")
        body = until(second, "failed")
        assert "in use by process" in body["parts"]["inbox"]
        assert 503 == second.get("/ready").status_code
        assert 200 == second.post("/v1/chat/completions", json=ASKED).status_code
        assert 200 == first.get("/ready").status_code
