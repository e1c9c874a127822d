"""What Meta sends of WhatsApp becomes events: pure, complete, and by whatever the person is known."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from whatsapp_payloads import NUMBER, PARENT, PHONE, USER, body, change, connector, message, one, parsed, signed, text

from assistant.errors import InvalidWebhook
from assistant.types import Address, Attachment, Incoming, Webhook

CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts"
RECORDED = CONTRACTS / "recorded" / "vercel-chat" / "dm" / "whatsapp.json"
EXAMPLES = CONTRACTS / "whatsapp" / "whatsapp_webhooks_16.json"

DAY = 24 * 3600.0


def of(number: str, body: Any) -> list[Incoming]:
    return list(connector(phone_number_id=number).parse(signed(json.dumps(body).encode())))


def test_a_text_is_an_event() -> None:
    event = one(text("how are you"), contacts=[{"wa_id": PHONE, "profile": {"name": "Ann"}}])
    assert Address("whatsapp", NUMBER, PHONE) == event.address
    assert ("wamid.ONE", PHONE, "text", "how are you", None, ()) == (
        event.id, event.sender, event.kind, event.text, event.reply_to, event.aliases
    )  # fmt: skip
    assert datetime.fromtimestamp(1772998024, UTC) == event.sent_at
    assert "001772998024:00000" == event.order


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded webhooks are not at hand")
def test_recorded_webhooks_are_parsed() -> None:
    recorded = json.loads(RECORDED.read_text())
    number = recorded["phoneNumberId"]
    [first], [second], [status] = (of(number, recorded[name]) for name in ("firstMessage", "secondMessage", "statusUpdate"))  # fmt: skip
    assert ("wamid.FAKE_MSG_ID_001", "text", "What is Vercel?") == (first.id, first.kind, first.text)
    assert ("wamid.FAKE_MSG_ID_002", "text", "Tell me more") == (second.id, second.kind, second.text)
    assert {Address("whatsapp", "100000000000001", "15550002222")} == {each.address for each in (first, second, status)}
    assert datetime(2026, 3, 8, 19, 27, 4, tzinfo=UTC) == first.sent_at
    assert ("wamid.FAKE_MSG_SENT_001:sent", "status", "sent", "wamid.FAKE_MSG_SENT_001", {}) == (
        status.id, status.kind, status.text, status.reply_to, status.raw
    )  # fmt: skip
    assert first.order < second.order


WAMID = "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQ"
REPLIED = "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGB"
EXPECTED: dict[str, tuple[Any, ...]] = {
    "Text Message": (f"{WAMID}zQTRBNjU5OUFFRTAzODEwMTQ0RgA=", "text", "Does it come in another color?", None, 1749416383),
    "Text Message with Context (Product Inquiry)": (
        f"{WAMID}zQTA2NTUwRkNEMDdFQjJCRUU0NQA=", "text", "Is this still available?",
        "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGA9wcm9kdWN0X2lucXVpcnkA", 1750016800,
    ),
    "Text Message from Click to WhatsApp Ad": (
        f"{WAMID}zQUQ0N0VFMDA2MTQ0RkJFNkNDNAA=", "text", "Hello! Can I get more info on this?", None, 1750275992,
    ),
    "Reaction Message": (
        f"{WAMID}zQTRBNjU5OUFFRTAzODEwMTQ0RgA=", "reaction", "👍", f"{REPLIED}I0RTJEOTc2ODVERUY5RDlGNkYA", 1749419544,
    ),
    "Image Message": (f"{WAMID}zQTRBNjU5OUFFRTAzODEwMTQ0RgA=", "media", "Taj Mahal", None, 1744344496),
    "Location Message": (f"{WAMID}zQTU2MjZEMDBGRkE3MENEMDE0RQA=", "media", "", None, 1744344496),
    "Contact Sharing Message": (f"{WAMID}zQTRBNjU5OUFFRTAzODEwMTQ0RgA=", "media", "", None, 1744344496),
    "Unsupported Message": ("wamid.HBgLMTQyMDU1NTA3NDkVAgASGBI5N0MwRjg0RTVBNUI1RDA2OTkA", "media", "", None, 1750090702),
    "Button Message": (
        f"{WAMID}zQUU0M0MxQzQzMUJCMTMwNUZFOQA=", "button", "Unsubscribe", f"{REPLIED}JFNjk2OTMwNEZCQjhGMzUyQUYA", 1750091045,
    ),
    "Interactive List Reply Message": (
        f"{WAMID}zQUJDQ0NDM0FEODY4ODkzOTc5RgA=", "button", "priority_express", f"{REPLIED}JGMzEyNzhENTZDMzNGODlDRDgA",
        1749854575,
    ),
    "Interactive Button Reply Message": (
        f"{WAMID}zQTZBQzg0MzQ4QjRCM0NGNkVGOAA=", "button", "cancel-button", f"{REPLIED}I3MEM2RUJFNkI0RENGQTVDRjUA", 1750025136,
    ),
    "Order Message": (f"{WAMID}zQTEyQjFGNzI1QTQxMjI5QTMyOQA=", "media", "", None, 1750096325),
    "System Message": ("wamid.HBgLMTk4MzU1NTE5NzQVAgASGAoxMTgyMDg2MjY3AA==", "system", "user_changed_number", None, 1750269342),
}  # fmt: skip
"""Id, kind, text, the message concerned and the time of each of Meta's examples that has an event."""


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples of Meta are not at hand")
def test_the_examples_of_meta_are_parsed() -> None:
    examples = json.loads(EXAMPLES.read_text())
    found = {name: of("106540352242922", example) for name, example in examples.items()}
    assert 16 == len(examples)
    assert {"Group Create Message", "Group Settings Update", "Group Remove Participants"} == {
        name for name, events in found.items() if not events
    }
    told = {
        name: (event.id, event.kind, event.text, event.reply_to, int(event.sent_at.timestamp()))
        for name, events in found.items()
        for event in events
    }
    assert EXPECTED == told
    chats = {name: event.address.chat for name, events in found.items() for event in events}
    assert {**dict.fromkeys(EXPECTED, "16505551234"), "System Message": "12195555358"} == chats
    files = {name: event.attachments for name, events in found.items() for event in events if event.attachments}
    assert files == {
        "Image Message": (Attachment("image", file_id="1003383421387256", mime_type="image/jpeg"),),
        "Location Message": (
            Attachment(
                "location", url="geo:37.44221496582,-122.16165924072",
                name="Philz Coffee, 101 Forest Ave, Palo Alto, CA 94301",
            ),
        ),
        "Contact Sharing Message": (Attachment("contact", url="tel:+1 (983) 555-2319", name="Lucía Gómez"),),
    }  # fmt: skip


