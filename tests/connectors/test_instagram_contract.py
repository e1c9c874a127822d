"""The connector contract, proven for both ways to Instagram against the strict fake Graph server over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Literal

import pytest
from accounts import APP_ID, APP_SECRET, INSTAGRAM_ID, INSTAGRAM_TOKEN, PAGE_ID, PAGE_TOKEN, VERIFY_TOKEN
from instagram_platform import InstagramPlatform
from messaging_payloads import TIME, body, event, signed

from assistant.connector import Connector
from assistant.testing.connector_contract import ConnectorContract, Payload
from assistant.types import Kind, Webhook
from connectors.instagram import Instagram

STORY = {"story": {"id": "17900000000000001", "url": "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=1"}}


def payload(*kinds: Kind, place: str = "messaging", ours: bool = False, **content: Any) -> Payload:
    return Payload(body("instagram", INSTAGRAM_ID, event(INSTAGRAM_ID, ours=ours, **content), place=place), kinds)


def said(mid: str, **content: Any) -> dict[str, Any]:
    return {"message": {"mid": mid, **content}}


def attached(mid: str, type: str, **more: Any) -> dict[str, Any]:
    return said(mid, attachments=[{"type": type, "payload": {"url": f"https://cdn.cdninstagram.com/{mid}"}}], **more)


def changed(field: str, content: dict[str, Any], *kinds: Kind) -> Payload:
    value = event(INSTAGRAM_ID, at=TIME // 1000, **content)
    return Payload(body("instagram", INSTAGRAM_ID, {"field": field, "value": value}, place="changes"), kinds)


class TestInstagram(ConnectorContract):
    login: ClassVar[Literal["instagram", "page"]] = "instagram"
    route: ClassVar[Literal["login", "page"]] = "login"
    more: ClassVar[Mapping[str, Any]] = {}
    secrets: ClassVar = {"access_token": INSTAGRAM_TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN}
    webhook_secret = "app_secret"
    handshake: ClassVar = (
        {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}, "1158201444",
    )  # fmt: skip
    payloads: ClassVar = [
        payload("text", **said("A", text="Do you ship to Córdoba?")),
        Payload(body("instagram", INSTAGRAM_ID, *(event(INSTAGRAM_ID, **said(f"B{n}", text="and?")) for n in (1, 2))), ("text", "text")),
        payload("text", **said("C", text="Is this available?", reply_to=STORY)),
        payload("command", **said("D", text="/human")),
        payload("media", **attached("E", "story_mention")),
        payload("media", **attached("F", "ig_reel")),
        payload("media", **attached("G", "share", text="and this?")),
        payload("media", **said("H", is_unsupported=True)),
        payload("delete", **said("A", is_deleted=True)),
        payload("button", **said("I", text="Yes", quick_reply={"payload": "yes"})),
        payload("button", postback={"title": "Opening hours?", "payload": "Opening hours?", "mid": "J"}),
        payload("reaction", reaction={"mid": "OURS", "action": "react", "emoji": "❤️", "reaction": "love"}),
        payload("edit", message_edit={"mid": "A", "text": "Do you ship at all?", "num_edit": 1}),
        payload("status", read={"mid": "OURS"}),
        payload("status", ours=True, **said("OURS", text="A", is_echo=True, metadata="assistant:turn-1")),
        payload("echo", ours=True, **said("THEIRS", text="A person writes.", is_echo=True)),
        payload("text", place="standby", **said("K", text="while another answers")),
        changed("messages", said("L", text="told as a change"), "text"),
        changed("comments", {"id": "1", "text": "of another connector"}),
        payload(),
    ]  # fmt: skip

    @pytest.fixture
    async def platform(self) -> AsyncIterator[InstagramPlatform]:
        async with InstagramPlatform(route=self.route) as platform:
            platform.graph.reports = False
            platform.told(*(each.body for each in self.payloads))
            yield platform

    def connector(self, platform: Any, **changes: Any) -> Connector:
        options = {
            "account_id": INSTAGRAM_ID, "app_id": APP_ID, "login": self.login, "graph_base_url": platform.url, **self.more,
            **self.secrets, **changes,
        }  # fmt: skip
        return Instagram(**options)

    def sign(self, body: bytes, secret: str) -> Webhook:
        return signed(body, secret)


class TestInstagramByPage(TestInstagram):
    login = "page"
    route = "page"
    more: ClassVar = {"page_id": PAGE_ID}
    secrets: ClassVar = {"access_token": PAGE_TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN}
