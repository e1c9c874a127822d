"""The strict fake of Meta's Graph API tells what happened: signed, in batches, until it is taken, and what it tells."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from accounts import APP_ID, APP_SECRET, INBOX_APP_ID, PAGE_ID, PHONE_NUMBER_ID
from graph_client import Caller, page, whatsapp
from graph_people import People
from graph_server import GraphServer
from graph_told import told
from graph_webhooks import SIGNATURE, Webhooks, encoded
from graph_world import Person
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assistant.testing.serving import serving

Calling = Callable[[str], Caller]


class Receiver:
    """Takes webhooks; answers with the next of `answers`, then 200."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []
        self.app = Starlette(routes=[Route("/webhooks/meta", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.signatures.append(request.headers[SIGNATURE])
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    def texts(self) -> list[str]:
        """What people wrote, in the order of arrival."""
        return [
            message["text"]["body"]
            for body in self.bodies
            for entry in json.loads(body)["entry"]
            for change in entry["changes"]
            for message in change["value"].get("messages", ())
        ]


@pytest.fixture
async def receiver(graph: GraphServer, served: None) -> AsyncIterator[Receiver]:
    """Listens to the server."""
    made = Receiver()
    async with serving(made.app) as url:
        graph.webhooks.listen(f"{url}/webhooks/meta")
        yield made


async def test_a_webhook_is_signed_over_its_very_bytes_and_escaped_as_meta_does(
    graph: GraphServer, receiver: Receiver, ann: Person
) -> None:
    graph.says(ann, "é/<%@")
    await graph.webhooks.idle()
    body = receiver.bodies[-1]
    assert f"sha256={hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()}" == receiver.signatures[-1]
    assert rb'"\u00e9\/\u003C\u0025\u0040"' in body
    assert "é/<%@" == receiver.texts()[-1]


async def test_a_webhook_comes_again_until_it_is_answered_with_200(
    graph: GraphServer, receiver: Receiver, ann: Person
) -> None:
    receiver.answers = [503, 500, 201]
    graph.says(ann, "second")
    await graph.webhooks.idle()
    assert (["hello"] * 4 + ["second"], {503: 1, 500: 1, 201: 1, 200: 2}) == (
        receiver.texts(),
        graph.webhooks.statuses,
    )


@pytest.mark.usefixtures("served")
async def test_what_waits_is_batched_and_one_persons_events_keep_their_order(graph: GraphServer) -> None:
    graph.webhooks.batch = 50
    people = [graph.person("whatsapp", f"1555000300{number}") for number in range(3)]
    for number in range(4):
        for person in people:
            graph.says(person, f"{person.ids[0]} {number}")
    graph.says(graph.person("messenger", "200000000000001"), "another object")
    made = Receiver()
    async with serving(made.app) as url:
        graph.webhooks.listen(f"{url}/webhooks/meta")
        await graph.webhooks.idle()
    (batch,) = [body for body in made.bodies if b"whatsapp_business_account" in body]
    (entry,) = json.loads(batch)["entry"]
    (change,) = entry["changes"]
    assert [f"{person.ids[0]} {number}" for number in range(4) for person in people] == [
        message["text"]["body"] for message in change["value"]["messages"]
    ]
    assert 2 == len(made.bodies)


async def test_a_body_comes_again_on_request_though_it_was_taken(
    graph: GraphServer, receiver: Receiver, ann: Person
) -> None:
    graph.webhooks.duplicates = 1.0
    graph.says(ann, "twice")
    await graph.webhooks.idle()
    assert 2 == receiver.texts().count("twice")


async def test_whatsapp_tells_what_became_of_a_message_with_its_stamp(
    graph: GraphServer, calling: Calling, ann: Person
) -> None:
    graph.webhooks.waiting.clear()
    await calling("whatsapp")("POST", f"{PHONE_NUMBER_ID}/messages", whatsapp(biz_opaque_callback_data="k"))
    graph.reads(ann)
    statuses = [event.body["value"]["statuses"][0] for event in graph.webhooks.waiting]
    assert ["sent", "delivered", "read"] == [status["status"] for status in statuses]
    assert {("k", ann.seen[0].id, "15550002222", "US.abc123")} == {
        (each["biz_opaque_callback_data"], each["id"], each["recipient_id"], each["recipient_user_id"])
        for each in statuses
    }


async def test_messenger_echoes_a_message_and_tells_that_it_was_delivered(
    graph: GraphServer, calling: Calling, bob: Person
) -> None:
    graph.webhooks.waiting.clear()
    body = page(bob.ids[0], message={"text": "hello", "metadata": "k"})
    answer = (await calling("page")("POST", f"{PAGE_ID}/messages", body)).json()
    echo, delivery = (event.body for event in graph.webhooks.waiting)
    assert (PAGE_ID, int(APP_ID), "k", answer["message_id"]) == (
        echo["sender"]["id"], echo["message"]["app_id"], echo["message"]["metadata"], echo["message"]["mid"],
    )  # fmt: skip
    assert [answer["message_id"]] == delivery["delivery"]["mids"]


async def test_what_a_person_of_the_business_writes_is_an_echo_of_another_application(
    graph: GraphServer, bob: Person, ann: Person
) -> None:
    graph.webhooks.waiting.clear()
    graph.answered_by_hand(bob, "I am Eve")
    graph.answered_by_hand(ann, "I am Eve")
    page_echo, phone_echo = (event.body for event in graph.webhooks.waiting)
    assert int(INBOX_APP_ID) == page_echo["message"]["app_id"]
    assert "smb_message_echoes" == phone_echo["field"]


async def test_a_tap_says_which_button_of_which_message(graph: GraphServer, calling: Calling, ann: Person) -> None:
    button = {"type": "reply", "reply": {"id": "yes", "title": "Yes"}}
    content = {"type": "button", "body": {"text": "?"}, "action": {"buttons": [button]}}
    body = whatsapp(type="interactive", text=None, interactive=content)
    await calling("whatsapp")("POST", f"{PHONE_NUMBER_ID}/messages", body)
    graph.taps(ann, "Yes")
    (message,) = graph.webhooks.waiting[-1].body["value"]["messages"]
    assert ({"id": "yes", "title": "Yes"}, ann.seen[0].id) == (
        message["interactive"]["button_reply"],
        message["context"]["id"],
    )


@pytest.mark.parametrize("surface", ["whatsapp", "messenger", "instagram"])
def test_what_a_webhook_tells_can_be_made_to_have_happened(surface: Any) -> None:
    there, here = People(), People()
    person = there.person(surface, "15550002222")
    id = there.says(person, "hello")
    told(here, encoded(list(there.webhooks.waiting)))
    found = here.known(surface, "15550002222")
    assert (True, {id: "hello"}) == (found.open_until > here.now(), found.wrote)


def test_a_comment_that_a_webhook_tells_can_be_answered() -> None:
    there, here = People(), People()
    made = there.comments_on(f"{PAGE_ID}_77", "How much?", author="200000000000009")
    told(here, encoded(list(there.webhooks.waiting)))
    assert ("How much?", "200000000000009") == (here.comment(made.id).text, here.comment(made.id).author)


def test_a_person_who_changes_the_number_is_told_with_both(graph: GraphServer, ann: Person) -> None:
    graph.changes_number(ann, "15550003333")
    (message,) = graph.webhooks.waiting[-1].body["value"]["messages"]
    assert ("15550002222", "15550003333") == (message["from"], message["system"]["wa_id"])
    assert ann is graph.known("whatsapp", "15550003333")
    assert ["US.abc123", "15550003333"] == ann.ids


async def test_an_unknown_answer_leaves_a_webhook_waiting(graph: GraphServer) -> None:
    unheard = Webhooks("secret")
    with pytest.raises(AssertionError):
        await unheard.post(b"{}")
    assert not unheard.waiting
