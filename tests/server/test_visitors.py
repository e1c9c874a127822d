"""Who visits the chat, how often, and what the web connector and its records tell of them and of this machine."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from fastapi import Request
from memory_inbox import MemoryDesk

from assistant.errors import InvalidWebhook, RateLimited
from assistant.inbox import Reply
from assistant.sections import Web
from assistant.server.rate import REMEMBERED, Crowd, Rate
from assistant.server.transcript import answer_of
from assistant.server.visitors import client_of
from assistant.server.web import WebChat, address_of, message
from assistant.types import Outgoing, Webhook

ID = "m" * 16
OTHER = "n" * 16
SESSION = "s" * 43
QUESTION = "How often is the pump oiled?"


@pytest.mark.parametrize(
    ("source", "title", "url"),
    [
        ("/srv/private/manual.md", "manual.md", None),
        ("C:\\private\\manual.md", "manual.md", None),
        ("https://example.org/manual", "manual", "https://example.org/manual"),
        ("https://ann:secret@example.org/manual", "manual", None),
        ("https://[", "[", None),
        ("javascript:alert(1)//https://a", "a", None),
    ],
)
def test_a_source_tells_no_folder_and_no_password(source: str, title: str, url: str | None) -> None:
    citation = {"number": 1, "title": "", "source": source, "quote": "q", "page": None}
    mine = message(SESSION, ID, QUESTION)
    reply = Reply((), {"answer": {"text": "a [1]", "grounded": "yes", "citations": [citation]}})
    shown = asyncio.run(MemoryDesk({"t": {"message": mine, "state": "answered", "reply": reply}}).ashow("t"))
    (found,) = (answer_of(shown) or {})["citations"]
    assert (title, url) == (found["title"], found["url"])
    assert "private" not in json.dumps(found)


def test_a_household_is_one_client() -> None:
    def client(host: str) -> str:
        return client_of(Request({"type": "http", "client": (host, 1), "headers": []}))

    assert client("2001:db8::1") == client("2001:db8::ffff:2") != client("2001:db8:0:1::1")
    assert "192.0.2.1" == client("192.0.2.1") == client("::ffff:192.0.2.1")
    assert client("fe80::1%eth0") == client("fe80::2")
    assert "testclient" == client("testclient")


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


def test_a_crowd_has_room_for_so_many_of_a_name() -> None:
    crowd = Crowd(1, of="streams")
    crowd.check("a")
    with crowd.inside("a"):
        crowd.check("b")
        with pytest.raises(RateLimited, match="1 streams"):
            crowd.check("a")
    crowd.check("a")
    assert {} == dict(crowd._inside)
