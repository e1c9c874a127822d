"""The strict fake of Meta's Graph API refuses what Meta refuses: each refusal is shown once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from accounts import INSTAGRAM_ID, PAGE_ID, PHONE_NUMBER_ID, WABA_ID
from graph_client import Caller, page, proof, whatsapp
from graph_server import GraphServer
from graph_world import DAY, Person

Calling = Callable[[str], Caller]

MESSAGES = f"{PHONE_NUMBER_ID}/messages"
PAGE_MESSAGES = f"{PAGE_ID}/messages"
BOB, CLEO = "200000000000001", "300000000000001"
WAMID = "wamid.abc"


def interactive(**fields: Any) -> dict[str, Any]:
    button = {"type": "reply", "reply": {"id": "1", "title": "Yes"}}
    content = {"type": "button", "body": {"text": "?"}, "action": {"buttons": [button]}, **fields}
    return whatsapp(type="interactive", text=None, interactive=content)


def buttons(*titles: str) -> dict[str, Any]:
    made = [{"type": "reply", "reply": {"id": str(n), "title": title}} for n, title in enumerate(titles)]
    return interactive(action={"buttons": made})


def listed(rows: int, title: str = "Row", sections: int = 1) -> dict[str, Any]:
    made = [{"rows": [{"id": f"{s}-{n}", "title": title} for n in range(rows)]} for s in range(sections)]
    return interactive(type="list", action={"button": "Choose", "sections": made})


def template(attachment: dict[str, Any]) -> dict[str, Any]:
    return page(BOB, message={"attachment": {"type": "template", "payload": attachment}})


def postback(title: str = "Yes") -> dict[str, Any]:
    return {"type": "postback", "title": title, "payload": "yes"}


def quick(title: str = "Yes", kind: str = "text") -> dict[str, Any]:
    return {"content_type": kind, "title": title, "payload": "yes"}


async def test_a_call_without_a_token_a_proof_or_a_version_that_is_left_is_refused(calling: Calling) -> None:
    call = calling("whatsapp")
    found = [
        await call.error("GET", PHONE_NUMBER_ID, token=None, proven=None),
        await call.error("GET", PHONE_NUMBER_ID, token="EAAother"),
        await call.error("GET", PHONE_NUMBER_ID, proven=None),
        await call.error("GET", PHONE_NUMBER_ID, proven=proof(call.token, "another secret")),
        await call.error("GET", PHONE_NUMBER_ID, version="v99.0"),
        await call.error("GET", PHONE_NUMBER_ID, version="v20.0"),
        await call.error("GET", PHONE_NUMBER_ID),
    ]
    assert [(104, None), (190, None), (100, None), (100, None), (2500, None), (2635, None), (0, None)] == found


async def test_a_token_may_stand_in_the_query_as_well(calling: Calling) -> None:
    call = calling("whatsapp")
    answer = await call(
        "GET", PHONE_NUMBER_ID, token=None, proven=proof(call.token), params={"access_token": call.token}
    )
    assert (200, PHONE_NUMBER_ID) == (answer.status_code, answer.json()["id"])


async def test_a_token_reaches_its_own_ids_only(calling: Calling, ann: Person) -> None:
    assert (100, 33) == await calling("page").error("POST", MESSAGES, whatsapp())
    assert (100, 33) == await calling("whatsapp").error("POST", PAGE_MESSAGES, page(BOB))
    assert (100, 33) == await calling("whatsapp").error("POST", "999/messages", whatsapp())
    assert (190, None) == await calling("login").error("GET", "me", token=calling("page").token)


async def test_a_field_that_is_not_there_is_refused(calling: Calling) -> None:
    assert (100, None) == await calling("page").error("GET", PAGE_ID, params={"fields": "id,shoe_size"})


@pytest.mark.parametrize(("body", "code"), [
    pytest.param(whatsapp(messaging_product=None), 131008, id="no product"),
    pytest.param(whatsapp(messaging_product="facebook"), 131009, id="another product"),
    pytest.param(whatsapp(recipient_type=None), 131008, id="no recipient_type"),
    pytest.param(whatsapp(to=None), 131009, id="nobody"),
    pytest.param(whatsapp(to="US.abc123"), 131009, id="a scoped id in to"),
    pytest.param(whatsapp(to=None, recipient="15550002222"), 131009, id="a number in recipient"),
    pytest.param(whatsapp(text={"body": ""}), 131009, id="no text"),
    pytest.param(whatsapp(text={"body": "x" * 4097}), 100, id="text too long"),
    pytest.param(whatsapp(txt="hello"), 100, id="unknown field"),
    pytest.param(whatsapp(type="image"), 131009, id="another type than its content"),
    pytest.param(whatsapp(context={"message_id": "5"}), 131009, id="an answer to no message"),
    pytest.param(whatsapp(biz_opaque_callback_data="x" * 513), 100, id="stamp too long"),
    pytest.param(interactive(body={"text": "x" * 1025}), 100, id="interactive text too long"),
    pytest.param(buttons("a", "b", "c", "d"), 100, id="four buttons"),
    pytest.param(buttons("x" * 21), 100, id="button too long"),
    pytest.param(buttons("a", "a"), 131009, id="the same button twice"),
    pytest.param(interactive(footer={"text": "x" * 61}), 100, id="footer too long"),
    pytest.param(listed(11), 131009, id="eleven rows"),
    pytest.param(listed(1, "x" * 25), 100, id="row too long"),
    pytest.param(listed(1, sections=2), 131009, id="sections without titles"),
    pytest.param(whatsapp(type="image", text=None, image={"id": "7", "link": "https://example.org/a.png"}), 131009, id="a file twice"),
    pytest.param(whatsapp(type="image", text=None, image={"id": "7"}), 100, id="a file that is not there"),
    pytest.param(whatsapp(type="image", text=None, image={"link": "https://example.org/a.png", "caption": "x" * 1025}), 100, id="caption too long"),
    pytest.param(whatsapp(type="audio", text=None, audio={"link": "https://example.org/a.ogg", "caption": "x"}), 100, id="caption of a sound"),
    pytest.param(whatsapp(type="template", text=None, template={"name": "late", "language": {"code": "en"}}), 132001, id="no such template"),
    pytest.param(whatsapp(to="15559999999"), 131030, id="a number that never wrote"),
    pytest.param({"messaging_product": "whatsapp", "status": "read", "message_id": WAMID}, 131009, id="read of no message"),
])  # fmt: skip
async def test_whatsapp_refuses(calling: Calling, ann: Person, body: dict[str, Any], code: int) -> None:
    assert code == (await calling("whatsapp").error("POST", MESSAGES, body))[0]
    assert [] == ann.seen


async def test_a_template_wants_as_many_parameters_as_it_has_gaps(
    graph: GraphServer, calling: Calling, ann: Person
) -> None:
    graph.templates["late", "en"] = 1
    parts = [{"type": "body", "parameters": [{"type": "text", "text": "a"}]}]
    made = [
        {"name": "late", "language": {"code": "en"}, **more}
        for more in ({}, {"components": parts}, {"components": parts * 2})
    ]
    found = [
        await calling("whatsapp").error("POST", MESSAGES, whatsapp(type="template", text=None, template=each))
        for each in made
    ]
    assert [132000, 0, 132000] == [code for code, _ in found]


@pytest.mark.parametrize(("body", "code"), [
    pytest.param(page(BOB, messaging_type=None), (100, None), id="no messaging_type"),
    pytest.param(page(BOB, message={"text": "x" * 2001}), (100, None), id="text too long"),
    pytest.param(page(BOB, message={}), (100, None), id="no message"),
    pytest.param(page(BOB, message={"text": "x", "metadata": "x" * 1000}), (100, None), id="stamp too long"),
    pytest.param(page(BOB, message={"text": "x", "quick_replies": [quick()] * 14}), (100, None), id="14 quick replies"),
    pytest.param(page(BOB, message={"text": "x", "quick_replies": [quick("x" * 21)]}), (100, None), id="quick reply too long"),
    pytest.param(page(BOB, message={"text": "x", "quick_replies": [quick(kind="user_email")]}), (100, None), id="asks for an address"),
    pytest.param(template({"template_type": "button", "text": "x" * 641, "buttons": [postback()]}), (100, None), id="button text too long"),
    pytest.param(template({"template_type": "button", "text": "x", "buttons": [postback()] * 4}), (100, None), id="four buttons"),
    pytest.param(template({"template_type": "button", "text": "x", "buttons": [postback("x" * 21)]}), (100, None), id="button too long"),
    pytest.param(template({"template_type": "generic", "elements": [{"title": "x" * 81, "subtitle": "y"}]}), (100, None), id="card title too long"),
    pytest.param(template({"template_type": "generic", "elements": [{"title": "x", "subtitle": "y" * 81}]}), (100, None), id="card text too long"),
    pytest.param(template({"template_type": "generic", "elements": [{"title": "x"}]}), (100, None), id="card with a title only"),
    pytest.param(template({"template_type": "generic", "elements": [{"title": "x", "subtitle": "y"}] * 11}), (100, None), id="eleven cards"),
    pytest.param(page(BOB, message={"attachment": {"type": "image", "payload": {}}}), (100, 2018008), id="no file"),
    pytest.param(page(BOB, message={"attachment": {"type": "image", "payload": {"attachment_id": "7"}}}), (100, 2018074), id="a file that is not there"),
    pytest.param(page("999"), (100, 2018001), id="a stranger"),
    pytest.param(page(BOB, messaging_type="MESSAGE_TAG"), (100, None), id="a tag that is not named"),
    pytest.param(page(BOB, sender_action="typing_on"), (100, None), id="an action with a message"),
    pytest.param(page(BOB, message=None, sender_action="react"), (100, None), id="a reaction to nothing"),
    pytest.param(page(BOB, message=None, sender_action="react", payload={"message_id": "m_x", "reaction": "love"}), (100, 2018320), id="a reaction to no message"),
])  # fmt: skip
async def test_messenger_refuses(calling: Calling, bob: Person, body: dict[str, Any], code: tuple[int, int]) -> None:
    assert code == await calling("page").error("POST", PAGE_MESSAGES, body)
    assert [] == bob.seen


async def test_instagram_counts_a_text_in_bytes(calling: Calling, cleo: Person) -> None:
    call = calling("login")
    assert (100, 2534038) == await call.error("POST", "me/messages", page(CLEO, message={"text": "é" * 501}))
    assert 200 == (await call("POST", "me/messages", page(CLEO, message={"text": "é" * 500}))).status_code


async def test_instagram_is_reached_through_the_page_and_not_by_its_id_there(calling: Calling, cleo: Person) -> None:
    call = calling("page")
    assert (3, None) == await call.error("POST", f"{INSTAGRAM_ID}/messages", page(CLEO))
    assert 200 == (await call("POST", PAGE_MESSAGES, page(CLEO))).status_code
    assert 200 == (await calling("login")("POST", f"{INSTAGRAM_ID}/messages", page(CLEO))).status_code
    assert 2 == len(cleo.seen)


async def test_a_window_closes_a_day_after_the_person_wrote(
    graph: GraphServer, calling: Calling, ann: Person, bob: Person, cleo: Person
) -> None:
    graph.pass_time(DAY + 1)
    assert (131047, None) == await calling("whatsapp").error("POST", MESSAGES, whatsapp())
    assert (10, 2018278) == await calling("page").error("POST", PAGE_MESSAGES, page(BOB))
    assert (10, 2534022) == await calling("login").error("POST", "me/messages", page(CLEO))
    graph.says(ann, "again")
    assert 200 == (await calling("whatsapp")("POST", MESSAGES, whatsapp())).status_code


async def test_whatsapp_may_take_a_late_message_and_report_it_failed(
    graph: GraphServer, calling: Calling, ann: Person
) -> None:
    graph.window_errors = "report"
    graph.pass_time(DAY + 1)
    graph.webhooks.waiting.clear()
    assert 200 == (await calling("whatsapp")("POST", MESSAGES, whatsapp(biz_opaque_callback_data="k"))).status_code
    (event,) = graph.webhooks.waiting
    (status,) = event.body["value"]["statuses"]
    assert ("failed", "k", 131047) == (
        status["status"],
        status["biz_opaque_callback_data"],
        status["errors"][0]["code"],
    )
    assert [] == ann.seen


async def test_who_blocked_the_account_is_not_reached(
    graph: GraphServer, calling: Calling, ann: Person, bob: Person
) -> None:
    ann.blocked = bob.blocked = True
    assert (131026, None) == await calling("whatsapp").error("POST", MESSAGES, whatsapp())
    assert (551, 1545041) == await calling("page").error("POST", PAGE_MESSAGES, page(BOB))


async def test_rates_are_kept_on_request(graph: GraphServer, calling: Calling, ann: Person, bob: Person) -> None:
    once = {"whatsapp": (1, 60.0), "messenger": (1, 60.0)}
    graph.faults.pair = once
    found = [await calling("whatsapp").error("POST", MESSAGES, whatsapp()) for _ in range(2)]
    graph.faults.pair, graph.faults.account = {}, once
    found += [await calling("whatsapp").error("POST", MESSAGES, whatsapp())]
    found += [await calling("page").error("POST", PAGE_MESSAGES, page(BOB)) for _ in range(2)]
    graph.faults.account, graph.faults.pair = {}, once
    found += [await calling("page").error("POST", PAGE_MESSAGES, page(BOB))]
    assert [0, 131056, 130429, 0, 4, 613] == [code for code, _ in found]


async def test_a_person_may_be_held_and_a_message_that_comes_too_early_is_counted(
    graph: GraphServer, calling: Calling, ann: Person
) -> None:
    graph.faults.hold(ann, 60)
    answers = [await calling("whatsapp")("POST", MESSAGES, whatsapp()) for _ in range(2)]
    assert ([429, 429], 1) == ([answer.status_code for answer in answers], graph.faults.early)
    assert 59 < float(answers[0].headers["Retry-After"]) <= 60.1


async def test_sends_fail_on_request(graph: GraphServer, calling: Calling, ann: Person, bob: Person) -> None:
    for failure in ("rate_limit", "server_error", "blocked"):
        graph.faults.add(failure, times=2, retry_after=7)
    found = []
    for _ in range(3):
        for kind, path, body in (("whatsapp", MESSAGES, whatsapp()), ("page", PAGE_MESSAGES, page(BOB))):
            answer = await calling(kind)("POST", path, body)
            found.append((answer.status_code, answer.json()["error"]["code"], answer.headers.get("Retry-After")))
    assert [(429, 131056, "7"), (400, 613, "7"), (503, 131016, None), (503, 2, None), (400, 131026, None), (400, 551, None)] == found  # fmt: skip


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(("failure", "shown"), [("cut", 1), ("lost", 0)])
async def test_a_connection_may_end_after_the_message_was_shown_or_before(
    graph: GraphServer, calling: Calling, ann: Person, failure: Any, shown: int
) -> None:
    graph.faults.add(failure)
    with pytest.raises(httpx2.TransportError):
        await calling("whatsapp")("POST", MESSAGES, whatsapp())
    assert shown == len(ann.seen)


async def test_a_file_of_whatsapp_is_found_in_two_steps_and_with_the_token_only(
    graph: GraphServer, calling: Calling
) -> None:
    call = calling("whatsapp")
    files = {"file": ("a.txt", b"text", "text/plain")}
    upload = f"{PHONE_NUMBER_ID}/media"
    assert (100, None) == await call.error("POST", upload, files=files)
    assert (100, None) == await call.error("POST", upload, files={"filedata": files["file"]}, data={"messaging_product": "whatsapp"})  # fmt: skip
    odd = {"file": ("a.exe", b"x", "application/x-msdownload")}
    assert (100, None) == await call.error("POST", upload, files=odd, data={"messaging_product": "whatsapp"})
    made = await call("POST", upload, files=files, data={"messaging_product": "whatsapp"})
    told = (await call("GET", made.json()["id"])).json()
    assert 401 == (await call.client.get(told["url"])).status_code
    assert b"text" == (await call.client.get(told["url"], headers={"Authorization": f"Bearer {call.token}"})).content
    assert (100, 33) == await call.error("GET", f"{told['id']}-gone")


async def test_a_file_is_uploaded_to_the_page_under_its_own_name(calling: Calling, bob: Person) -> None:
    call = calling("page")
    message = {"message": '{"attachment":{"type":"file","payload":{"is_reusable":true}}}'}
    path = f"{PAGE_ID}/message_attachments"
    assert (100, 2018005) == await call.error("POST", path, data=message, files={"file": ("a.txt", b"x", "text/plain")})
    made = await call("POST", path, data=message, files={"filedata": ("a.txt", b"x", "text/plain")})
    attachment = {"type": "file", "payload": {"attachment_id": made.json()["attachment_id"]}}
    assert 200 == (await call("POST", PAGE_MESSAGES, page(BOB, message={"attachment": attachment}))).status_code


async def test_a_page_says_which_events_it_wants(calling: Calling) -> None:
    path = f"{PAGE_ID}/subscribed_apps"
    assert (100, None) == await calling("page").error("POST", path, {})
    await calling("page")("POST", path, {"subscribed_fields": "messages,feed"})
    (told,) = (await calling("page")("GET", path)).json()["data"]
    assert ["messages", "feed"] == told["subscribed_fields"]
    assert [] == (await calling("whatsapp")("GET", f"{WABA_ID}/subscribed_apps")).json()["data"]