def test_a_person_is_known_by_the_business_scoped_id_and_the_number_is_an_alias() -> None:
    event = one(text(from_user_id=USER, from_parent_user_id=PARENT))
    assert (USER, USER, (PHONE, PARENT)) == (event.address.chat, event.sender, event.aliases)


def test_a_person_without_a_number_is_known_by_the_id_alone() -> None:
    item = text(from_user_id=USER)
    del item["from"]
    event = one(item, contacts=[{"user_id": USER, "profile": {"username": "ann"}}])
    assert (USER, ()) == (event.address.chat, event.aliases)


def test_the_id_is_also_found_in_the_contact_of_the_same_person() -> None:
    contacts = [
        {"wa_id": "15550009999", "user_id": "US.9"},
        {"wa_id": PHONE, "user_id": USER, "parent_user_id": PARENT},
    ]
    event = one(text(), contacts=contacts)
    assert (USER, (PHONE, PARENT)) == (event.address.chat, event.aliases)


def test_the_only_contact_is_not_taken_for_somebody_else() -> None:
    event = one(text(), contacts=[{"wa_id": "15550009999", "user_id": "US.9"}])
    assert (PHONE, ()) == (event.address.chat, event.aliases)


def test_the_only_contact_is_who_wrote_where_the_message_names_nobody() -> None:
    item = text()
    del item["from"]
    assert USER == one(item, contacts=[{"user_id": USER}]).address.chat
    assert [] == parsed(change(messages=[item], contacts=[{"user_id": USER}, {"user_id": "US.9"}]))


def test_a_new_number_is_the_address_and_the_old_identities_are_aliases() -> None:
    told = {
        "type": "user_changed_number",
        "body": "…",
        "wa_id": "15550003333",
        "user_id": "US.2",
        "previous_user_id": USER,
    }
    event = one(message("system", told))
    assert ("system", "user_changed_number", "US.2") == (event.kind, event.text, event.address.chat)
    assert ("15550003333", PHONE, USER) == event.aliases


