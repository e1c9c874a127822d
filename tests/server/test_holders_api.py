"""Who answers in a conversation, seen and changed over HTTP; and what becomes of messages meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from messaging import Bot, section
from people_fakes import Read

from assistant.testing.memory_platform import event

OpenBot = Callable[..., Bot]
HOLDERS = "/v1/inbox/holders"
SEVEN = "memory:bot:7"


def staffed(open_bot: OpenBot) -> Bot:
    return open_bot(memory=section("people_fakes:Staffed"))


def held(bot: Bot) -> list[str]:
    return [each["conversation"] for each in bot.client.get(HOLDERS).json()["holders"]]


def test_nobody_holds_anything_at_first(open_bot: OpenBot) -> None:
    assert {"holders": []} == open_bot().client.get(HOLDERS).json()


def test_what_a_person_has_to_answer_is_not_shown_as_read(open_bot: OpenBot) -> None:
    bot = open_bot(memory=section("people_fakes:Read"))
    connector = bot.connector()
    assert isinstance(connector, Read)
    bot.client.post(HOLDERS, json={"conversation": SEVEN})
    bot.post(event("1", "held"), event("2", "free", chat="8"), event("3", "", kind="status", chat="8"))
    while "2" not in connector.read:
        pass
    bot.client.delete(f"{HOLDERS}/{SEVEN}")
    bot.post(event("4", "released"))
    while "4" not in connector.read:
        pass

    assert ["2", "3", "4"] == connector.read


def test_a_conversation_is_silent_while_a_person_has_it(open_bot: OpenBot) -> None:
    bot = staffed(open_bot)
    taken = bot.client.post(HOLDERS, json={"conversation": SEVEN})
    bot.post(event("1", "How often is the pump oiled?"))
    shown = bot.wait_until("memory:bot:1", "answered")

    assert (201, {"conversation": SEVEN, "holder": "person"}) == (taken.status_code, taken.json())
    (who,) = bot.client.get(HOLDERS).json()["holders"]
    assert {"conversation", "holder", "since", "until"} == set(who)
    assert (SEVEN, "person", True) == (who["conversation"], who["holder"], who["until"] > who["since"])
    assert ([], "person") == (shown["parts"], shown["details"]["held_by"])

    assert {"conversation": SEVEN, "released": True} == bot.client.delete(f"{HOLDERS}/{SEVEN}").json()
    bot.post(event("2", "How often is the pump oiled?"))
    assert ["every 200 hours" in text for text in bot.answers(1)] == [True]


def test_a_conversation_is_released_however_a_client_escapes_it(open_bot: OpenBot) -> None:
    bot = staffed(open_bot)
    for name in (SEVEN, "memory:bot:a%3Ab", "memory:bot:7:p 1", "memory:bot:100%25"):
        for spelt in (quote(name, safe=""), quote(name)):
            assert 201 == bot.client.post(HOLDERS, json={"conversation": name}).status_code
            assert [name] == held(bot)
            assert name == bot.client.delete(f"{HOLDERS}/{spelt}").json()["conversation"]
            assert [] == held(bot)


def test_a_conversation_that_nobody_has_cannot_be_released(open_bot: OpenBot) -> None:
    response = open_bot().client.delete(f"{HOLDERS}/{SEVEN}")
    error = response.json()["error"]

    assert (404, "conversation_not_found", "conversation") == (response.status_code, error["code"], error["param"])
    assert f"{SEVEN!r} is held by nobody" in error["message"]


@pytest.mark.parametrize("name", ["telegram:1:2", "memory", "memory:bot", "memory::7", "memory:bot:7:1:2"])
def test_what_is_no_conversation_here_cannot_be_held(open_bot: OpenBot, name: str) -> None:
    bot = open_bot()
    response = bot.client.post(HOLDERS, json={"conversation": name})

    assert (404, "conversation_not_found") == (response.status_code, response.json()["error"]["code"])
    assert [] == held(bot)


@pytest.mark.parametrize("sent", [{}, {"conversation": ""}, {"conversation": SEVEN, "holder": "bot"}])
def test_a_request_that_cannot_be_is_named(open_bot: OpenBot, sent: dict[str, str]) -> None:
    response = open_bot().client.post(HOLDERS, json=sent)
    assert (400, True) == (response.status_code, response.json()["error"]["param"] in ("conversation", "holder"))


def test_operators_need_the_key(open_bot: OpenBot) -> None:
    client = open_bot(server={"api_keys": ["k"]}, wait=False).client
    for method, url in (("GET", HOLDERS), ("POST", HOLDERS), ("DELETE", f"{HOLDERS}/{SEVEN}")):
        assert 401 == client.request(method, url).status_code
