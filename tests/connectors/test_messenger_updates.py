"""What people and others do in a Page's conversations becomes events: all of a batch, each once, with who holds the conversation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messaging_payloads import PERSON, TIME, body, event, signed

from assistant.errors import ConfigurationError, InvalidWebhook
from assistant.types import Attachment, Incoming, Webhook
from connectors._messaging_limits import AD_WINDOW, WINDOW
from connectors._messaging_stamps import message_id, stamp, stamped
from connectors.messenger import Messenger

RECORDED = Path(__file__).parents[3] / "shared" / "contracts" / "recorded" / "vercel-chat" / "dm" / "messenger.json"
PAGE = "100000000000001"
APP = "500000000000001"
SECRET = "app-secret-of-the-tests"
INBOX = 263902037430900


def connector(**options: Any) -> Messenger:
    wanted = {"page_access_token": "EAApage-token-of-the-tests", "page_id": PAGE, "app_secret": SECRET,
              "verify_token": "verify-token-of-the-tests", **options}  # fmt: skip
    return Messenger(**wanted)


def parsed(content: bytes, **options: Any) -> list[Incoming]:
    return list(connector(**options).parse(signed(content, SECRET)))


def events(*told: dict[str, Any], place: str = "messaging", **options: Any) -> list[Incoming]:
    return parsed(body("page", PAGE, *told, place=place), **options)


def one(
    *, place: str = "messaging", ours: bool = False, options: dict[str, Any] | None = None, **content: Any
) -> Incoming:
    [found] = events(event(PAGE, ours=ours, **content), place=place, **(options or {}))
    return found


def said(**message: Any) -> Incoming:
    return one(message={"mid": "m_1", **message})


def what(found: Incoming) -> tuple[Any, ...]:
    return found.kind, found.text, found.id, found.reply_to, [(each.kind, each.url) for each in found.attachments]


RECORDINGS: dict[str, list[tuple[Any, ...]]] = {
    "firstMessage": [("text", "What is Vercel?", "m_FAKE_MSG_ID_001", None, [])],
    "secondMessage": [("text", "Tell me more", "m_FAKE_MSG_ID_002", None, [])],
    "deliveryConfirmation": [("status", "delivered", "m_SENT_MSG_001:delivered", "m_SENT_MSG_001", [])],
    "readConfirmation": [],
    "reactionAdded": [("reaction", "❤", "reaction:m_FAKE_MSG_ID_001:f37a1c4b", "m_FAKE_MSG_ID_001", [])],
    "reactionRemoved": [("reaction", "", "reaction:m_FAKE_MSG_ID_001:", "m_FAKE_MSG_ID_001", [])],
    "postbackClick": [("button", 'chat:{"a":"hello"}', "postback:", None, [])],
    "legacyPostback": [("command", "/start", "postback:", None, [])],
    "imageAttachment": [("media", "", "m_FAKE_IMG_001", None, [("image", "https://example.com/image.jpg")])],
    "echoMessage": [("echo", "Bot response", "m_ECHO_MSG_001", None, [])],
}  # fmt: skip
"""Each recorded webhook and its events; of ids that are made of a digest only the beginning is compared."""


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded webhooks are not at hand")
@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_webhook_gives_the_events_it_tells_of(name: str) -> None:
    found = parsed(json.dumps(json.loads(RECORDED.read_text("utf-8"))[name]).encode())
    for each, expected in zip(map(what, found), RECORDINGS[name], strict=True):
        assert (expected[:2], expected[3:]) == (each[:2], each[3:])
        digest = each[2].startswith(("reaction:", "postback:"))
        assert each[2].rpartition(":")[0] == expected[2].rpartition(":")[0] if digest else each[2] == expected[2]


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded webhooks are not at hand")
def test_every_recorded_webhook_is_expected() -> None:
    recorded = json.loads(RECORDED.read_text("utf-8"))
    assert set(RECORDINGS) == {name for name, value in recorded.items() if isinstance(value, dict)}


def test_a_text_says_who_wrote_it_where_and_when() -> None:
    found = said(text="How often?", reply_to={"mid": "m_0"})
    assert ("messenger:100000000000001:200000000000001", PERSON) == (str(found.address), found.sender)
    assert datetime(2026, 3, 8, 19, 27, 4, tzinfo=UTC) == found.sent_at
    assert ("text", "How often?", "m_1", "m_0", []) == what(found)


def test_every_event_of_every_entry_is_read() -> None:
    entries = [
        {
            "id": PAGE,
            "time": TIME,
            "messaging": [event(PAGE, message={"mid": f"m_{n}{m}", "text": "x"}) for m in range(3)],
        }
        for n in range(3)
    ]
    found = parsed(json.dumps({"object": "page", "entry": entries}).encode())
    assert [f"m_{n}{m}" for n in range(3) for m in range(3)] == [each.id for each in found]
    assert sorted(found, key=lambda each: each.order) == found


@given(at=st.integers(0, 4), broken=st.sampled_from([{}, {"mid": None}, {"mid": True}, {"mid": "m_x", "text": "x"}]))
def test_one_event_that_is_not_understood_costs_no_other(at: int, broken: dict[str, Any]) -> None:
    told = [event(PAGE, message={"mid": f"m_{n}", "text": "x"}) for n in range(4)]
    wrong = event(PAGE, message=broken)
    wrong["timestamp"] = "soon"
    assert ["m_0", "m_1", "m_2", "m_3"] == [each.id for each in events(*told[:at], wrong, *told[at:])]


def test_what_is_for_another_page_or_another_surface_is_left_out() -> None:
    told = event(PAGE, message={"mid": "m_1", "text": "x"})
    assert [] == parsed(body("instagram", PAGE, told)) + parsed(body("page", "1", told)) + parsed(
        body("whatsapp_business_account", PAGE, told)
    )


def test_comments_beside_messages_cost_no_message() -> None:
    entry = {"id": PAGE, "time": TIME, "changes": [{"field": "feed", "value": {"item": "comment", "verb": "add"}}],
             "messaging": [event(PAGE, message={"mid": "m_1", "text": "x"})]}  # fmt: skip
    assert ["m_1"] == [each.id for each in parsed(json.dumps({"object": "page", "entry": [entry]}).encode())]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"type": "image", "payload": {"url": "https://x/a.jpg"}}, Attachment("image", url="https://x/a.jpg")),
        ({"type": "image", "payload": {"url": "https://x/s.png", "sticker_id": 3}}, Attachment("sticker", url="https://x/s.png")),
        ({"type": "sticker", "payload": {"url": "https://x/s.png", "sticker_id": 3}}, Attachment("sticker", url="https://x/s.png")),
        ({"type": "audio", "payload": {"url": "https://x/a.mp4"}}, Attachment("audio", url="https://x/a.mp4")),
        ({"type": "video", "payload": {"url": "https://x/a.mp4"}}, Attachment("video", url="https://x/a.mp4")),
        ({"type": "reel", "payload": {"url": "https://x/r", "title": "A reel"}}, Attachment("video", url="https://x/r", name="A reel")),
        ({"type": "file", "payload": {"url": "https://x/v/B%C3%BCro.pdf?oh=1"}}, Attachment("document", url="https://x/v/B%C3%BCro.pdf?oh=1", name="Büro.pdf")),
        ({"type": "location", "title": "Home", "payload": {"coordinates": {"lat": 1.5, "long": -2}}}, Attachment("location", url="geo:1.5,-2.0", name="Home")),
    ],
)  # fmt: skip
def test_a_file_is_an_attachment(told: dict[str, Any], expected: Attachment) -> None:
    found = said(attachments=[told])
    assert ("media", (expected,)) == (found.kind, found.attachments)


def test_several_pictures_of_one_message_are_all_there() -> None:
    told = [{"type": "image", "payload": {"url": f"https://x/{n}"}} for n in range(3)]
    found = said(attachments=told, text="these")
    assert ("these", ["https://x/0", "https://x/1", "https://x/2"]) == (
        found.text,
        [each.url for each in found.attachments],
    )


def test_a_shared_link_is_its_text() -> None:
    link = {"type": "fallback", "title": "The shop", "url": "https://shop.example/"}
    assert ("text", "The shop\nhttps://shop.example/") == what(said(attachments=[link]))[:2]
    assert ("text", "see https://shop.example/") == what(said(attachments=[link], text="see https://shop.example/"))[:2]


@pytest.mark.parametrize("told", [{"attachments": [{"type": "hologram", "payload": {}}]}, {"is_unsupported": True}, {}])
def test_what_cannot_be_read_can_still_be_answered(told: dict[str, Any]) -> None:
    assert ("media", "", "m_1", None, []) == what(said(**told))


@pytest.mark.parametrize(
    ("text", "kind"), [("/stop", "command"), (" /Help ", "command"), ("/etc", "text"), ("/help me", "text")]
)
def test_a_command_is_known_by_its_name_alone(text: str, kind: str) -> None:
    assert kind == said(text=text).kind


def test_a_tap_gives_its_data_back() -> None:
    assert ("button", "yes", "m_1", None, []) == what(said(text="Yes", quick_reply={"payload": "yes"}))
    assert ("button", "no", "m_2", None, []) == what(one(postback={"title": "No", "payload": "no", "mid": "m_2"}))
    assert ("button", "Opening hours?") == what(one(postback={"title": "Opening hours?"}))[:2]
    assert ("command", "/start") == what(one(postback={"title": "Get started", "payload": "GET_STARTED"}))[:2]
    assert ("command", "/human") == what(one(postback={"title": "A person", "payload": "/human"}))[:2]


def test_a_tap_without_an_id_has_one_of_its_own_that_stays() -> None:
    taps = [one(postback={"title": "Yes", "payload": payload}) for payload in ("a", "b", "a")]
    assert taps[0].id == taps[2].id != taps[1].id
    assert one(postback={"title": "Yes", "payload": "a"}, at=TIME + 1).id != taps[0].id


def test_an_edit_concerns_its_message() -> None:
    assert ("edit", "later", "m_1:edit:2", "m_1", []) == what(
        one(message_edit={"mid": "m_1", "text": "later", "num_edit": "2"})
    )
    assert [] == events(event(PAGE, message_edit={"mid": "m_1", "text": "new", "num_edit": 0}))


def test_a_report_names_each_message() -> None:
    found = events(
        event(PAGE, delivery={"mids": ["m_1", "m_2"], "watermark": 1}), event(PAGE, delivery={"watermark": 1})
    )
    assert [("status", "delivered", f"m_{n}:delivered", f"m_{n}", []) for n in (1, 2)] == [what(each) for each in found]


def test_our_own_message_coming_back_is_a_report_with_its_key() -> None:
    found = one(ours=True, message={"mid": "m_1", "text": "A", "is_echo": True, "metadata": stamp("turn:0/1")})
    assert ("status", "sent", "m_1:sent", "m_1", []) == what(found)
    assert ("turn:0/1", PERSON) == (found.raw["key"], found.address.chat)
    assert connector().holder(found) is None


def test_a_message_of_our_app_without_a_stamp_is_a_report_too() -> None:
    found = one(ours=True, options={"app_id": APP}, message={"mid": "m_1", "is_echo": True, "app_id": int(APP)})
    assert ("status", "sent", False) == (found.kind, found.text, "key" in found.raw)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({}, "person"),
        ({"app_id": INBOX}, "person"),
        ({"app_id": 42}, "platform"),
        ({"metadata": "of another"}, "person"),
    ],
)
def test_a_message_that_somebody_else_wrote_says_who_holds_the_conversation(
    message: dict[str, Any], expected: str
) -> None:
    found = one(ours=True, message={"mid": "m_1", "text": "I am Ann.", "is_echo": True, **message})
    assert ("echo", "I am Ann.", "m_1", PERSON, PAGE) == (
        found.kind,
        found.text,
        found.id,
        found.address.chat,
        found.sender,
    )
    assert expected == connector(app_id=APP).holder(found)


def test_while_another_application_answers_the_conversation_is_its_own() -> None:
    found = one(place="standby", message={"mid": "m_1", "text": "hello"})
    assert ("text", True, "platform", WINDOW) == (
        found.kind,
        found.raw["standby"],
        connector().holder(found),
        connector().window(found),
    )
    theirs = one(place="standby", ours=True, message={"mid": "m_2", "is_echo": True, "app_id": INBOX})
    assert ("echo", "person") == (theirs.kind, connector().holder(theirs))


@pytest.mark.parametrize(
    ("name", "told", "app_id", "expected"),
    [
        ("pass_thread_control", {"new_owner_app_id": APP}, APP, "bot"),
        ("pass_thread_control", {"new_owner_app_id": APP}, None, "bot"),
        ("pass_thread_control", {"new_owner_app_id": str(INBOX)}, APP, "person"),
        ("pass_thread_control", {"new_owner_app_id": INBOX}, None, "person"),
        ("pass_thread_control", {"new_owner_app_id": "42"}, APP, "platform"),
        ("pass_thread_control", {"metadata": "x"}, APP, "bot"),
        ("take_thread_control", {"new_owner_app_id": INBOX}, APP, "person"),
        ("take_thread_control", {"previous_owner_app_id": APP}, APP, "person"),
        ("take_thread_control", {"new_owner_app_id": "42"}, APP, "platform"),
        ("take_thread_control", {"new_owner_app_id": APP}, APP, "bot"),
        ("request_thread_control", {"requested_owner_app_id": "42"}, APP, None),
    ],
)
def test_a_hand_over_says_who_holds_the_conversation(
    name: str, told: dict[str, Any], app_id: str | None, expected: str | None
) -> None:
    [found] = events(event(PAGE) | {name: told})
    assert ("system", name, PERSON) == (found.kind, found.text, found.address.chat)
    assert expected == connector(app_id=app_id).holder(found)


def test_a_hand_over_to_an_application_without_a_person_is_left_out() -> None:
    assert [] == events({"recipient": {"id": PAGE}, "timestamp": TIME, "app_roles": {APP: ["primary_receiver"]}},
                        {"recipient": {"id": PAGE}, "timestamp": TIME, "optin": {"ref": "x", "user_ref": "y"}})  # fmt: skip


AD = {"source": "ADS", "type": "OPEN_THREAD", "ad_id": "1"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"message": {"mid": "m_1", "text": "x"}}, WINDOW),
        ({"message": {"mid": "m_1", "text": "x", "referral": AD}}, AD_WINDOW),
        ({"postback": {"payload": "GET_STARTED", "referral": AD}}, AD_WINDOW),
        ({"referral": AD}, AD_WINDOW),
        ({"referral": {"source": "SHORTLINK", "ref": "x"}}, WINDOW),
        ({"optin": {"ref": "x"}}, WINDOW),
        ({"reaction": {"mid": "m_1", "action": "react", "emoji": "👍"}}, WINDOW),
        ({"reaction": {"mid": "m_1", "action": "unreact", "emoji": "👍"}}, 0.0),
        ({"delivery": {"mids": ["m_1"]}}, 0.0),
        ({"pass_thread_control": {}}, 0.0),
        ({"message_edit": {"mid": "m_1", "text": "x", "num_edit": 1}}, 0.0),
    ],
)
def test_what_a_person_does_opens_the_window(content: dict[str, Any], expected: float) -> None:
    assert expected == connector().window(one(**content))


def test_what_others_write_opens_no_window() -> None:
    assert 0.0 == connector().window(one(ours=True, message={"mid": "m_1", "text": "x", "is_echo": True}))


@given(key=st.text(min_size=1, max_size=1200), ahead=st.integers(0, 3))
def test_a_stamp_is_read_back_or_not_made(key: str, ahead: int) -> None:
    made = stamp(key, ahead=ahead)
    assert made is None or (len(made) < 1000 and stamped(made) == (f"{key}#{ahead}" if ahead else key))
    assert stamped(key) is None or key.startswith("assistant:")


@pytest.mark.parametrize(
    ("id", "expected"),
    [("m_1", "m_1"), ("mid.145:41d1", "mid.145:41d1"), ("m_1:edit:2", "m_1"), ("m_1:delivered", "m_1"),
     ("postback:abc", None), ("reaction:m_1:abc", None), (None, None)],
)  # fmt: skip
def test_the_message_that_an_event_is_about_is_found_by_its_id(id: str | None, expected: str | None) -> None:
    assert expected == message_id(id)


@pytest.mark.parametrize(
    "header", ["", "sha1=0", "sha256=", "md5={digest}", "{digest}", "sha256={digest}0", "SHA256={digest}"]
)
def test_no_other_proof_is_believed_and_none_is_shown(header: str) -> None:
    good = signed(b"{}", SECRET)
    digest = good.headers["X-Hub-Signature-256"].removeprefix("sha256=")
    with pytest.raises(InvalidWebhook) as caught:
        connector().verify(Webhook("POST", headers={"X-Hub-Signature-256": header.format(digest=digest)}, body=b"{}"))
    assert digest not in str(caught.value)
    connector().verify(good)


@pytest.mark.parametrize("key", ["page_access_token", "page_id", "app_secret", "verify_token"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_without_what_it_needs_there_is_no_connector(key: str, value: str | None) -> None:
    with pytest.raises(ConfigurationError, match=rf"connectors\.messenger\.{key}"):
        connector(**{key: value})


@pytest.mark.parametrize(("option", "expected"), [(True, ""), (False, None), ("I am a machine.", "I am a machine.")])
def test_people_are_told_that_it_is_a_machine_unless_configured_otherwise(option: Any, expected: str | None) -> None:
    assert expected == connector(disclosure=option).disclosure
