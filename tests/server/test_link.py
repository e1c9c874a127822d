"""A connector is opened and polled as long as that may help; what it does is told, and the others are left alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from messaging import URL, Bot, section
from platform_fakes import Opened

from assistant.errors import RateLimited, TransientError
from assistant.server.link import LONGEST, wait_seconds
from assistant.testing.memory_platform import body, event

OpenBot = Callable[..., Bot]


def until(bot: Bot, name: str, begins: str) -> Any:
    while not (said := bot.client.get("/ready").json())["connectors"][name].startswith(begins):
        pass
    return said


def test_a_connector_that_polls_fetches_and_answers(open_bot: OpenBot) -> None:
    bot = open_bot(memory=section(polls=True))
    until(bot, "memory", "polling")

    bot.platform.queue(body(event("1", "How often is the pump oiled?")))

    assert [True] == ["every 200 hours" in text for text in bot.answers(1)]
    assert 0 == bot.platform.pending()


def test_what_the_public_url_is_and_how_each_connector_gets_its_messages(open_bot: OpenBot) -> None:
    bot = open_bot(
        server={"public_url": "https://bot.example/assistant/"},
        hooked=section("platform_fakes:Opened"),
        polled=section(polls=True),
    )
    expected = {"hooked": "webhook", "polled": "polling"}
    while bot.client.get("/ready").json()["connectors"] != expected:
        pass
    hooked = bot.connector("hooked")
    assert isinstance(hooked, Opened)
    assert ["https://bot.example/assistant/webhooks/hooked"] * 2 == hooked.urls  # the first attempt failed


def test_a_connector_is_closed_at_the_end(bot_app: Callable[..., Any]) -> None:
    with TestClient(bot_app(memory=section("platform_fakes:Opened")), base_url=URL) as client:
        bot = Bot(client)
        until(bot, "memory", "ready")
        connector = bot.connector()
    assert isinstance(connector, Opened)
    assert ([None, None], True) == (connector.urls, connector.closed)


def test_a_connector_that_is_refused_says_why_and_takes_nothing_with_it(
    open_bot: OpenBot, caplog: pytest.LogCaptureFixture
) -> None:
    bot = open_bot(bad=section("platform_fakes:Refused"), good=section())

    said = until(bot, "bad", "failed")

    assert "failed: the token is not valid: get another one from @BotFather" == said["connectors"]["bad"]
    assert "connectors.bad stopped: the token is not valid" in caplog.text
    assert 200 == bot.client.get("/ready").status_code
    assert 200 == bot.send(body(event("1", "hello")), to="good").status_code


def test_a_connector_is_named_once(open_bot: OpenBot, caplog: pytest.LogCaptureFixture) -> None:
    bot = open_bot(bad=section("platform_fakes:Named"), good=section())

    assert "failed: the token is not valid" == until(bot, "bad", "failed")["connectors"]["bad"]
    assert "connectors.bad stopped: the token is not valid" in caplog.text


def test_a_bot_whose_only_connector_failed_is_not_ready(open_bot: OpenBot) -> None:
    bot = open_bot(memory=section("platform_fakes:Refused"), wait=False)
    said = bot.wait_for("failed")
    assert "@BotFather" in said["connectors"]["memory"]
    assert 503 == bot.client.get("/ready").status_code
    assert 200 == bot.client.get("/health").status_code


def test_a_conflict_ends_the_polling_with_a_clear_line(open_bot: OpenBot, caplog: pytest.LogCaptureFixture) -> None:
    bot = open_bot(memory=section("platform_fakes:Conflicting", polls=True), wait=False)
    said = until(bot, "memory", "failed")
    assert "failed: another process polls this bot: stop one of them" == said["connectors"]["memory"]
    assert 1 == caplog.text.count("another process polls")


def test_polling_survives_a_bug_and_an_outage(open_bot: OpenBot, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        bot = open_bot(memory=section("platform_fakes:Stumbling", polls=True))
        bot.platform.queue(body(event("1", "How often is the pump oiled?")))
        assert 1 == len(bot.answers(1))
    assert "ValueError; the log has the details" in caplog.text
    assert "private question" not in caplog.text


@given(attempt=st.integers(1, 10_000))
def test_waiting_grows_and_has_an_end(attempt: int) -> None:
    assert 0.75 <= wait_seconds(attempt, TransientError("away")) <= 1.25 * LONGEST
    assert 7.0 == wait_seconds(attempt, RateLimited("slow down", retry_after=7.0))
