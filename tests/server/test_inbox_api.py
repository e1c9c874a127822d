"""What operators see and do over HTTP; the command line shows the same."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from messaging import Bot, section

from assistant.testing.memory_platform import event

OpenBot = Callable[..., Bot]
KEYS = {"id", "connector", "conversation", "text", "state", "attempts", "received_at", "error"}


def dead(bot: Bot, id: str = "1", *, chat: str = "7") -> str:
    """The turn of a message whose answer the platform refuses."""
    bot.platform.fail("blocked", times=50)  # previews of the answer are refused too
    bot.post(event(id, "How often is the pump oiled?", chat=chat))
    escaped = id.replace("%", "%25").replace(":", "%3A")
    turn = str(bot.wait_until(quote(f"memory:bot:{escaped}"), "dead")["id"])
    bot.platform.heal()
    return turn


def test_turns_are_listed_newest_first(open_bot: OpenBot) -> None:
    bot = open_bot()
    for number in range(3):
        bot.post(event(str(number), f"question {number}"))
        bot.answers(number + 1)

    turns = bot.client.get("/v1/inbox").json()["turns"]

    assert ["question 2", "question 1", "question 0"] == [turn["text"] for turn in turns]
    assert [KEYS] * 3 == [set(turn) for turn in turns]
    assert ("memory", "memory:bot:7", "memory:bot:2") == (
        turns[0]["connector"],
        turns[0]["conversation"],
        turns[0]["id"],
    )
    assert 1 == len(bot.client.get("/v1/inbox", params={"limit": 1}).json()["turns"])


def test_turns_are_listed_by_state(open_bot: OpenBot) -> None:
    bot = open_bot()
    id = dead(bot)
    assert [id] == [turn["id"] for turn in bot.client.get("/v1/inbox?state=dead").json()["turns"]]
    assert [] == bot.client.get("/v1/inbox?state=parked").json()["turns"]


@pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=x", "limit=1001"])
def test_a_wrong_state_or_limit_is_named(open_bot: OpenBot, query: str) -> None:
    response = open_bot().client.get(f"/v1/inbox?{query}")
    error = response.json()["error"]
    assert (400, query.partition("=")[0]) == (response.status_code, error["param"])
    if error["param"] == "state":
        for state in ("queued", "running", "answered", "parked", "dead"):
            assert f"'{state}'" in error["message"]


def test_an_id_is_found_however_a_client_escapes_it(open_bot: OpenBot) -> None:
    bot = open_bot()
    for id in ("1", "a:b", "100%", "chat/12", "ü 1"):
        turn = dead(bot, id, chat=id)
        for spelt in (quote(turn), quote(turn, safe=""), turn):
            assert turn == bot.client.get(f"/v1/inbox/{spelt}").json().get("id")
        assert {"id": turn} == bot.client.post(f"/v1/inbox/{turn}/retry").json()


def test_a_turn_is_shown_with_its_messages_and_receipts(open_bot: OpenBot) -> None:
    bot = open_bot()
    bot.post(event("1", "How often is the pump oiled?"))

    shown = bot.wait_until("memory:bot:1", "answered")

    assert KEYS < set(shown)
    assert ["How often is the pump oiled?"] == [message["text"] for message in shown["messages"]]
    assert [("sent", ["m1"])] == [(part["state"], part["ids"]) for part in shown["parts"]]
    assert "yes" == shown["details"]["answer"]["grounded"]


def test_a_dead_letter_is_tried_again_and_its_answer_arrives(open_bot: OpenBot) -> None:
    bot = open_bot()
    id = dead(bot)

    assert {"id": id} == bot.client.post(f"/v1/inbox/{id}/retry").json()

    assert 1 == len(bot.answers(1))
    bot.wait_until(id, "answered")


def test_what_is_dropped_is_not_answered_when_it_comes_again(open_bot: OpenBot) -> None:
    bot = open_bot()
    id = dead(bot)

    response = bot.client.delete(f"/v1/inbox/{id}")
    bot.post(event("1", "How often is the pump oiled?"))
    bot.post(event("2", "And then?"))

    assert {"id": id, "deleted": True} == response.json()
    assert 1 == len(bot.answers(1))
    assert ["memory:bot:2"] == [turn["id"] for turn in bot.client.get("/v1/inbox").json()["turns"]]


def test_only_what_waits_for_a_person_can_be_tried_again(open_bot: OpenBot) -> None:
    bot = open_bot()
    bot.post(event("1", "How often is the pump oiled?"))
    bot.wait_until("memory:bot:1", "answered")

    response = bot.client.post("/v1/inbox/memory:bot:1/retry")

    assert (409, "turn_is_answered") == (response.status_code, response.json()["error"]["code"])


@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/retry"), ("DELETE", "")])
def test_a_turn_that_does_not_exist_is_not_found(open_bot: OpenBot, method: str, end: str) -> None:
    response = open_bot().client.request(method, f"/v1/inbox/memory:bot:nothing{end}")
    assert (404, "turn_not_found") == (response.status_code, response.json()["error"]["code"])
    assert "memory:bot:nothing" in response.json()["error"]["message"]


def test_a_longer_id_is_another_turn(open_bot: OpenBot) -> None:
    bot = open_bot()
    id = dead(bot)
    for method in ("GET", "DELETE"):
        assert 404 == bot.client.request(method, f"/v1/inbox/{id}/retry").status_code
    assert "dead" == bot.client.get(f"/v1/inbox/{id}").json()["state"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/memory:bot:1"), ("POST", "/memory:bot:1/retry"), ("DELETE", "/memory:bot:1")],
)
def test_the_inbox_needs_an_api_key(bot_app: Callable[..., object], method: str, path: str) -> None:
    client = TestClient(bot_app(server={"api_keys": ["k"]}), base_url="http://127.0.0.1:8000")  # type: ignore[arg-type]
    assert 401 == client.request(method, f"/v1/inbox{path}").status_code


def test_the_inbox_can_be_looked_at_before_it_is_open(bot_app: Callable[..., object]) -> None:
    client = TestClient(bot_app(memory=section()), base_url="http://127.0.0.1:8000")  # type: ignore[arg-type]
    assert {"turns": []} == client.get("/v1/inbox").json()


def test_the_inbox_is_counted_in_the_metrics(open_bot: OpenBot) -> None:
    bot = open_bot()
    dead(bot)
    names = {line.split("{")[0].split(" ")[0] for line in bot.client.get("/metrics").text.splitlines()}
    assert {name for name in names if name.startswith("assistant_inbox_")}