def test_a_new_id_is_the_address_and_the_old_one_an_alias() -> None:
    told = {"type": "user_changed_user_id", "user_id": "US.2", "previous_user_id": USER,
            "parent_user_id": "US.ENT.2", "previous_parent_user_id": PARENT}  # fmt: skip
    item = message("system", told)
    del item["from"]
    event = one(item)
    assert ("US.2", ("US.ENT.2", USER, PARENT)) == (event.address.chat, event.aliases)


def test_a_system_message_that_names_nobody_new_is_at_the_old_address() -> None:
    event = one(message("system", {"type": "customer_identity_changed", "body": "…"}))
    assert ("system", "customer_identity_changed", PHONE) == (event.kind, event.text, event.address.chat)


@pytest.mark.parametrize("typed", ["/stop", "/Stop ", "/STOP"])
def test_a_command_alone_is_a_command(typed: str) -> None:
    event = one(text(typed))
    assert ("command", "/stop") == (event.kind, event.text)


@pytest.mark.parametrize("typed", ["/stop now", "please /stop", "/unknown", "/", "stop"])
def test_anything_else_is_a_text(typed: str) -> None:
    event = one(text(typed))
    assert ("text", typed) == (event.kind, event.text)


@pytest.mark.parametrize(
    ("kind", "file", "attachment", "caption"),
    [
        ("image", {"id": "1", "mime_type": "image/png", "caption": "look"}, Attachment("image", file_id="1", mime_type="image/png"), "look"),
        ("video", {"id": "2", "mime_type": "video/mp4", "caption": "watch"}, Attachment("video", file_id="2", mime_type="video/mp4"), "watch"),
        ("audio", {"id": "3", "mime_type": "audio/ogg; codecs=opus", "voice": True},
         Attachment("audio", file_id="3", mime_type="audio/ogg; codecs=opus"), ""),
        ("document", {"id": "4", "mime_type": "application/pdf", "filename": "a.pdf", "caption": "read"},
         Attachment("document", file_id="4", mime_type="application/pdf", name="a.pdf"), "read"),
        ("sticker", {"id": "5", "mime_type": "image/webp", "animated": False}, Attachment("sticker", file_id="5", mime_type="image/webp"), ""),
    ],
)  # fmt: skip
def test_a_file_is_an_attachment_with_its_caption(kind: str, file: Any, attachment: Attachment, caption: str) -> None:
    event = one(message(kind, file))
    assert ("media", caption, (attachment,)) == (event.kind, event.text, event.attachments)


def test_what_was_entered_into_a_form_is_a_line_for_each_field() -> None:
    reply = {
        "name": "flow",
        "body": "Sent",
        "response_json": json.dumps({"flow_token": "x", "day": "Monday", "people": 3}),
    }
    event = one(message("interactive", {"type": "nfm_reply", "nfm_reply": reply}, context={"id": "wamid.FORM"}))
    assert ("button", "day: Monday\npeople: 3", "wamid.FORM") == (event.kind, event.text, event.reply_to)


@pytest.mark.parametrize("entered", ['["a"]', '{"flow_token": "x"}'])
def test_a_form_without_fields_is_what_the_person_saw(entered: str) -> None:
    reply = {"name": "flow", "body": "Sent", "response_json": entered}
    assert "Sent" == one(message("interactive", {"type": "nfm_reply", "nfm_reply": reply})).text


def test_a_reaction_that_was_taken_back_is_empty() -> None:
    event = one(message("reaction", {"message_id": "wamid.OURS"}))
    assert ("reaction", "", "wamid.OURS") == (event.kind, event.text, event.reply_to)


def test_an_edit_is_about_the_message_that_was_edited() -> None:
    said = {"context": {"message_id": "wamid.X"}, "type": "text", "text": {"body": "how rarely?"}}
    event = one(message("edit", {"original_message_id": "wamid.ONE", "message": said}, id="wamid.TWO"))
    assert ("wamid.ONE:edit:1772998024", "edit", "how rarely?", "wamid.ONE") == (event.id, event.kind, event.text, event.reply_to)  # fmt: skip


def test_an_edited_caption_keeps_its_file() -> None:
    said = {"type": "image", "image": {"id": "7", "mime_type": "image/jpeg", "caption": "better"}}
    event = one(message("edit", {"original_message_id": "wamid.ONE", "message": said}))
    assert ("edit", "better", ("7",)) == (event.kind, event.text, tuple(each.file_id for each in event.attachments))


