"""What people do in an Instagram account's conversations becomes events, in both shapes that Meta tells them in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from messaging_payloads import PERSON, TIME, body, event, signed

from assistant.errors import ConfigurationError
from assistant.types import Attachment, Incoming
from connectors.instagram import Instagram

RECORDED = Path(__file__).parents[3] / "shared" / "contracts" / "recorded" / "vercel-chat" / "dm" / "instagram.json"
ACCOUNT = "17841400000000000"
SECRET = "app-secret-of-the-tests"


def connector(**options: Any) -> Instagram:
    wanted = {"access_token": "IGAAtoken-of-the-tests", "account_id": ACCOUNT, "app_secret": SECRET,
              "verify_token": "verify-token-of-the-tests", **options}  # fmt: skip
    return Instagram(**wanted)


def parsed(content: bytes, **options: Any) -> list[Incoming]:
    return list(connector(**options).parse(signed(content, SECRET)))


def one(*, ours: bool = False, **content: Any) -> Incoming:
    [found] = parsed(body("instagram", ACCOUNT, event(ACCOUNT, ours=ours, **content)))
    return found


def said(**message: Any) -> Incoming:
    return one(message={"mid": "IG1", **message})


def what(found: Incoming) -> tuple[Any, ...]:
    return found.kind, found.text, found.id, found.reply_to


RECORDINGS = {
    "firstMessage": ("text", "Do you ship to Córdoba?", "mid_ig_text_001", None),
    "storyReply": ("text", "Is this available?", "mid_ig_story_001", None),
    "reactionAdded": ("reaction", "❤️", "reaction:mid_ig_text_001", "mid_ig_text_001"),
    "quickReply": ("button", 'chat:{"a":"confirm","v":"yes"}', "mid_ig_quick_001", None),
    "echoMessage": ("echo", "Bot response", "mid_ig_echo_001", None),
}
"""Each recorded webhook and its event; the reaction's id goes on with a digest."""


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded webhooks are not at hand")
@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_webhook_gives_the_event_it_tells_of(name: str) -> None:
    [found] = parsed(json.dumps(json.loads(RECORDED.read_text("utf-8"))[name]).encode())
    kind, text, id, about = what(found)
    id = id.rpartition(":")[0] if id.startswith("reaction:") else id
    assert RECORDINGS[name] == (kind, text, id, about)
    assert f"instagram:{ACCOUNT}:{PERSON}" == str(found.address)


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded webhooks are not at hand")
def test_every_recorded_webhook_is_expected() -> None:
    recorded = json.loads(RECORDED.read_text("utf-8"))
    assert set(RECORDINGS) == {name for name, value in recorded.items() if isinstance(value, dict)}


@pytest.mark.parametrize("place", ["changes", "the entry itself"])
def test_messages_that_are_told_as_changes_are_read_too(place: str) -> None:
    value = event(ACCOUNT, at=TIME // 1000, message={"mid": "IG1", "text": "hello"})
    value["timestamp"] = str(value["timestamp"])
    change = {"field": "messages", "value": value}
    entry = {"id": ACCOUNT, "time": TIME, **({"changes": [change]} if place == "changes" else change)}
    [found] = parsed(json.dumps({"object": "instagram", "entry": [entry]}).encode())
    assert ("text", "hello", "IG1", None) == what(found)
    assert datetime(2026, 3, 8, 19, 27, 4, tzinfo=UTC) == found.sent_at


def test_standby_that_is_told_as_a_change_is_that_of_another_application() -> None:
    change = {"field": "standby", "value": event(ACCOUNT, message={"mid": "IG1", "text": "hello"})}
    [found] = parsed(body("instagram", ACCOUNT, change, place="changes"))
    assert ("text", "platform") == (found.kind, connector().holder(found))


def test_comments_are_for_another_connector() -> None:
    value = {"id": "178", "from": {"id": PERSON, "username": "ann"}, "text": "nice", "media": {"id": "1"}}
    assert [] == parsed(body("instagram", ACCOUNT, {"field": "comments", "value": value}, place="changes"))


@pytest.mark.parametrize(
    ("type", "kind"),
    [("image", "image"), ("video", "video"), ("audio", "audio"), ("file", "document"), ("share", "image"),
     ("ig_post", "image"), ("ig_reel", "video"), ("reel", "video"), ("story_mention", "image")],
)  # fmt: skip
def test_what_is_shared_is_an_attachment(type: str, kind: Any) -> None:
    found = said(attachments=[{"type": type, "payload": {"url": "https://cdn.cdninstagram.com/1"}}])
    assert ("media", (Attachment(kind, url="https://cdn.cdninstagram.com/1"),)) == (found.kind, found.attachments)


def test_a_reply_to_a_story_is_a_question_and_the_story_is_at_hand() -> None:
    story = {"id": "179", "url": "https://cdn.cdninstagram.com/story"}
    found = said(text="How much?", reply_to={"story": story})
    assert ("text", "How much?", "IG1", None) == what(found)
    assert story == found.raw["message"]["reply_to"]["story"]


def test_a_message_that_was_taken_back_is_deleted() -> None:
    assert ("delete", "", "IG1:delete", "IG1") == what(said(is_deleted=True))
    assert [] == parsed(
        body(
            "instagram", ACCOUNT, event(ACCOUNT, ours=True, message={"mid": "IG1", "is_echo": True, "is_deleted": True})
        )
    )


def test_what_was_read_is_a_report() -> None:
    assert ("status", "read", "IG1:read", "IG1") == what(one(read={"mid": "IG1"}))


def test_what_the_account_writes_to_itself_is_nobody_s() -> None:
    told = {"sender": {"id": ACCOUNT}, "recipient": {"id": ACCOUNT}, "timestamp": TIME}
    assert [] == parsed(body("instagram", ACCOUNT, {**told, "message": {"mid": "IG1", "text": "note"}},
                             {**told, "message": {"mid": "IG2", "text": "note", "is_echo": True}}))  # fmt: skip


def test_what_the_account_sent_is_an_echo_also_where_it_is_not_called_one() -> None:
    found = one(ours=True, message={"mid": "IG1", "text": "A person writes."})
    assert ("echo", PERSON, "person") == (found.kind, found.address.chat, connector().holder(found))


@pytest.mark.parametrize("key", ["access_token", "account_id", "app_secret", "verify_token"])
def test_without_what_it_needs_there_is_no_connector(key: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"connectors\.instagram\.{key}"):
        connector(**{key: ""})


def test_the_login_decides_over_page_and_host() -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.instagram\.page_id is not set"):
        connector(login="page")
    with pytest.raises(ConfigurationError, match=r"connectors\.instagram\.page_id goes with login"):
        connector(page_id="1")
    with pytest.raises(ConfigurationError, match=r"connectors\.instagram\.login is 'facebook'"):
        connector(login="facebook")
    assert "17841400000000000" in repr(connector(login="page", page_id="1"))
