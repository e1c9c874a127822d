"""The connector contract, proven for Messenger against the strict fake Graph server over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from accounts import APP_ID, APP_SECRET, PAGE_ID, PAGE_TOKEN, VERIFY_TOKEN
from messaging_payloads import body, event, signed
from messenger_platform import MessengerPlatform

from assistant.connector import Connector
from assistant.testing.connector_contract import ConnectorContract, Payload
from assistant.types import Kind, Webhook
from connectors.messenger import Messenger


def payload(*kinds: Kind, place: str = "messaging", ours: bool = False, **content: Any) -> Payload:
    return Payload(body("page", PAGE_ID, event(PAGE_ID, ours=ours, **content), place=place), kinds)


def said(mid: str, **content: Any) -> dict[str, Any]:
    return {"message": {"mid": mid, **content}}


FILE = {"type": "file", "payload": {"url": "https://cdn.fbsbx.com/v/a.pdf?oh=1"}}


class TestMessenger(ConnectorContract):
    secrets: ClassVar = {"page_access_token": PAGE_TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN}
    webhook_secret = "app_secret"
    handshake: ClassVar = (
        {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}, "1158201444",
    )  # fmt: skip
    payloads: ClassVar = [
        payload("text", **said("m_A", text="How often is it serviced?")),
        Payload(body("page", PAGE_ID, *(event(PAGE_ID, **said(f"m_B{n}", text="and now?")) for n in (1, 2))), ("text", "text")),
        payload("command", **said("m_C", text="/reset")),
        payload("media", **said("m_D", attachments=[FILE], text="This")),
        payload("media", **said("m_E", attachments=[{"type": "sticker", "payload": {"url": "https://cdn.fbsbx.com/s.png"}}])),
        payload("button", **said("m_F", text="Yes", quick_reply={"payload": "yes"})),
        payload("button", postback={"title": "Yes", "payload": "no", "mid": "m_G"}),
        payload("button", postback={"title": "Yes", "payload": "maybe"}),
        payload("reaction", reaction={"mid": "m_OURS", "action": "react", "emoji": "👍", "reaction": "like"}),
        payload("edit", message_edit={"mid": "m_A", "text": "How rarely?", "num_edit": 1}),
        payload("system", referral={"ref": "shop", "source": "SHORTLINK", "type": "OPEN_THREAD"}),
        payload("status", "status", delivery={"mids": ["m_OURS", "m_OURS2"], "watermark": 1772998034000}),
        payload("status", ours=True, **said("m_OURS", text="A", is_echo=True, metadata="assistant:turn-1")),
        payload("echo", ours=True, **said("m_THEIRS", text="A person writes.", is_echo=True)),
        payload("text", place="standby", **said("m_H", text="while another answers")),
        payload("system", pass_thread_control={"new_owner_app_id": APP_ID}),
        payload(account_linking={"status": "linked"}),
        payload(read={"watermark": 1772998044000}),
        Payload(body("page", "99", event("99", **said("m_I", text="to another Page"))), ()),
        Payload(body("instagram", PAGE_ID, event(PAGE_ID, **said("m_J", text="not of a Page"))), ()),
    ]  # fmt: skip

    @pytest.fixture
    async def platform(self) -> AsyncIterator[MessengerPlatform]:
        async with MessengerPlatform() as platform:
            platform.graph.reports = False
            platform.told(*(each.body for each in self.payloads))
            yield platform

    def connector(self, platform: Any, **changes: Any) -> Connector:
        options = {"page_id": PAGE_ID, "app_id": APP_ID, "graph_base_url": platform.url, **self.secrets, **changes}
        return Messenger(**options)

    def sign(self, body: bytes, secret: str) -> Webhook:
        return signed(body, secret)
