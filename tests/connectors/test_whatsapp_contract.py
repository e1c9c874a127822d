"""The connector contract, proven for WhatsApp against the strict fake Graph server over HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from accounts import APP_SECRET, PHONE_NUMBER_ID, VERIFY_TOKEN, WHATSAPP_TOKEN
from whatsapp_payloads import PHONE, USER, body, change, message, signed, text
from whatsapp_platform import WhatsAppPlatform

from assistant.connector import Connector
from assistant.testing.connector_contract import ConnectorContract, Payload, Sent
from assistant.types import Address, Kind, Webhook
from connectors.whatsapp import WhatsApp

LINK = re.compile(r"\n\n(?P<label>[^\n:]+): https?://\S+$")
"""A button with an address, which on WhatsApp is a line below the text that can be tapped."""

STATUS = {"id": "wamid.OURS", "status": "delivered", "timestamp": "1772998030", "recipient_id": PHONE}
ECHO = {"from": "15550001111", "to": PHONE, "id": "wamid.APP", "timestamp": "1772998031", "type": "text",
        "text": {"body": "A person writes."}}  # fmt: skip
AGENT = {
    "id": "wamid.AGENT",
    "timestamp": "1772998032",
    "message": {"to": PHONE, "type": "text", "text": {"body": "Hi"}},
}
HANDOVER = {
    "messaging_product": "whatsapp", "timestamp": "1772998033", "type": "control_passed",
    "control_passed": {"previous_owner_app_role": "meta_business_agent", "new_owner_role": "escalation"},
    "recipient": {"display_phone_number": "15550001111", "phone_number_id": PHONE_NUMBER_ID}, "sender": {"phone_number": PHONE},
}  # fmt: skip


def on(field: str = "messages", **value: Any) -> dict[str, Any]:
    return change(field, number=PHONE_NUMBER_ID, **value)


def payload(*kinds: Kind, **value: Any) -> Payload:
    return Payload(body(on(**value)), kinds)


def said(type: str, id: str, content: Any = None, **fields: Any) -> dict[str, Any]:
    return message(type, content, id=f"wamid.{id}", **fields)


class Platform(WhatsAppPlatform):
    """Shows an address below a text as the button that it was."""

    def messages(self, address: Address) -> Sequence[Sent]:
        return [_tappable(sent) for sent in super().messages(address)]


def _tappable(sent: Sent) -> Sent:
    link = LINK.search(sent.text)
    return replace(sent, text=sent.text[: link.start()], buttons=(link["label"], *sent.buttons)) if link else sent


class TestWhatsApp(ConnectorContract):
    secrets: ClassVar = {"access_token": WHATSAPP_TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN}
    webhook_secret = "app_secret"
    handshake: ClassVar = (
        {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}, "1158201444",
    )  # fmt: skip
    payloads: ClassVar = [
        payload("text", messages=[text(id="wamid.A")], contacts=[{"wa_id": PHONE, "profile": {"name": "Ann"}}]),
        payload("text", "text", messages=[text("a", id="wamid.B", from_user_id=USER), text("b", id="wamid.C", from_user_id=USER)]),
        payload("command", messages=[text("/reset", id="wamid.D")]),
        payload("media", messages=[said("document", "E", {"id": "1", "filename": "a.pdf", "caption": "This"})]),
        payload("media", messages=[said("location", "F", {"latitude": 37.4, "longitude": -122.1, "name": "Café"})]),
        payload("media", messages=[said("unsupported", "G", errors=[{"code": 131051, "title": "Unknown"}])]),
        payload("button", messages=[said("interactive", "H", {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}})]),
        payload("reaction", messages=[said("reaction", "I", {"message_id": "wamid.OURS", "emoji": "👍"})]),
        payload("edit", messages=[said("edit", "J", {"original_message_id": "wamid.A", "message": {"type": "text", "text": {"body": "x"}}})]),
        payload("delete", messages=[said("revoke", "K", {"original_message_id": "wamid.A"})]),
        payload("system", messages=[said("system", "L", {"type": "user_changed_number", "wa_id": "15550003333"})]),
        payload("status", statuses=[STATUS]),
        Payload(body(on("smb_message_echoes", message_echoes=[ECHO]), on("standby", standby={"message_echoes": [AGENT]})), ("echo", "echo")),
        Payload(body({"field": "messaging_handovers", "value": HANDOVER}), ("system",)),
        Payload(body(on("phone_number_quality_update", event="FLAGGED")), ()),
        payload(messages=[text("in a group", id="wamid.M", group_id="Y2Fw")]),
    ]  # fmt: skip

    @pytest.fixture
    async def platform(self) -> AsyncIterator[Platform]:
        async with Platform() as platform:
            platform.graph.reports = False
            platform.told(*(each.body for each in self.payloads))
            yield platform

    def connector(self, platform: Any, **changes: Any) -> Connector:
        options = {"phone_number_id": PHONE_NUMBER_ID, "graph_base_url": platform.url, **self.secrets, **changes}
        return WhatsApp(**options)

    def sign(self, body: bytes, secret: str) -> Webhook:
        return signed(body, secret)
