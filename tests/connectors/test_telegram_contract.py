"""The connector contract, proven for Telegram against the strict fake Bot API over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest

from assistant.connector import Connector
from assistant.testing.connector_contract import ConnectorContract, Payload, Sent
from assistant.testing.serving import serving
from assistant.testing.telegram_api import TOKEN, TelegramApi
from assistant.testing.telegram_platform import TelegramPlatform
from assistant.types import Address, Kind, Webhook
from connectors.telegram import HEADER, Telegram

SPECIFICATION = Path(__file__).parents[3] / "shared" / "contracts" / "telegram"
"""The scraped specification of the Bot API with its checker, where it is at hand."""

ANN = {"id": 5, "is_bot": False, "first_name": "Ann", "language_code": "en"}
PRIVATE = {"id": 5, "type": "private", "first_name": "Ann"}
GROUP = {"id": -100900, "type": "supergroup", "title": "Group"}
FORUM = {"id": -100901, "type": "supergroup", "title": "Forum", "is_forum": True}
BOT = {"id": 700000001, "is_bot": True, "first_name": "Test bot", "username": "test_bot"}


def message(number: int, chat: dict[str, Any] = PRIVATE, **fields: Any) -> dict[str, Any]:
    return {"message_id": number, "date": 1767224888 + number, "chat": chat, "from": ANN, **fields}


def payload(number: int, kind: str, content: Any, *kinds: Kind) -> Payload:
    return Payload(json.dumps({"update_id": number, kind: content}).encode(), kinds)


def mention(text: str) -> dict[str, Any]:
    return {"text": f"@test_bot {text}", "entities": [{"type": "mention", "offset": 0, "length": 9}]}


class Platform(TelegramPlatform):
    """Receipts name messages as events do: chat and number."""

    def messages(self, address: Address) -> Sequence[Sent]:
        return [
            Sent(sent.text, sent.length, f"{address.chat}:{sent.id}", sent.buttons)
            for sent in super().messages(address)
        ]


class TestTelegram(ConnectorContract):
    secrets: ClassVar = {"token": TOKEN, "secret_token": "a-long-random-word"}
    webhook_secret = "secret_token"
    signs_body = False
    polling_options: ClassVar = {"mode": "polling"}
    payloads: ClassVar = [
        payload(1, "message", message(1, text="How often is it serviced?"), "text"),
        payload(2, "message", message(2, GROUP, **mention("and here?")), "text"),
        payload(3, "message", message(3, FORUM, message_thread_id=7, is_topic_message=True, **mention("there?")), "text"),
        payload(4, "message", message(4, text="/reset"), "command"),
        payload(5, "message", message(5, document={"file_id": "file-1-id", "file_name": "a.pdf"}, caption="This"), "media"),
        payload(6, "edited_message", message(1, text="How rarely?", edit_date=1767225000), "edit"),
        payload(7, "callback_query", {"id": "99", "from": ANN, "data": "yes", "message": message(8, **{"from": BOT})}, "button"),
        payload(8, "message_reaction", {
            "chat": PRIVATE, "message_id": 1, "user": ANN, "date": 1767225001, "old_reaction": [],
            "new_reaction": [{"type": "emoji", "emoji": "👍"}]}, "reaction"),
        payload(9, "my_chat_member", {
            "chat": PRIVATE, "from": ANN, "date": 1767225002, "old_chat_member": {"status": "member", "user": BOT},
            "new_chat_member": {"status": "kicked", "user": BOT}}, "system"),
        payload(10, "message", message(10, migrate_to_chat_id=-100902), "system"),
        payload(11, "managed_bot", {"user": ANN, "bot": BOT}),
        payload(12, "message", message(12, GROUP, text="not for the bot")),
    ]  # fmt: skip

    @pytest.fixture
    async def platform(self) -> AsyncIterator[Platform]:  # type: ignore[override]
        async with AsyncExitStack() as stack:
            api = TelegramApi(contract=SPECIFICATION if SPECIFICATION.exists() else None)
            api.chat(5)
            api.chat(-100900, kind="supergroup")
            api.chat(-100901, kind="supergroup", forum=True).topics.add(7)
            for chat in (5, -100900, -100901):
                api.user_says(chat, "hello")
            api.updates.pending.clear()
            self.url = await stack.enter_async_context(serving(api))
            yield Platform(api, stack.aclose)

    def connector(self, platform: Any, **changes: Any) -> Connector:
        options = {"username": "test_bot", "languages": ["de"], **self.secrets, **changes}
        return Telegram(api_base_url=self.url, poll_seconds=1, **options)

    def sign(self, body: bytes, secret: str) -> Webhook:
        return Webhook(method="POST", headers={HEADER: secret}, body=body)