def test_a_deletion_is_about_the_message_that_was_deleted() -> None:
    event = one(message("revoke", {"original_message_id": "wamid.ONE"}, id="wamid.TWO"))
    assert ("wamid.ONE:delete", "delete", "", "wamid.ONE") == (event.id, event.kind, event.text, event.reply_to)


def test_a_chat_that_was_just_opened_begins() -> None:
    assert ("command", "/start") == (one(message("request_welcome")).kind, one(message("request_welcome")).text)


@pytest.mark.parametrize("type", ["unsupported", "unknown", "poll_of_a_later_version"])
def test_what_cannot_be_read_is_a_medium_without_a_file(type: str) -> None:
    event = one(message(type, errors=[{"code": 131051, "title": "Message type unknown"}]))
    assert ("media", "", ()) == (event.kind, event.text, event.attachments)


def test_a_note_with_an_order_is_its_text() -> None:
    event = one(message("order", {"catalog_id": "1", "text": "By Friday?", "product_items": []}))
    assert ("media", "By Friday?") == (event.kind, event.text)


def test_every_entry_every_change_and_every_event_is_read() -> None:
    changes = [
        change(messages=[text(str(number), id=f"wamid.{number}"), text("x", id=f"wamid.x{number}")])
        for number in range(3)
    ]
    entries = [{"id": "1", "changes": changes[:2]}, {"id": "2", "changes": [change("account_update"), changes[2]]}]
    content = json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()
    events = connector().parse(signed(content))
    assert ["wamid.0", "wamid.x0", "wamid.1", "wamid.x1", "wamid.2", "wamid.x2"] == [event.id for event in events]
    assert sorted(event.order for event in events) == [event.order for event in events]


def test_a_malformed_event_does_not_break_the_batch(caplog: pytest.LogCaptureFixture) -> None:
    broken = [message("text"), text(timestamp="soon"), text(id=None), message("image", {"caption": "no id"}), {}]
    assert ["wamid.ONE"] == [event.id for event in parsed(change(messages=[*broken, text()]))]
    assert 5 == len([each for each in caplog.records if each.levelno == logging.WARNING])


def test_what_is_of_another_number_object_or_field_is_left_out() -> None:
    other = change(messages=[text()], number="999")
    field = change("group_lifecycle_update", messages=[text()])
    assert [] == parsed(other, field)
    assert [] == connector().parse(signed(body(change(messages=[text()]), object="page")))
    with pytest.raises(InvalidWebhook):
        connector().parse(Webhook(method="POST", body=b"[]"))


def test_messages_and_statuses_of_groups_are_left_out() -> None:
    status = {"id": "wamid.A", "status": "read", "timestamp": "1", "recipient_id": "group", "recipient_type": "group"}
    assert [] == parsed(change(messages=[text(group_id="Y2Fw")], statuses=[status]))


def test_errors_of_the_account_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert [] == parsed(change(errors=[{"code": 131042, "title": "Business eligibility payment issue"}]))
    assert "131042" in caplog.text


@pytest.mark.parametrize(
    ("told", "state"),
    [("sent", "sent"), ("delivered", "delivered"), ("read", "read"), ("played", "read"), ("failed", "failed")],
)
def test_a_status_tells_what_became_of_a_message_and_has_its_key(told: str, state: str) -> None:
    item = {"id": "wamid.OURS", "status": told, "timestamp": "1772998024", "recipient_id": PHONE,
            "recipient_user_id": USER, "biz_opaque_callback_data": "turn-1:0/1"}  # fmt: skip
    [event] = parsed(change(statuses=[item]))
    assert (f"wamid.OURS:{state}", "status", state, "wamid.OURS") == (event.id, event.kind, event.text, event.reply_to)
    assert ("turn-1:0/1", USER, (PHONE,)) == (event.raw["key"], event.address.chat, event.aliases)


def test_a_failure_has_its_reason_and_what_to_do() -> None:
    error = {
        "code": 131047,
        "title": "Re-engagement message",
        "error_data": {"details": "More than 24 hours have passed"},
    }
    item = {"id": "wamid.OURS", "status": "failed", "timestamp": "1", "recipient_id": PHONE, "errors": [error]}
    [event] = parsed(change(statuses=[item]))
    assert "131047: the 24 hours after the person's last message are over (More than 24 hours have passed): wait until the " \
        "person writes again, or configure a template" == event.raw["error"]  # fmt: skip
    assert "key" not in event.raw


