"""What a platform sends is proven, recorded and only then acknowledged; whatever is not is told nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from messaging import MEMORY, URL, Bot, section
from platform_fakes import SECRET

from assistant.testing.memory_platform import body, event, signed

OpenBot = Callable[..., Bot]


def test_a_message_is_acknowledged_and_answered(open_bot: OpenBot) -> None:
    bot = open_bot()

    response = bot.post(event("1", "How often is the pump oiled?"))

    assert (200, b"") == (response.status_code, response.content)
    assert [True] == ["every 200 hours" in text for text in bot.answers(1)]


def test_a_message_that_is_sent_again_is_answered_once(open_bot: OpenBot) -> None:
    bot = open_bot()

    again = [bot.post(event("1", "How often is the pump oiled?")) for _ in range(3)]
    bot.post(event("2", "Which oil?"))

    assert [200, 200, 200] == [response.status_code for response in again]
    assert 2 == len(bot.answers(2))
    assert 2 == len(bot.client.get("/v1/inbox").json()["turns"])


def test_many_events_of_one_request_are_answered_in_order(open_bot: OpenBot) -> None:
    bot = open_bot(grounding="off")

    bot.post(*(event(str(number), f"say number{number}") for number in range(5)))

    assert [True] * 5 == [f"number{number}" in text for number, text in enumerate(bot.answers(5))]


@pytest.mark.parametrize("kind", [MEMORY, "platform_fakes:BadParse"])
@pytest.mark.parametrize("headers", [{}, {"X-Memory-Signature": ""}, {"X-Memory-Signature": "sha256=00"}])
def test_what_is_not_proven_is_not_read_and_told_nothing(
    open_bot: OpenBot, kind: str, headers: Mapping[str, str]
) -> None:
    bot = open_bot(memory=section(kind))

    response = bot.client.post("/webhooks/memory", content=body(event("1", "hello")), headers=headers)

    assert (401, b"") == (response.status_code, response.content)
    assert "www-authenticate" not in response.headers
    assert [] == bot.client.get("/v1/inbox").json()["turns"]


@pytest.mark.parametrize("name", ["telegram", "web", "MEMORY", "memory/", "memory/x", ""])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connector_without_a_section_does_not_exist(open_bot: OpenBot, method: str, name: str) -> None:
    webhook = signed(body(event("1", "hello")), SECRET)

    response = open_bot().client.request(
        method, f"/webhooks/{name}", content=webhook.body, headers=dict(webhook.headers), follow_redirects=False
    )

    assert response.status_code in (404, 307)


def test_a_platform_proves_the_url_by_a_get_request(open_bot: OpenBot) -> None:
    client = open_bot(memory=section("platform_fakes:Handshaking")).client

    known = client.get("/webhooks/memory", params={"hub.verify_token": SECRET, "hub.challenge": "<b>42</b>"})
    unknown = client.get("/webhooks/memory", params={"hub.verify_token": "guess", "hub.challenge": "42"})
    broken = client.get("/webhooks/memory", params={"hub.verify_token": SECRET})

    assert (200, "<b>42</b>") == (known.status_code, known.text)
    assert known.headers["content-type"].startswith("text/plain")
    assert [(401, ""), (401, "")] == [(each.status_code, each.text) for each in (unknown, broken)]


def test_a_platform_without_a_handshake_is_only_posted_to(open_bot: OpenBot) -> None:
    response = open_bot().client.get("/webhooks/memory")
    assert (405, "POST", b"") == (response.status_code, response.headers["allow"], response.content)


@pytest.mark.parametrize("content", [b"", b"not JSON", b"[]", b"{}", b"\xff\xfe", b"{" * 100_000])
def test_a_proven_body_that_is_not_of_the_platform_is_a_bad_request(open_bot: OpenBot, content: bytes) -> None:
    response = open_bot().send(content)
    assert (400, b"") == (response.status_code, response.content)


def test_a_request_without_events_is_acknowledged(open_bot: OpenBot) -> None:
    assert 200 == open_bot().post().status_code


@pytest.mark.parametrize(("kind", "status"), [("platform_fakes:BadParse", 500), ("platform_fakes:BadVerify", 401)])
def test_a_bug_of_a_connector_is_not_acknowledged_and_its_log_holds_no_message(
    open_bot: OpenBot, caplog: pytest.LogCaptureFixture, kind: str, status: int
) -> None:
    bot = open_bot(memory=section(kind))

    with caplog.at_level(logging.DEBUG):
        response = bot.post(event("1", "my private question"))

    assert (status, b"") == (response.status_code, response.content)
    assert "platform_fakes.py" in caplog.text
    assert "private" not in caplog.text


def test_nothing_is_acknowledged_before_the_inbox_is_open(bot_app: Callable[..., FastAPI]) -> None:
    client = TestClient(bot_app(), base_url=URL)  # not entered: nothing is started

    responses = [_post(client, SECRET), _post(client, "another secret")]

    assert [503, 401] == [response.status_code for response in responses]
    assert 1 <= int(responses[0].headers["retry-after"]) <= 10
    assert b"" == responses[0].content


def test_nothing_is_acknowledged_once_the_server_stops(bot_app: Callable[..., FastAPI]) -> None:
    app = bot_app()
    with TestClient(app, base_url=URL) as client:
        Bot(client).wait_for("ready")
    assert 503 == _post(TestClient(app, base_url=URL), SECRET).status_code


def test_messages_are_taken_in_while_the_engine_is_still_loading(open_bot: OpenBot) -> None:
    go = threading.Event()
    bot = open_bot(start=go.wait, wait=False)
    while bot.client.get("/ready").json()["parts"]["inbox"] != "ready":
        pass

    status = bot.post(event("1", "How often is the pump oiled?")).status_code
    before = bot.client.get("/ready")
    go.set()

    assert (200, 503, "starting") == (status, before.status_code, before.json()["parts"]["engine"])
    assert [True] == ["every 200 hours" in text for text in bot.answers(1)]


@pytest.mark.parametrize("host", ["bot.example", "abc.tunnel.example:443", "127.0.0.1:8000"])
@pytest.mark.parametrize("server", [{}, {"api_keys": ["k"]}, {"public_url": "https://bot.example/"}])
def test_a_platform_needs_no_key_and_no_name_that_is_known(
    open_bot: OpenBot, server: Mapping[str, Any], host: str
) -> None:
    bot = open_bot(server=server)
    bot.client.headers["Host"] = host
    assert 200 == bot.post(event("1", "hello")).status_code


@pytest.mark.parametrize("path", ["/webhooks/v1/models", "/webhooks/ready", "/webhooks/chat/history", "/ready"])
def test_a_root_path_named_like_the_webhooks_opens_nothing_else(bot_app: Callable[..., FastAPI], path: str) -> None:
    client = TestClient(bot_app(), base_url=URL, root_path="/webhooks")
    assert 403 == client.get(path, headers={"Host": "evil.example"}).status_code


def test_a_body_that_is_too_large_is_refused(open_bot: OpenBot) -> None:
    bot = open_bot(server={"max_body_mib": 0.1})
    assert 200 == bot.post(event("1", "x" * 80_000)).status_code
    assert 413 == bot.post(event("2", "x" * 120_000)).status_code


def test_of_two_signatures_none_is_believed(open_bot: OpenBot) -> None:
    bot = open_bot()
    webhook = signed(body(event("1", "hello")), SECRET)
    [(name, right)] = webhook.headers.items()
    for pair in ((right, "0" * 64), ("0" * 64, right), (right, right)):
        assert (
            401
            == bot.client.post(
                "/webhooks/memory", content=webhook.body, headers=[(name, each) for each in pair]
            ).status_code
        )


def test_requests_without_an_event_that_is_known_are_counted(open_bot: OpenBot) -> None:
    bot = open_bot()
    assert [200, 200, 400] == [
        bot.send(content).status_code for content in (body(), body(event("1", "hello")), b"no JSON")
    ]
    assert 'assistant_webhooks_ignored_total{connector="memory"} 1.0' in bot.client.get("/metrics").text


def test_requests_are_counted_by_route(open_bot: OpenBot) -> None:
    bot = open_bot()
    bot.post(event("1", "hello"))
    bot.client.get("/webhooks/secret-name")

    lines = bot.client.get("/metrics").text

    assert 'assistant_http_requests_total{method="POST",route="/webhooks/{connector}",status="200"} 1.0' in lines
    assert "secret-name" not in lines


def _post(client: TestClient, secret: str) -> Response:
    webhook = signed(body(event("1", "hello")), secret)
    return client.post("/webhooks/memory", content=webhook.body, headers=dict(webhook.headers))
