"""The chat page's API: sessions, messages recorded once, answers resumed, and what a visitor may see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from chat_site import site
from fastapi.testclient import TestClient
from memory_inbox import Records
from server_fakes import MANUAL, Saying

from assistant.errors import TransientError
from assistant.knowledge import Knowledge
from assistant.server.web import READS, SESSION_WATCHED, WebChat, address_of

ID = "m" * 16
OTHER = "n" * 16
THIRD = "t" * 16
QUESTION = "How often is the pump oiled?"
Open = Callable[..., TestClient]


@pytest.fixture
def records() -> Records:
    return {}


@pytest.fixture
def chat(tmp_path: Path, records: Records) -> Callable[..., AbstractContextManager[TestClient]]:
    @contextmanager
    def chat(model: Any = None, **changes: Any) -> Iterator[TestClient]:
        given = {"passages": (MANUAL,), "records": records, **changes}
        with TestClient(site(tmp_path, model, **given), base_url="http://127.0.0.1:8000") as client:
            while client.get("/ready").status_code != 200:
                pass
            yield client

    return chat


Chat = Callable[..., AbstractContextManager[TestClient]]


def begin(client: TestClient) -> TestClient:
    client.headers["Chat-Session"] = client.post("/chat/session").json()["session"]
    return client


def say(client: TestClient, text: str = QUESTION, id: str = ID) -> Any:
    return client.post("/chat/messages", json={"id": id, "text": text})


def watch(client: TestClient, id: str = ID, last: str = "") -> list[tuple[str, dict[str, Any], str]]:
    """The events (name, data, id) until the answer."""
    response = client.get("/chat/events", params={"id": id}, headers={"Last-Event-ID": last} if last else {})
    assert 200 == response.status_code, response.text
    found = []
    for block in response.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"]), fields["id"]))
    return found


def test_a_message_is_answered_with_citations_that_name_no_path(chat: Chat) -> None:
    with chat() as client:
        assert 202 == say(begin(client)).status_code
        *_, (name, answer, _id) = watch(client)
    assert "answer" == name
    assert "The pump is oiled every 200 hours of operation. [1]" == answer["text"]
    assert "yes" == answer["grounded"]
    assert [(1, "Pump manual", 3, None)] == [
        (c["number"], c["title"], c["page"], c["url"]) for c in answer["citations"]
    ]
    assert "/srv" not in json.dumps(answer)


def test_the_same_message_sent_twice_is_answered_once(chat: Chat) -> None:
    model = Saying(text="It is a machine.")
    with chat(model) as client:
        begin(client)
        assert [202, 202] == [say(client).status_code for _ in range(2)]
        watch(client)
        assert 202 == say(client).status_code
        assert "It is a machine." in watch(client)[-1][1]["text"]
    assert 1 == len(model.asked)


def test_a_session_is_needed_to_write_and_read_and_another_one_sees_nothing(chat: Chat) -> None:
    with chat() as client:
        for wrong in ({}, {"Chat-Session": "short"}, {"Chat-Session": "x" * 43 + "!"}):
            assert 400 == client.post("/chat/messages", json={"id": ID, "text": "?"}, headers=wrong).status_code
            assert "unknown_session" == client.get("/chat/history?id=" + ID, headers=wrong).json()["error"]["code"]
        say(begin(client))
        watch(client)
        mine = client.headers["Chat-Session"]
        assert mine != begin(client).headers["Chat-Session"]
        assert [] == client.get("/chat/history", params={"id": ID}).json()["messages"]
        assert [("gone", {}, "gone")] == watch(client)
        assert 404 == client.get("/chat/passage", params={"id": ID, "number": 1}).status_code
        say(client, "Something else?")
        watch(client)
        client.headers["Chat-Session"] = mine
        assert QUESTION == client.get("/chat/history", params={"id": ID}).json()["messages"][0]["text"]


def test_the_history_has_questions_and_answers_in_the_order_asked_for(chat: Chat) -> None:
    with chat() as client:
        begin(client)
        for id, text in ((ID, QUESTION), (OTHER, "And who oils it?")):
            say(client, text, id)
            watch(client, id)
        found = client.get("/chat/history", params={"id": [OTHER, "unknown" * 3, ID]}).json()["messages"]
    assert [(OTHER, "And who oils it?"), (ID, QUESTION)] == [(each["id"], each["text"]) for each in found]
    assert all(each["answer"]["text"] for each in found)


def test_the_passage_of_a_citation_is_shown_and_no_other(chat: Chat, knowledge: Knowledge, tmp_path: Path) -> None:
    text = "The pump is oiled every 200 hours of operation. Use mineral oil only. 🛢 Check the level once a week."
    (tmp_path / "manual.md").write_text(text)
    knowledge.add([tmp_path / "manual.md"])
    with chat(knowledge=knowledge) as client:
        say(begin(client))
        quote = watch(client)[-1][1]["citations"][0]["quote"]
        found = client.get("/chat/passage", params={"id": ID, "number": 1}).json()
        missing = client.get("/chat/passage", params={"id": ID, "number": 2})
    assert text == found["text"]
    assert quote == found["text"][found["start"] : found["end"]]
    assert (404, "not_cited") == (missing.status_code, missing.json()["error"]["code"])


def test_after_a_restart_in_the_middle_the_answer_comes_whole_and_once(chat: Chat, records: Records) -> None:
    with chat(Saying(text="one two three", delay=30)) as client:
        say(begin(client))
        session = client.headers["Chat-Session"]
    assert ["running"] == [record["state"] for record in records.values()]
    with chat(Saying(text="one two three")) as client:
        client.headers["Chat-Session"] = session
        name, answer, _ = watch(client, last="0123456789ab.4")[-1]
    assert ("answer", True) == (name, "one two three" in answer["text"])
    assert ["answered"] == [record["state"] for record in records.values()]


def test_what_cannot_be_answered_ends_as_failed(chat: Chat, records: Records) -> None:
    with chat() as client:
        begin(client)
        say(client)
        watch(client)
        (record,) = records.values()
        record.update(state="dead", error="postgresql://secret", reply=None)
        answer = watch(client)[-1][1]
    assert answer["failed"]
    assert "secret" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"id": "short", "text": "?"}, 400, None),
        ({"id": ID, "text": " "}, 400, "empty_message"),
        ({"id": ID, "text": " \0 \0"}, 400, "empty_message"),
        ({"id": ID, "text": "x" * 8001}, 400, "too_long"),
        ({"id": ID, "text": "x" * 200_000}, 413, "too_long"),
        ({"id": ID}, 400, None),
        ({"id": ID, "text": "?", "address": "web:site:other"}, 400, None),
    ],
)
def test_a_message_that_cannot_be_taken_is_refused(
    chat: Chat, records: Records, body: dict[str, str], status: int, code: str | None
) -> None:
    with chat() as client:
        response = begin(client).post("/chat/messages", json=body)
    assert (status, code) == (response.status_code, response.json()["error"]["code"])
    assert {} == records


def test_a_session_and_an_address_may_write_so_often_a_minute(chat: Chat) -> None:
    with chat(web={"messages_per_minute": 2, "address_messages_per_minute": 5}) as client:
        begin(client)
        assert [202, 202, 429] == [say(client, id=letter * 16).status_code for letter in "abc"]
        begin(client)  # another session, but the address has one call less each time
        response = client.post("/chat/session")
        assert 429 == response.status_code
        assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("public", [False, True])
def test_with_api_keys_visitors_need_one_unless_the_chat_is_public(chat: Chat, public: bool) -> None:
    paths = [
        ("POST", "/chat/session"),
        ("POST", "/chat/messages"),
        ("GET", "/chat/events?id=" + ID),
        ("DELETE", "/chat"),
    ]
    paths += [("GET", "/chat/history?id=" + ID), ("GET", "/chat/passage?number=1&id=" + ID), ("POST", "/chat/stop")]
    with chat(web={"public": public}, api_keys=["s3cret"]) as client:
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}):
            statuses = {client.request(method, path, headers=wrong).status_code for method, path in paths}
            assert public or {401} == statuses
            assert not public or 401 not in statuses
        client.headers["Authorization"] = "Bearer s3cret"
        assert 202 == say(begin(client)).status_code
        assert 401 == client.get("/v1/models", headers={"Authorization": ""}).status_code


def test_stop_and_reset_act_on_the_own_session(chat: Chat, records: Records) -> None:
    with chat(Saying(text="one two three", delay=0.5)) as client:
        say(begin(client))
        while "running" != next(iter(records.values()))["state"]:
            pass
        mine = client.headers["Chat-Session"]
        assert {"stopped": False} == begin(client).post("/chat/stop").json()
        client.headers["Chat-Session"] = mine
        assert {"stopped": True} == client.post("/chat/stop").json()
        name, answer, _ = watch(client)[-1]
        assert ("answer", "", False) == (name, answer["text"], answer["failed"])
        assert {"forgotten": True} == client.delete("/chat").json()
    *_, last = records.values()
    assert ("command", "/reset", address_of(mine)) == (
        last["message"].kind,
        last["message"].text,
        last["message"].address,
    )


def test_an_opinion_goes_to_the_inbox_once(chat: Chat, records: Records) -> None:
    with chat() as client:
        say(begin(client))
        watch(client)
        for _ in range(2):
            assert 202 == client.post("/chat/feedback", json={"message": ID, "helpful": True}).status_code
    taken = [record["message"] for record in records.values() if record["message"].kind == "button"]
    assert [f"{address_of(client.headers['Chat-Session']).chat}.{ID}"] == [each.reply_to for each in taken]


def test_a_message_that_waits_can_be_stopped_and_then_the_one_before_it_goes_on(chat: Chat, records: Records) -> None:
    model = Saying(text="one two three", delay=0.3)
    with chat(model) as client:
        say(begin(client))
        while "running" != next(iter(records.values()))["state"]:
            pass
        say(client, "And who oils it?", OTHER)
        assert {"stopped": True} == client.post("/chat/stop", params={"id": OTHER}).json()
        assert [("gone", {}, "gone")] == watch(client, OTHER)
        assert "one two three" in watch(client)[-1][1]["text"]
        assert {"stopped": False} == client.post("/chat/stop", params={"id": ID}).json()
        assert {"stopped": False} == client.post("/chat/stop", params={"id": "z" * 16}).json()
    assert 1 == len(model.asked)
    assert ["answered", "dropped"] == [record["state"] for record in records.values()]


def test_what_waits_is_not_answered_once_the_conversation_is_to_be_forgotten(chat: Chat, records: Records) -> None:
    model = Saying(text="one two three", delay=0.3)
    with chat(model) as client:
        say(begin(client), id=THIRD)  # of another session
        say(begin(client))
        while "running" != list(records.values())[1]["state"]:
            pass
        say(client, "And who oils it?", OTHER)
        say(client, "And when?", THIRD)
        assert {"forgotten": True} == client.delete("/chat").json()
        assert [[("gone", {}, "gone")]] * 2 == [watch(client, id) for id in (OTHER, THIRD)]
        while "answered" != list(records.values())[-1]["state"]:
            pass
    assert [THIRD, ID, OTHER, THIRD, "reset"] == [record["message"].id.split(".")[1] for record in records.values()]
    ends = [record["state"] for record in list(records.values())[1:]]
    assert ["answered", "dropped", "dropped", "answered"] == ends


def test_the_history_tells_the_last_opinion_on_an_answer(chat: Chat) -> None:
    with chat() as client:
        begin(client)
        for id in (ID, OTHER):
            say(client, id=id)
            watch(client, id)
        opinions = []
        for helpful in (None, True, False):
            if helpful is not None:
                client.post("/chat/feedback", json={"message": ID, "helpful": helpful})
            found = client.get("/chat/history", params={"id": [ID, OTHER]}).json()["messages"]
            opinions.append([each["opinion"] for each in found])
    assert [[None, None], ["up", None], ["down", None]] == opinions


def test_stop_names_a_message_of_the_own_session(chat: Chat, records: Records) -> None:
    with chat(Saying(text="one two three", delay=0.3)) as client:
        say(begin(client))
        mine = client.headers["Chat-Session"]
        assert {"stopped": False} == begin(client).post("/chat/stop", params={"id": ID}).json()
        client.headers["Chat-Session"] = mine
        while "running" != next(iter(records.values()))["state"]:
            pass
        assert {"stopped": True} == client.post("/chat/stop", params={"id": ID}).json()
        assert "" == watch(client)[-1][1]["text"]


def test_a_conversation_that_went_on_can_be_forgotten_again(chat: Chat, records: Records) -> None:
    with chat() as client:
        begin(client)
        assert [200, 200] == [client.delete("/chat").status_code for _ in range(2)]
    assert ["/reset", "/reset"] == [record["message"].text for record in records.values()]


@pytest.mark.parametrize("id", ["short", "reset", "a\0" * 8, f"{'m' * 16}.up", "m" * 65, "../" * 6, "é" * 16])
def test_what_is_no_id_is_not_looked_for(chat: Chat, id: str) -> None:
    with chat() as client:
        begin(client)
        for path in ("/chat/history", "/chat/events", "/chat/passage?number=1"):
            response = client.get(path, params={**({"number": 1} if "passage" in path else {}), "id": id})
            assert 400 == response.status_code, path
        assert 400 == client.post("/chat/stop", params={"id": id}).status_code


def test_messages_that_were_answered_together_are_told_once(chat: Chat, records: Records) -> None:
    with chat() as client:
        begin(client)
        for id in (ID, OTHER):
            say(client, id=id)
            watch(client, id)
        first, second = records
        records[second]["answered_by"] = first
        found = client.get("/chat/history", params={"id": [ID, OTHER]}).json()["messages"]
    assert [ID] == [each["id"] for each in found]


def test_an_address_may_ask_so_often_a_minute(chat: Chat) -> None:
    with chat(web={"address_messages_per_minute": 1}) as client:
        found = []
        for number in range(3 * READS):
            headers = {"Chat-Session": f"{number:043}"}
            found.append(client.get(f"/chat/passage?number=1&id={ID}", headers=headers).status_code)
    assert [404] * READS == found[:READS]
    assert 429 in found


def test_a_session_watches_only_so_many_answers_at_once(chat: Chat, records: Records) -> None:
    with chat() as client:
        web: WebChat = client.app.state.parts.connectors["web"]  # type: ignore[attr-defined]
        say(begin(client))
        with ExitStack() as stack:
            for _ in range(SESSION_WATCHED):
                stack.enter_context(web.watched_in.inside(client.headers["Chat-Session"]))
            response = client.get("/chat/events", params={"id": ID})
            assert (429, "1") == (response.status_code, response.headers["retry-after"])
        assert "answer" == watch(client)[-1][0]
        assert ({}, {}) == (dict(web.watched._inside), dict(web.watched_in._inside))


def test_visitors_are_not_told_what_is_wrong_with_the_server(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    with chat() as client:
        begin(client)

        async def away(_events: Any) -> None:
            raise TransientError("postgresql://db.internal/assistant does not answer")

        client.app.state.parts.inbox.accept = away  # type: ignore[attr-defined]
        response = say(client)
    assert 503 == response.status_code
    assert "db.internal" not in response.text
    assert "db.internal" in caplog.text


def test_conversations_are_not_for_caches_on_the_way(chat: Chat) -> None:
    with chat() as client:
        begin(client)
        for path in (f"/chat/history?id={ID}", f"/chat/events?id={ID}"):
            assert "no-store" == client.get(path).headers["cache-control"]
        assert "no-store" == client.post("/chat/session").headers["cache-control"]
