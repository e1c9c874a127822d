"""The connector contract, proven for comments on a Page and on Instagram against the strict fake Graph server over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import pytest
from accounts import INSTAGRAM_ID, PAGE_ID, VERIFY_TOKEN
from facebook_payloads import ANN, BEN, COMMENT, OTHER, REPLY, SECRETS, body, entry, feed, instagram, signed
from facebook_platform import FacebookPlatform

from assistant.connector import Connector
from assistant.testing.connector_contract import ConnectorContract, Payload, Sent
from assistant.types import Address, Webhook
from connectors.facebook import Facebook

OTHER_SHAPE = instagram("The other shape", id="17900000000000003")


class Platform(FacebookPlatform):
    """What the account says below a post itself is seen by everybody there."""

    def messages(self, address: Address) -> Sequence[Sent]:
        found = [
            Sent(comment.text, len(comment.text), comment.id)
            for comment in self.graph.comments.values()
            if address.thread is not None and comment.post == address.thread and comment.parent is None
            and comment.author in (PAGE_ID, INSTAGRAM_ID)
        ]  # fmt: skip
        return list({sent.id: sent for sent in [*found, *super().messages(address)]}.values())


class TestFacebook(ConnectorContract):
    secrets: ClassVar = SECRETS
    webhook_secret = "app_secret"
    handshake: ClassVar = (
        {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}, "1158201444",
    )  # fmt: skip
    payloads: ClassVar = [
        Payload(body(feed()), ("comment",)),
        Payload(body(feed("And in winter?", comment_id=REPLY, parent_id=COMMENT)), ("comment",)),
        Payload(body(feed("And here?", comment_id="122100000000009_1", post_id=OTHER, parent_id=OTHER, author=BEN)), ("comment",)),
        Payload(body(feed("When do you open on Sunday?", verb="edited")), ("edit",)),
        Payload(body(feed(None, verb="remove")), ("delete",)),
        Payload(body(feed(None, verb="hide"), feed(None, verb="unhide")), ("system", "system")),
        Payload(body(instagram()), ("comment",)),
        Payload(body(instagram("Live!", field="live_comments", id="17900000000000002")), ("comment",)),
        Payload(json.dumps({"object": "instagram", "entry": [
            entry(id=INSTAGRAM_ID, **OTHER_SHAPE)]}).encode(), ("comment",)),
        Payload(body(feed(author=PAGE_ID, comment_id="122100000000001_700000000000003"), {"field": "feed", "value": {
            "item": "reaction", "verb": "add", "reaction_type": "like", "post_id": "1", "from": {"id": ANN}}}), ()),
        Payload(json.dumps({"object": "page", "entry": [entry(messaging=[{"sender": {"id": ANN}, "recipient": {
            "id": PAGE_ID}, "timestamp": 1793000000000, "message": {"mid": "m_1", "text": "Hello"}}])]}).encode(), ()),
    ]  # fmt: skip

    @pytest.fixture
    async def platform(self) -> AsyncIterator[Platform]:
        async with Platform() as platform:
            platform.graph.reports = False
            platform.told(*(each.body for each in self.payloads if each.kinds), body(OTHER_SHAPE))
            yield platform

    def connector(self, platform: Any, **changes: Any) -> Connector:
        options = {"page_id": PAGE_ID, "instagram_account_id": INSTAGRAM_ID, "graph_base_url": platform.url}
        return Facebook(**{**options, **self.secrets, **changes})

    def sign(self, body: bytes, secret: str) -> Webhook:
        return signed(body, secret)
