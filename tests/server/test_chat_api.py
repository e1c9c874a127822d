"""The chat page's API: sessions, messages recorded once, answers resumed, and what a visitor may see."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from chat_site import site
from conftest import MANUAL
from fastapi.testclient import TestClient
from memory_inbox import MemoryDesk, Records
from server_fakes import Saying

from assistant.errors import InvalidWebhook, RateLimited
from assistant.inbox import Reply, turn_id
from assistant.knowledge import Knowledge
from assistant.sections import Web
from assistant.server.rate import REMEMBERED, Rate
from assistant.server.viewer import Viewer
from assistant.server.web import WebChat, address_of, message
from assistant.types import Outgoing, Webhook

ID = "m" * 16
OTHER = "n" * 16
SESSION = "s" * 43
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


def record_of(state: str, reply: Reply | None = None) -> Records:
    mine = message(SESSION, ID, QUESTION)
    return {turn_id(mine): {"message": mine, "state": state, "reply": reply}}


def viewer(web: WebChat, records: Records, last: str = "") -> AsyncIterator[dict[str, str]]:
    return Viewer(web, MemoryDesk(records), message(SESSION, ID, ""), last=last).events()  # type: ignore[arg-type]


async def taken(events: AsyncIterator[dict[str, str]]) -> tuple[str, Any, str]:
    async with asyncio.timeout(10):
        event = await anext(events)
    return event["event"], json.loads(event["data"]), event["id"]


ANSWER = Reply((), {"answer": {"text": "one two", "grounded": "yes", "citations": []}})


async def test_a_reader_goes_on_where_the_connection_was_lost() -> None:
    web, records = WebChat(Web()), record_of("running")
    async with web.preview(Outgoing(address_of(SESSION), "")) as preview:
        await preview.update("one")
        first = await taken(viewer(web, records))
        await preview.update("one two")
        name, data, _ = await taken(viewer(web, records, last=first[2]))
        assert ("text", {"text": "one"}) == first[:2]
        assert ("text", {"text": " two"}) == (name, data)


async def test_a_reader_who_saw_another_text_starts_over() -> None:
    web, records = WebChat(Web()), record_of("running")
    async with web.preview(Outgoing(address_of(SESSION), "")) as preview:
        await preview.update("one")
        events = viewer(web, records, last="0123456789ab.7")
        assert ["reset", "text"] == [(await taken(events))[0] for _ in range(2)]
        await preview.update("uno dos")
        assert "reset" == (await taken(events))[0]
        assert {"text": "uno dos"} == (await taken(events))[1]


async def test_a_waiting_message_does_not_show_the_answer_before_it() -> None:
    web, records = WebChat(Web()), record_of("queued")
    events = viewer(web, records)
    waiting = asyncio.ensure_future(taken(events))
    async with web.preview(Outgoing(address_of(SESSION), "")) as preview:
        for text in ("of another", "of another question"):
            await preview.update(text)
            await asyncio.sleep(0)
    (record,) = records.values()
    record["state"] = "running"
    async with web.preview(Outgoing(address_of(SESSION), "")) as preview:
        await preview.update("one")
        assert ("text", {"text": "one"}) == (await waiting)[:2]


async def test_an_answer_written_by_another_process_is_read_from_the_record() -> None:
    web, records = WebChat(Web()), record_of("running")
    waiting = asyncio.ensure_future(taken(viewer(web, records)))
    await asyncio.sleep(0.01)
    next(iter(records.values())).update(state="answered", reply=ANSWER)
    name, answer, _ = await waiting
    assert ("answer", "one two") == (name, answer["text"])


async def test_nothing_is_kept_of_conversations_that_nobody_watches() -> None:
    web, records = WebChat(Web()), record_of("answered", ANSWER)
    async with web.preview(Outgoing(address_of(SESSION), "")) as preview:
        await preview.update("one two")
        events = viewer(web, records)
        assert "answer" == (await taken(events))[0]
        await events.aclose()  # type: ignore[attr-defined]
    assert ({}, {}) == (web.hub._lives, web.hub._watching)


async def test_the_connector_has_no_webhook_and_a_send_that_may_be_repeated() -> None:
    web = WebChat(Web())
    with pytest.raises(InvalidWebhook):
        web.verify(Webhook("POST"))
    assert () == web.parse(Webhook("POST"))
    sent = [await web.send(Outgoing(address_of(SESSION), "text", key="k")) for _ in range(2)]
    assert [("k",), ("k",)] == [receipt.ids for receipt in sent]
    assert "dropped" == web.capabilities.repeats


def test_events_of_a_session_name_neither_it_nor_another() -> None:
    event = message(SESSION, ID, "text", reply_to=OTHER)
    assert SESSION not in repr(event)
    assert event.id != message("t" * 43, ID, "text").id
    assert datetime.now(UTC) >= event.sent_at


def test_a_rate_lets_so_many_through_and_tells_when_the_next_may_come() -> None:
    rate = Rate(60)
    for _ in range(60):
        rate.take("a", now=0.0)
    with pytest.raises(RateLimited) as caught:
        rate.take("a", now=0.25)
    assert 0.75 == caught.value.retry_after
    rate.take("a", now=1.0)
    rate.take("b", now=1.0)
    for number in range(REMEMBERED):
        rate.take(str(number), now=2.0)
    rate.take("a", now=2.0)


@contextmanager
def process(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`assistant serve` with a model that writes a word each 0.3 s, once it is ready."""
    engine = {
        "ASSISTANT_ENGINE__KIND": "assistant.testing.echo:EchoChat",
        "ASSISTANT_ENGINE__OPTIONS": '{"delay": 0.3}',
    }
    settings = {"ASSISTANT_DATA_DIR": str(folder), "ASSISTANT_CHAT__GROUNDING": "off"}
    command = [sys.executable, "-m", "assistant", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | engine | settings, cwd=folder) as running:
        try:
            deadline = time.monotonic() + 120
            while running.poll() is None and time.monotonic() < deadline:
                try:
                    if httpx2.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                        break
                except httpx2.TransportError:
                    pass
                time.sleep(0.1)
            yield running
        finally:
            running.kill()


def test_a_server_killed_in_the_middle_of_an_answer_gives_it_whole_after_its_restart(tmp_path: Path) -> None:
    text = "one two three four five six seven eight"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    ask: dict[str, Any] = {"params": {"id": ID}, "timeout": 60}
    with process(tmp_path, port) as running:
        headers = {"Chat-Session": httpx2.post(f"{url}/chat/session").json()["session"]}
        assert 202 == httpx2.post(f"{url}/chat/messages", json={"id": ID, "text": text}, headers=headers).status_code
        with httpx2.stream("GET", f"{url}/chat/events", headers=headers, **ask) as response:
            seen = []
            for line in response.iter_lines():
                seen.append(line)
                if "two" in line:
                    break
            running.send_signal(signal.SIGKILL)
    last = [line.removeprefix("id: ") for line in seen if line.startswith("id: ")][-1]
    with process(tmp_path, port):
        events = httpx2.get(f"{url}/chat/events", headers={**headers, "Last-Event-ID": last}, **ask).text
    names = [line.removeprefix("event: ") for line in events.splitlines() if line.startswith("event: ")]
    assert ["reset", "answer"] == [name for name in names if name != "text"] or ["answer"] == names
    assert text == json.loads(events.rstrip().rsplit("data: ", 1)[1])["text"]
