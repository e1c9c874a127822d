"""What is sent to Messenger is what Meta takes: against a strict fake Graph server over HTTP, and as values."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from accounts import APP_ID, APP_SECRET, PAGE_ID, PAGE_TOKEN, VERIFY_TOKEN
from blockbuster import blockbuster_ctx
from graph_nodes import SCOPES
from graph_server import GraphServer
from graph_world import Person
from hypothesis import given, settings
from hypothesis import strategies as st
from messaging_payloads import PERSON, body, event, signed

from assistant.errors import ConfigurationError, Rejected
from assistant.markup import utf16
from assistant.types import Address, Attachment, Button, Incoming, Outgoing
from connectors._messaging_bodies import bodies, split, visible
from connectors._messaging_limits import MESSENGER, MIB, PAGE_FIELDS
from connectors._meta_errors import WindowClosed
from connectors.messenger import Messenger

TO = Address("messenger", PAGE_ID, PERSON)
LINK = Button("Open the shop", url="https://shop.example/")
THUMBS = (Button("👍", data="up:0123456789abcdef"), Button("👎", data="down:0123456789abcdef"))

Connect = Callable[..., Awaitable[Messenger]]


@pytest.fixture
def ann(graph: GraphServer) -> Person:
    person = graph.person("messenger", PERSON)
    graph.says(person, "hello")
    return person


@pytest.fixture
async def connect(graph: GraphServer) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def made(**options: Any) -> Messenger:
            wanted = {"page_access_token": PAGE_TOKEN, "page_id": PAGE_ID, "app_secret": APP_SECRET, "app_id": APP_ID,
                      "verify_token": VERIFY_TOKEN, "graph_base_url": graph.url, **options}  # fmt: skip
            connector = Messenger(**wanted)
            stack.push_async_callback(connector.aclose)
            return connector

        yield made


def messages(outgoing: Outgoing) -> list[dict[str, Any]]:
    """The messages of the bodies that would be posted, without their stamps."""
    made = [each["message"] for part in split(outgoing, MESSENGER) for each in bodies(part, MESSENGER, [])]
    return [{key: value for key, value in each.items() if key != "metadata"} for each in made]


def asked(*buttons: Button, text: str = "Which?") -> list[dict[str, Any]]:
    return messages(Outgoing(TO, text, buttons=buttons, key="turn"))


async def test_a_message_says_that_it_is_a_response_to_whom_and_what_for(
    graph: GraphServer, ann: Person, connect: Connect
) -> None:
    receipt = await (await connect()).send(Outgoing(TO, "**Every** year.", reply_to="m_1:edit:1", key="turn:0"))
    [shown] = ann.seen
    assert receipt.ids == (shown.id,)
    expected = {"recipient": {"id": PERSON}, "messaging_type": "RESPONSE", "reply_to": {"mid": "m_1"},
                "message": {"text": "Every year.", "metadata": "assistant:turn:0"}}  # fmt: skip
    assert expected == shown.body
    assert f"/v26.0/{PAGE_ID}/messages" == graph.calls[-1].path
    assert PAGE_TOKEN not in str(graph.calls[-1].path) + str(graph.calls[-1].body)


async def test_a_tap_without_an_id_is_not_replied_to(ann: Person, connect: Connect) -> None:
    await (await connect()).send(Outgoing(TO, "Yes.", reply_to="postback:0123"))
    assert {"recipient", "messaging_type", "message"} == set(ann.seen[0].body)


def test_choices_are_quick_replies() -> None:
    [made] = asked(*THUMBS)
    assert {"text": "Which?", "quick_replies": [
        {"content_type": "text", "title": "👍", "payload": "up:0123456789abcdef"},
        {"content_type": "text", "title": "👎", "payload": "down:0123456789abcdef"},
    ]} == made  # fmt: skip


def test_a_page_to_open_is_a_button_that_stays() -> None:
    [made] = asked(LINK, Button("No"))
    buttons = [{"type": "web_url", "title": "Open the shop", "url": "https://shop.example/"},
               {"type": "postback", "title": "No", "payload": "No"}]  # fmt: skip
    template = {"template_type": "button", "text": "Which?", "buttons": buttons}
    assert {"attachment": {"type": "template", "payload": template}} == made


def test_more_than_three_pages_are_cards_after_the_text() -> None:
    first, second = asked(*[Button(f"Page {n}", url=f"https://shop.example/{n}") for n in range(4)])
    assert {"text": "Which?"} == first
    cards = second["attachment"]["payload"]["elements"]
    assert ["Page 0", "Page 1", "Page 2", "Page 3"] == [card["title"] for card in cards]
    assert {"type": "web_url", "url": "https://shop.example/3"} == cards[3]["default_action"]


async def test_every_arrangement_of_buttons_is_taken_and_tapped(
    graph: GraphServer, ann: Person, connect: Connect
) -> None:
    connector = await connect()
    for buttons in (THUMBS, (LINK, *THUMBS), tuple(Button(f"{n}" * 30, url=f"https://a.example/{n}") for n in range(9)),
                    tuple(Button(f"{n}" * 25, data="x" * 1000) for n in range(10, 23))):  # fmt: skip
        assert (await connector.send(Outgoing(TO, "Which?", buttons=buttons, key="turn"))).state == "sent"
    assert ["1010101010101010101…", "👍"] == [ann.seen[-1].buttons[0], ann.seen[0].buttons[0]]


def test_a_text_above_buttons_that_stay_is_short_and_the_last() -> None:
    text = "A sentence of some words. " * 120
    parts = split(Outgoing(TO, text, buttons=(LINK,), key="turn"), MESSENGER)
    assert utf16(visible(parts[-1].text)) <= 640 < utf16(visible(parts[0].text)) <= 2000
    assert text.split() == [word for part in parts for word in part.text.split()]
    assert [*[()] * (len(parts) - 1), (LINK,)] == [part.buttons for part in parts]


@pytest.mark.parametrize(
    ("buttons", "reason"),
    [
        (tuple(Button(str(n)) for n in range(14)), "13 buttons at most"),
        ((LINK, *THUMBS, Button("c")), "3 buttons at most where one opens a page"),
        (tuple(Button(str(n), url="https://a.example/") for n in range(11)), "3 buttons at most where one opens a page, and 10 where all do"),
        ((Button("x", data="y" * 1001),), "has 1001 characters"),
        ((Button("x", data=""),), "has 0 characters"),
        ((Button(" "),), "no label"),
    ],
)  # fmt: skip
async def test_buttons_that_cannot_be_are_refused_before_a_call(
    graph: GraphServer, connect: Connect, buttons: tuple[Button, ...], reason: str
) -> None:
    with pytest.raises(Rejected, match=reason):
        await (await connect()).send(Outgoing(TO, "Which?", buttons=buttons))
    assert [] == graph.calls


def test_a_button_that_opens_no_web_page_is_left_out() -> None:
    assert [{"text": "Which?"}] == asked(Button("Call", url="tel:+1555"), Button("Broken", url="http://["))


async def test_files_go_out_before_the_text_and_only_the_last_has_the_key(
    graph: GraphServer, ann: Person, connect: Connect
) -> None:
    files = (Attachment("image", url="https://a.example/a.png"), Attachment("document", data=b"%PDF-1.7", name="a.pdf"))
    receipt = await (await connect()).send(
        Outgoing(TO, "Here.", attachments=files, buttons=THUMBS, reply_to="m_1", key="turn")
    )
    assert tuple(shown.id for shown in ann.seen) == receipt.ids
    sent = [shown.body["message"] for shown in ann.seen]
    assert {"type": "image", "payload": {"url": "https://a.example/a.png"}} == sent[0]["attachment"]
    kept = graph.media[sent[1]["attachment"]["payload"]["attachment_id"]]
    assert (b"%PDF-1.7", "a.pdf", "file") == (kept.data, kept.name, sent[1]["attachment"]["type"])
    assert ["assistant:turn#2", "assistant:turn#1", "assistant:turn"] == [each["metadata"] for each in sent]
    assert [True, False, False] == ["reply_to" in shown.body for shown in ann.seen]
    assert ("👍", "👎") == ann.seen[2].buttons


@pytest.mark.parametrize(
    "attachment",
    [
        Attachment("location", url="geo:1,2"),
        Attachment("image", name="none"),
        Attachment("image", data=b"x" * (8 * MIB + 1)),
    ],
    ids=["place", "nothing", "large"],
)
async def test_a_file_that_cannot_be_sent_is_refused_before_a_call(
    graph: GraphServer, connect: Connect, attachment: Attachment
) -> None:
    with pytest.raises(Rejected, match="attachment"):
        await (await connect()).send(Outgoing(TO, "Here.", attachments=(attachment,)))
    assert [] == graph.calls


async def test_a_rate_limit_in_the_middle_is_waited_for(graph: GraphServer, ann: Person, connect: Connect) -> None:
    graph.faults.pair["messenger"] = (3, 1.0)
    receipt = await (await connect()).send(Outgoing(TO, "A sentence. " * 600, key="turn"))
    assert ("sent", len(ann.seen), 0) == (receipt.state, len(receipt.ids), graph.faults.early)
    assert len(graph.calls) > len(ann.seen)
    assert ("A sentence. " * 600).split() == [word for shown in ann.seen for word in shown.text.split()]


async def test_what_goes_wrong_after_the_first_message_says_what_arrived(ann: Person, connect: Connect) -> None:
    files = (Attachment("image", url="https://a.example/a.png"), Attachment("image", file_id="not at Meta"))
    receipt = await (await connect()).send(Outgoing(TO, "Here.", attachments=files, key="turn"))
    assert ("failed", tuple(shown.id for shown in ann.seen), 1) == (receipt.state, receipt.ids, len(ann.seen))


async def test_an_answer_to_a_message_that_is_gone_is_sent_by_itself(
    graph: GraphServer, ann: Person, connect: Connect
) -> None:
    stranger = Address("messenger", PAGE_ID, "404")
    with pytest.raises(Rejected, match="no such person"):
        await (await connect()).send(Outgoing(stranger, "Here.", reply_to="m_gone"))
    assert [True, False] == ["reply_to" in call.body for call in graph.calls]


async def test_a_closed_window_is_told_before_a_call_and_by_one(
    graph: GraphServer, ann: Person, connect: Connect
) -> None:
    connector = await connect()
    with pytest.raises(Rejected, match="24 hours after the person did something, and 7 days after an ad"):
        await connector.send_beyond(Outgoing(TO, "Late."))
    assert [] == graph.calls
    graph.pass_time(24 * 3600 + 60)
    with pytest.raises(WindowClosed):
        await connector.send(Outgoing(TO, "Late."))


async def test_seen_is_shown_once_a_conversation_and_not_where_another_answers(
    graph: GraphServer, ann: Person, connect: Connect
) -> None:
    connector = await connect()
    told = [event(PAGE_ID, message={"mid": mid, "text": "x"}) for mid in ("m_1", "m_2")]
    found = _parsed(connector, body("page", PAGE_ID, *told))
    await connector.acknowledge(found)
    assert [{"recipient": {"id": PERSON}, "sender_action": "mark_seen"}] == [_asked(call.body) for call in graph.calls]
    await connector.acknowledge(_parsed(connector, body("page", PAGE_ID, *told, place="standby")))
    assert 1 == len(graph.calls)
    graph.pass_time(25 * 3600)
    await connector.acknowledge(found)


async def test_a_reaction_names_the_message(graph: GraphServer, ann: Person, connect: Connect) -> None:
    mid = next(iter(ann.wrote))
    connector = await connect()
    await connector.react(TO, f"{mid}:edit:1", "🎉")
    assert {mid: "🎉"} == ann.reactions
    with pytest.raises(Rejected, match="is no message"):
        await connector.react(TO, "postback:1", "🎉")


async def test_nothing_blocks_the_event_loop(ann: Person, connect: Connect) -> None:
    connector = await connect()
    with blockbuster_ctx():
        await connector.open(webhook_url="https://bot.example/webhooks/messenger")
        await connector.send(Outgoing(TO, "A sentence of **many** words. " * 400, buttons=THUMBS, key="turn"))
    assert ("👍", "👎") == ann.seen[-1].buttons


async def test_a_token_of_another_page_is_noticed_at_the_start(connect: Connect) -> None:
    connector = await connect(page_id="42")
    with pytest.raises(ConfigurationError, match=r"connectors\.messenger\.page_access_token is of '130000000000001', but connectors\.messenger\.page_id is '42'"):  # fmt: skip
        await connector.open(webhook_url=None)
    assert ["ok", "fail"] == [found.status for found in await connector.check()]


async def test_doctor_finds_the_fields_that_are_not_subscribed(graph: GraphServer, connect: Connect) -> None:
    connector = await connect()
    statuses = []
    for fields in (None, ["messaging_postbacks"], ["messages", "feed"], [*PAGE_FIELDS, "feed"]):
        if fields:
            graph.subscriptions.fields[PAGE_ID] = fields
        found = await connector.check()
        statuses.append([each.status for each in found])
        assert not [secret for secret in (PAGE_TOKEN, APP_SECRET) if secret in str(found)]
    assert [["ok", "ok", "ok", last] for last in ("fail", "fail", "warn", "ok")] == statuses


async def test_doctor_tells_a_wrong_secret_from_a_wrong_token(connect: Connect) -> None:
    secret = (await (await connect(app_secret="another-secret")).check())[1]
    token = (await (await connect(page_access_token="EAAanother-token")).check())[1]
    assert ("fail", "fail") == (secret.status, token.status)
    assert "connectors.messenger.app_secret" in secret.remedy
    assert "another" not in f"{secret}{token}".replace("another app", "")


async def test_doctor_of_a_server_that_is_away_raises_nothing(connect: Connect) -> None:
    connector = await connect(graph_base_url="http://127.0.0.1:9", app_id=None)
    found = await connector.check()
    assert ["ok", "warn", "warn"] == [each.status for each in found]
    assert "check the network, or use --offline" == found[1].remedy


async def test_doctor_finds_a_permission_that_is_missing(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCOPES, PAGE_TOKEN, ("pages_manage_metadata",))
    found = (await (await connect()).check())[2]
    assert ("fail", "the token lacks pages_messaging") == (found.status, found.detail)


async def test_no_secret_is_logged(
    graph: GraphServer, ann: Person, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        connector = await connect()
        await connector.send(Outgoing(TO, "A."))
        await connector.check()
    assert not [word for word in (PAGE_TOKEN, APP_SECRET, VERIFY_TOKEN) if word in caplog.text + repr(connector)]


@settings(deadline=None, max_examples=60)
@given(
    words=st.lists(
        st.text(alphabet="ab*_`~é漢字한สวัус🙂👩‍🚀()[]#>-.", min_size=1, max_size=40), min_size=1, max_size=30
    ),
    times=st.integers(1, 60),
    linked=st.booleans(),
)
def test_a_text_in_any_script_fits_and_loses_nothing(words: list[str], times: int, linked: bool) -> None:
    text = " ".join(words * times)
    parts = split(Outgoing(TO, text, buttons=(LINK,) if linked else (), key="turn"), MESSENGER)
    sizes = [utf16(visible(part.text)) for part in parts]
    assert max(sizes) <= 2000
    assert not linked or sizes[-1] <= 640
    assert parts == tuple(each for part in parts for each in split(part, MESSENGER))


def _parsed(connector: Messenger, content: bytes) -> list[Incoming]:
    return list(connector.parse(signed(content, APP_SECRET)))


def _asked(content: Any) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != "appsecret_proof"}
