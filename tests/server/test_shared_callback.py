"""Connectors whose platform sends the events of all of them to one URL."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from messaging import Bot, section
from platform_fakes import SECRET

from assistant.testing.memory_platform import body, event, signed

OpenBot = Callable[..., Bot]
SHARED = "platform_fakes:Shared"
OTHER = "another-secret"


def two(open_bot: OpenBot, kind: str = SHARED, **more: Any) -> Bot:
    """The connectors `one` and `two` with one callback, and `alone` with its own."""
    return open_bot(one=section(SHARED), two=section(kind, **more), alone=section())


def conversations(bot: Bot) -> set[str]:
    return {turn["conversation"] for turn in bot.client.get("/v1/inbox").json()["turns"]}


@pytest.mark.parametrize("to", ["one", "two"])
def test_each_takes_its_own_events_whoever_was_called(open_bot: OpenBot, to: str) -> None:
    bot = two(open_bot)
    events = body(event("1", "hello", chat="one-7"), event("2", "hello", chat="two-7"), event("3", "hi", chat="alone"))

    assert 200 == bot.send(events, to=to).status_code
    assert {"one:bot:one-7", "two:bot:two-7"} == conversations(bot)


def test_what_is_sent_to_two_urls_is_answered_once(open_bot: OpenBot) -> None:
    bot = two(open_bot)
    content = body(event("1", "hello", chat="one-7"))

    assert [200, 200] == [bot.send(content, to=to).status_code for to in ("one", "two")]
    assert 1 == len(bot.client.get("/v1/inbox").json()["turns"])


def test_a_connector_without_that_callback_gets_nothing_and_gives_nothing(open_bot: OpenBot) -> None:
    bot = two(open_bot)

    assert 200 == bot.send(body(event("1", "hello", chat="one-7")), to="alone").status_code
    assert {"alone:bot:one-7"} == conversations(bot)


def test_whoever_does_not_know_the_secret_reads_nothing(open_bot: OpenBot) -> None:
    bot = two(open_bot, secret=OTHER)
    events = body(event("1", "hello", chat="one-7"), event("2", "hello", chat="two-7"))

    assert 200 == bot.send(events, to="two").status_code  # proven by `one`
    assert {"one:bot:one-7"} == conversations(bot)


def test_what_none_of_them_can_prove_is_refused_by_all(open_bot: OpenBot) -> None:
    bot = two(open_bot)
    webhook = signed(body(event("1", "hello", chat="one-7")), "guessed")
    response = bot.client.post("/webhooks/one", content=webhook.body, headers=dict(webhook.headers))

    assert (401, b"", set()) == (response.status_code, response.content, conversations(bot))


def test_the_bug_of_one_loses_nothing_of_the_other_and_has_it_all_sent_again(
    open_bot: OpenBot, caplog: pytest.LogCaptureFixture
) -> None:
    bot = two(open_bot, "platform_fakes:SharedBadParse")
    with caplog.at_level(logging.DEBUG):
        response = bot.send(body(event("1", "my private question", chat="one-7")), to="two")

    assert (500, b"", {"one:bot:one-7"}) == (response.status_code, response.content, conversations(bot))
    assert "private" not in caplog.text


def test_what_one_understands_is_acknowledged_although_another_does_not(open_bot: OpenBot) -> None:
    bot = two(open_bot, "platform_fakes:SharedUnread")

    assert 200 == bot.send(body(event("1", "hello", chat="one-7")), to="two").status_code
    assert {"one:bot:one-7"} == conversations(bot)


def test_what_nobody_understands_is_a_bad_request(open_bot: OpenBot) -> None:
    assert 400 == two(open_bot).send(b"not JSON", to="one").status_code


def test_the_url_is_proven_by_whichever_knows_the_token(open_bot: OpenBot) -> None:
    bot = two(open_bot, "platform_fakes:OtherToken")
    asked = {
        token: [
            bot.client.get(f"/webhooks/{to}", params={"hub.verify_token": token, "hub.challenge": "42"})
            for to in ("one", "two")
        ]
        for token in (SECRET, OTHER, "guessed")
    }

    assert {SECRET: [(200, "42")] * 2, OTHER: [(200, "second: 42")] * 2, "guessed": [(401, "")] * 2} == {
        token: [(each.status_code, each.text) for each in responses] for token, responses in asked.items()
    }


def test_one_reason_of_many_connectors_is_one_line(open_bot: OpenBot, caplog: pytest.LogCaptureFixture) -> None:
    bot = two(open_bot)
    webhook = signed(body(event("1", "hello", chat="one-7")), "guessed")
    with caplog.at_level(logging.INFO, logger="assistant.server.webhooks"):
        bot.client.post("/webhooks/two", content=webhook.body, headers=dict(webhook.headers))
        bot.client.get("/webhooks/two", params={"hub.verify_token": "guessed", "hub.challenge": "42"})
    lines = [record.getMessage() for record in caplog.records if record.name == "assistant.server.webhooks"]

    assert ["webhook two: refused: ", "webhook two: handshake refused: "] == [
        line[: line.index("refused: ") + 9] for line in lines
    ]
    assert lines[1].endswith("the verify token is wrong (two, one)")
    assert lines[0].endswith(" (two, one)")


def test_the_connector_of_the_path_is_asked_first(open_bot: OpenBot) -> None:
    bot = two(open_bot, "platform_fakes:AnyToken")
    asked = {"hub.verify_token": SECRET, "hub.challenge": "42"}

    assert ["42", "any: 42"] == [bot.client.get(f"/webhooks/{to}", params=asked).text for to in ("one", "two")]