def test_a_status_that_is_not_known_is_left_out() -> None:
    assert [] == parsed(
        change(statuses=[{"id": "wamid.A", "status": "deleted", "timestamp": "1", "recipient_id": PHONE}])
    )


def held(*changes: dict[str, Any]) -> list[Any]:
    whatsapp = connector()
    return [whatsapp.holder(event) for event in whatsapp.parse(signed(body(*changes)))]


def test_what_a_person_writes_by_the_app_on_a_telephone_is_an_echo_and_the_person_holds_the_chat() -> None:
    item = {"from": "15550001111", "to": "+15550002222", "id": "wamid.APP", "timestamp": "1", "type": "text",
            "text": {"body": "I will help you"}}  # fmt: skip
    [event] = parsed(change("smb_message_echoes", message_echoes=[item]))
    assert ("echo", "I will help you", PHONE, NUMBER) == (event.kind, event.text, event.address.chat, event.sender)
    assert ["person"] == held(change("smb_message_echoes", message_echoes=[item]))


def test_an_echo_counts_whatever_it_says() -> None:
    item = {
        "to": PHONE,
        "id": "wamid.APP",
        "timestamp": "1",
        "type": "image",
        "image": {"link": "https://example.org/a.png"},
    }
    assert ["person"] == held(change("smb_message_echoes", message_echoes=[item]))


def test_what_comes_by_standby_is_held_by_the_platform() -> None:
    echo = {"id": "wamid.AGENT", "timestamp": "2", "message": {"to": PHONE, "recipient": PHONE, "type": "text",
                                                                "text": {"body": "Meta's agent"}}}  # fmt: skip
    status = {"id": "wamid.AGENT", "status": "delivered", "timestamp": "3", "recipient_id": PHONE}
    standby = {
        "contacts": [{"wa_id": PHONE, "user_id": USER}],
        "messages": [text()],
        "message_echoes": [echo],
        "statuses": [status],
    }
    whatsapp = connector()
    events = whatsapp.parse(signed(body(change("standby", standby=standby))))
    assert ["text", "echo", "status"] == [event.kind for event in events]
    assert ["platform", "platform", None] == [whatsapp.holder(event) for event in events]
    assert [True, True, None] == [event.raw.get("standby") for event in events]
    assert ["hello", "Meta's agent"] == [event.text for event in events[:2]]
    assert USER == events[0].address.chat


def handover(**roles: str) -> dict[str, Any]:
    value = {
        "messaging_product": "whatsapp", "timestamp": "1772998024000", "type": "control_passed", "control_passed": roles,
        "recipient": {"display_phone_number": "15550001111", "phone_number_id": NUMBER}, "sender": {"phone_number": PHONE},
    }  # fmt: skip
    return {"field": "messaging_handovers", "value": value}


def test_a_handover_says_who_holds_the_chat() -> None:
    agent = {"previous_owner_app_role": "meta_business_agent", "previous_owner_role": "ai_agent"}
    assert ["bot"] == held(handover(**agent, new_owner_role="escalation"))
    assert ["bot"] == held(handover(**agent))
    assert ["platform"] == held(handover(previous_owner_role="escalation", new_owner_role="ai_agent"))
    assert [None] == held(handover(previous_owner_app_role="business_app"))


def test_a_handover_has_the_same_id_each_time_it_comes() -> None:
    first, second = (parsed(handover(new_owner_role="ai_agent"))[0] for _ in range(2))
    [other] = parsed(handover(new_owner_role="escalation"))
    assert first.id == second.id != other.id
    assert ("system", "control_passed", PHONE) == (first.kind, first.text, first.address.chat)
    assert datetime.fromtimestamp(1772998024, UTC) == first.sent_at


def test_a_message_of_the_person_opens_the_window_for_a_day_an_advertisement_no_longer() -> None:
    whatsapp = connector()
    opens = [text(), text(referral={"source_type": "ad", "ctwa_clid": "x"}), message("unsupported"),
             message("button", {"payload": "x", "text": "x"}), text("/help")]  # fmt: skip
    assert [DAY] * 5 == [whatsapp.window(one(item)) for item in opens]
    others = [message("reaction", {"message_id": "wamid.A", "emoji": "👍"}), message("revoke", {"original_message_id": "wamid.A"}),
              message("system", {"type": "user_changed_number", "wa_id": "15550003333"})]  # fmt: skip
    assert [0.0] * 3 == [whatsapp.window(one(item)) for item in others]
