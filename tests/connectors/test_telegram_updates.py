"""What Telegram sends becomes events: pure, complete, and for the bot only."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram_payloads import ANN, BOT, FORUM, GROUP, PRIVATE, TOKEN, marked, message, parsed, webhook

from assistant.errors import InvalidWebhook
from assistant.types import Address, Attachment, Webhook
from connectors.telegram import Telegram

RECORDED = Path(__file__).parents[3] / "shared" / "contracts" / "recorded" / "vercel-chat" / "telegram.json"


def test_a_private_message_is_a_text() -> None:
    [event] = parsed("message", message(text="how are you"))
    assert Address("telegram", "700000001", "5") == event.address
    assert ("5:133", "5", "text", "how are you", None) == (
        event.id, event.sender, event.kind, event.text, event.reply_to
    )  # fmt: skip
    assert datetime.fromtimestamp(1767224888, UTC) == event.sent_at
    assert "en" == event.raw["message"]["from"]["language_code"]


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded webhooks are not at hand")
def test_recorded_updates_are_parsed() -> None:
    recorded = json.loads(RECORDED.read_text())
    bot = Telegram(token=f"{recorded['botUserId']}:abcdef")
    bodies = [json.dumps(recorded[name]).encode() for name in ("mention", "followUp")]
    events = [event for body in bodies for event in bot.parse(Webhook(method="POST", body=body))]
    assert ["7527593:133", "7527593:134"] == [event.id for event in events]
    assert ["@vercelchatsdkbot hi", "how are you"] == [event.text for event in events]
    assert sorted(event.order for event in events) == [event.order for event in events]


def test_a_redelivery_has_the_same_id_whatever_its_update_is_called() -> None:
    bot = Telegram(token=TOKEN)
    first, second = (bot.parse(webhook("message", message(text="hi"), update_id=number)) for number in (1, 2))
    assert [event.id for event in first] == [event.id for event in second]


@pytest.mark.parametrize(
    ("text", "chat", "expected"),
    [
        ("/start", PRIVATE, "/start"),
        ("/Start from-a-link", PRIVATE, "/start from-a-link"),
        ("/reset@test_bot now", GROUP, "/reset now"),
        ("/reset@TEST_BOT", GROUP, "/reset"),
        ("/stop", GROUP, "/stop"),
    ],
)
def test_a_command_is_told_without_the_name_of_the_bot(text: str, chat: dict[str, Any], expected: str) -> None:
    [event] = parsed("message", message(chat, text=text))
    assert ("command", expected) == (event.kind, event.text)


@pytest.mark.parametrize("chat", [PRIVATE, GROUP])
def test_a_command_for_another_bot_is_left_out(chat: dict[str, Any]) -> None:
    assert [] == parsed("message", message(chat, text="/reset@other_bot"))


@pytest.mark.parametrize(("chat", "expected"), [(PRIVATE, ["/weather today"]), (GROUP, [])])
def test_in_a_group_a_command_nobody_is_named_by_and_the_bot_does_not_know_is_anothers(
    chat: dict[str, Any], expected: list[str]
) -> None:
    assert expected == [event.text for event in parsed("message", message(chat, text="/weather today"))]
    assert ["/weather"] == [event.text for event in parsed("message", message(chat, text="/weather@test_bot"))]


def test_a_path_is_no_command() -> None:
    [event] = parsed("message", message(text="/etc/hosts is what?"))
    assert "text" == event.kind


def test_in_a_group_only_what_is_addressed_to_the_bot_is_an_event() -> None:
    assert [] == parsed("message", message(GROUP, text="hello all, test_bot too"))
    assert [] == parsed("message", message(GROUP, **marked("mention", "ask @other_bot", "@other_bot")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@test_bot, how often?", "how often?"),
        ("👋🏽 @Test_Bot how often?", "👋🏽 how often?"),
        ("how often? @test_bot", "how often?"),
        ("@test_bot", "@test_bot"),
    ],
)
def test_a_mention_addresses_the_bot_and_is_taken_out(text: str, expected: str) -> None:
    part = next(word.strip(",") for word in text.split() if word.lower().startswith("@test_bot"))
    [event] = parsed("message", message(GROUP, **marked("mention", text, part)))
    assert expected == event.text


def test_a_mention_of_a_bot_by_its_id_addresses_it() -> None:
    [event] = parsed("message", message(GROUP, **marked("text_mention", "Bot, when?", "Bot", user=BOT)), username=None)
    assert "when?" == event.text


def test_a_reply_to_the_bot_addresses_it() -> None:
    [event] = parsed("message", message(GROUP, text="and then?", reply_to_message=message(GROUP, **{"from": BOT}) | {"message_id": 7}))  # fmt: skip
    assert "-900:7" == event.reply_to
    assert [] == parsed("message", message(GROUP, text="right", reply_to_message=message(GROUP) | {"message_id": 7}))


def test_while_the_username_is_unknown_a_name_of_any_bot_may_be_its_own() -> None:
    mentioned = message(GROUP, **marked("mention", "@test_bot hi", "@test_bot"))
    assert ["hi"] == [event.text for event in parsed("message", mentioned, username=None)]
    assert ["/help"] == [event.text for event in parsed("message", message(GROUP, text="/help@TestBot"), username=None)]
    assert [] == parsed("message", message(GROUP, **marked("mention", "ask @bob", "@bob")), username=None)


def test_topics_are_threads_and_general_is_number_one() -> None:
    in_topic = message(FORUM, message_thread_id=7, is_topic_message=True, text="/help")
    assert ["7"] == [event.address.thread for event in parsed("message", in_topic)]
    assert ["1"] == [event.address.thread for event in parsed("message", message(FORUM, text="/help"))]
    in_replies = message(GROUP, message_thread_id=7, text="/help")
    assert [None] == [event.address.thread for event in parsed("message", in_replies)]


def test_the_message_that_opened_a_topic_is_not_what_is_replied_to() -> None:
    opening = message(FORUM, forum_topic_created={"name": "T"}, **{"from": BOT}) | {"message_id": 7}
    said = message(FORUM, message_thread_id=7, is_topic_message=True, reply_to_message=opening)
    assert [] == parsed("message", said | {"text": "among ourselves"})
    [event] = parsed("message", said | {"text": "/help"})
    assert event.reply_to is None


def test_an_edit_is_an_event_of_its_own() -> None:
    [event] = parsed("edited_message", message(text="rather this", edit_date=1767225000))
    assert ("edit", "5:133:edit:1767225000", "rather this") == (event.kind, event.id, event.text)
    assert "5:133" == event.reply_to


@pytest.mark.parametrize("chat", [PRIVATE, GROUP])
def test_an_edit_that_became_a_command_is_none(chat: dict[str, Any]) -> None:
    assert [] == parsed("edited_message", message(chat, text="/reset", edit_date=1767225000))


def test_a_moving_location_is_no_edit() -> None:
    place = {"latitude": 1.5, "longitude": 2.5}
    assert [] == parsed("edited_message", message(location=place, edit_date=1767225000))


def test_a_tap_is_a_button_with_its_data() -> None:
    under = message(FORUM, message_thread_id=7, is_topic_message=True, text="Choose", **{"from": BOT})
    [event] = parsed(
        "callback_query", {"id": "4242", "from": ANN, "message": under, "data": "yes", "chat_instance": "1"}
    )
    assert ("button", "callback:4242", "yes", "5") == (event.kind, event.id, event.text, event.sender)
    assert ("-100901:133", "7") == (event.reply_to, event.address.thread)


def test_a_tap_under_a_message_that_is_too_old_to_be_shown_is_a_button() -> None:
    gone = {"chat": PRIVATE, "message_id": 9, "date": 0}
    [event] = parsed("callback_query", {"id": "1", "from": ANN, "message": gone, "data": "yes"})
    assert "5:9" == event.reply_to


def test_a_tap_on_an_inline_result_is_left_out() -> None:
    assert [] == parsed("callback_query", {"id": "1", "from": ANN, "inline_message_id": "x", "data": "yes"})


def test_a_reaction_names_its_message_and_who_gave_it() -> None:
    change = {"chat": GROUP, "message_id": 9, "user": ANN, "date": 1767225000, "old_reaction": []}
    [given] = parsed("message_reaction", change | {"new_reaction": [{"type": "emoji", "emoji": "👍"}]})
    [taken] = parsed("message_reaction", change | {"new_reaction": []})
    assert ("reaction", "👍", "-900:9", "5") == (given.kind, given.text, given.reply_to, given.sender)
    assert ("reaction", "") == (taken.kind, taken.text)
    assert given.id != taken.id


def test_a_reaction_of_an_anonymous_administrator_is_of_the_chat() -> None:
    change = {"chat": GROUP, "message_id": 9, "actor_chat": GROUP, "date": 1, "old_reaction": [], "new_reaction": [{"type": "paid"}]}  # fmt: skip
    [event] = parsed("message_reaction", change)
    assert ("-900", "paid") == (event.sender, event.text)


@pytest.mark.parametrize(
    ("chat", "old", "new", "text"),
    [
        (PRIVATE, "member", "kicked", "blocked"),
        (PRIVATE, "kicked", "member", "unblocked"),
        (GROUP, "left", "member", "added"),
        (GROUP, "administrator", "kicked", "removed"),
    ],
)
def test_who_lets_the_bot_in_or_out_is_told(chat: dict[str, Any], old: str, new: str, text: str) -> None:
    change = {
        "chat": chat,
        "from": ANN,
        "date": 1,
        "old_chat_member": {"status": old},
        "new_chat_member": {"status": new},
    }
    [event] = parsed("my_chat_member", change)
    assert ("system", text) == (event.kind, event.text)


def test_a_promotion_is_no_event() -> None:
    change = {"chat": GROUP, "from": ANN, "date": 1, "old_chat_member": {"status": "member"}, "new_chat_member": {"status": "administrator"}}  # fmt: skip
    assert [] == parsed("my_chat_member", change)


def test_a_group_that_becomes_a_supergroup_is_told_on_both_sides() -> None:
    [old] = parsed("message", message(GROUP, migrate_to_chat_id=-100900))
    [new] = parsed("message", message(GROUP | {"id": -100900}, migrate_from_chat_id=-900))
    assert [("system", "migrated_to:-100900"), ("system", "migrated_from:-900")] == [
        (e.kind, e.text) for e in (old, new)
    ]
    assert [("-100900", ("-900",))] * 2 == [(e.address.chat, e.aliases) for e in (old, new)]
    assert old.id != new.id


def test_a_migration_without_a_chat_that_can_be_read_is_left_out() -> None:
    assert [] == parsed("message", message(GROUP, migrate_to_chat_id=None))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"photo": [{"file_id": "s", "width": 90, "height": 90}, {"file_id": "l", "width": 900, "height": 900, "file_size": 5}]},
            Attachment("image", file_id="l", mime_type="image/jpeg", size=5),
        ),
        ({"voice": {"file_id": "v", "duration": 3}}, Attachment("audio", file_id="v", mime_type="audio/ogg")),
        (
            {"audio": {"file_id": "a", "file_name": "a.mp3", "mime_type": "audio/mpeg"}},
            Attachment("audio", file_id="a", name="a.mp3", mime_type="audio/mpeg"),
        ),
        ({"video_note": {"file_id": "n"}}, Attachment("video", file_id="n", mime_type="video/mp4")),
        (
            {"document": {"file_id": "d", "file_name": "a.pdf", "mime_type": "application/pdf", "file_size": 9}},
            Attachment("document", file_id="d", name="a.pdf", mime_type="application/pdf", size=9),
        ),
        ({"animation": {"file_id": "g"}, "document": {"file_id": "g"}}, Attachment("video", file_id="g", mime_type="video/mp4")),
        ({"sticker": {"file_id": "k", "is_video": True}}, Attachment("sticker", file_id="k", mime_type="video/webm")),
        (
            {"location": {"latitude": 1.5, "longitude": -2.0}, "venue": {"title": "Pier"}},
            Attachment("location", url="geo:1.5,-2.0", name="Pier"),
        ),
        (
            {"contact": {"phone_number": "+123", "first_name": "Bo", "last_name": "Li"}},
            Attachment("contact", url="tel:+123", name="Bo Li"),
        ),
    ],
)  # fmt: skip
def test_files_and_places_are_attachments(fields: dict[str, Any], expected: Attachment) -> None:
    [event] = parsed("message", message(**fields, caption="look"))
    assert ("media", "look", (expected,)) == (event.kind, event.text, event.attachments)


def test_a_file_in_a_group_needs_an_address_too() -> None:
    captioned = {"caption": "@test_bot read this", "caption_entities": [{"type": "mention", "offset": 0, "length": 9}]}
    document = {"document": {"file_id": "d"}}
    assert [] == parsed("message", message(GROUP, **document))
    assert ["read this"] == [event.text for event in parsed("message", message(GROUP, **document, **captioned))]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("channel_post", message({"id": -1001, "type": "channel"}, text="news")),
        ("message", message(text="beep", **{"from": BOT | {"id": 8}})),
        ("message", message(FORUM, text="/help", is_automatic_forward=True)),
        ("message", message(pinned_message=message(text="old"))),
        ("message", message(dice={"emoji": "🎲", "value": 3})),
        ("message", {"message_id": 1}),
        ("message", []),
        ("message", None),
        ("message", message(text="hi", date="yesterday")),
        ("message", message(text="hi", date=10**30)),
        ("managed_bot", {"user": ANN, "bot": BOT}),
    ],
)
def test_what_is_not_for_the_bot_or_not_known_is_left_out(kind: str, content: Any) -> None:
    assert [] == parsed(kind, content)


def test_an_anonymous_administrator_is_a_person() -> None:
    group_bot = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
    [event] = parsed("message", message(GROUP, text="/help", sender_chat=GROUP, **{"from": group_bot}))
    assert "command" == event.kind


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda kids: st.lists(kids) | st.dictionaries(
    st.sampled_from(["chat", "id", "type", "from", "text", "date", "message_id", "photo", "entities", "document"]), kids)))  # fmt: skip
def test_nothing_that_is_json_breaks_parsing(content: Any) -> None:
    for kind in ("message", "edited_message", "callback_query", "message_reaction", "my_chat_member"):
        parsed(kind, content)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"{}", b'{"update_id": "1"}', b'{"update_id": true}', b"[" * 100_000]
)
def test_a_body_that_is_no_update_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidWebhook):
        Telegram(token=TOKEN).parse(Webhook(method="POST", body=body))
