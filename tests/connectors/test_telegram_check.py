"""What the doctor finds out from Telegram, and what a tap on an opinion shows at its button."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from assistant.connector import Checking, Finding
from assistant.testing.connector_subject import until
from assistant.testing.telegram_api import TelegramApi
from assistant.types import Address, Button, Outgoing, Webhook
from connectors.telegram import Telegram

SECRET = "a-long-random-word"


async def found(url: str, token: str) -> Sequence[Finding]:
    bot = await asyncio.to_thread(partial(Telegram, token=token, api_base_url=url, name="tg"))
    assert isinstance(bot, Checking)
    try:
        return await bot.check()
    finally:
        await bot.aclose()


async def test_a_bot_that_is_polled_is_well(api: TelegramApi, url: str) -> None:
    who, how = await found(url, api.token)

    assert ("ok", True) == (who.status, who.detail.startswith("the token is that of @"))
    assert ("ok", "no webhook is registered, 0 updates wait") == (how.status, how.detail)


async def test_a_webhook_that_fails_is_told_with_its_reason(api: TelegramApi, url: str, connect: Any) -> None:
    where = "http://127.0.0.1:1/webhooks/tg"
    await connect(webhook_url=where, secret_token=SECRET, mode="webhook")
    api.user_says(5, "hello")
    await until(lambda: bool(api.delivery.error), "the webhook was not called")
    _, how, last = await found(url, api.token)

    assert "a webhook at '127.0.0.1', 1 updates wait" == how.detail
    assert ("warn", True) == (last.status, "ConnectError" in last.detail)
    assert SECRET not in repr([how, last])


async def test_a_token_that_is_none_fails(url: str) -> None:
    (only,) = await found(url, "700000001:hunter2hunter2")

    assert ("fail", True) == (only.status, only.detail.startswith("connectors.tg.token: Telegram does not know it"))
    assert "hunter2" not in repr(only)


async def test_a_telegram_that_cannot_be_reached_is_no_fault_of_the_configuration() -> None:
    (only,) = await found("http://127.0.0.1:1", "700000001:hunter2hunter2")

    assert ("warn", True) == (only.status, only.detail.startswith("tg: Telegram cannot be reached"))
    assert "hunter2" not in repr(only)


@pytest.mark.parametrize(
    ("data", "text"), [(f"up:{'0' * 16}", "Danke"), (f"sources:{'0' * 16}", ""), ("up:late", ""), ("x", "")]
)
async def test_an_opinion_is_thanked_for_at_its_button(api: TelegramApi, bot: Telegram, data: str, text: str) -> None:
    address = Address("telegram", bot.parse(_update(api))[0].address.account, "5")
    await bot.send(Outgoing(address, "An answer.", buttons=(Button("B", data=data),)))
    api.taps(5, int(api.sent(5)[-1].message_id), "B", language="de")
    await bot.acknowledge(bot.parse(_update(api)))
    (call,) = api.called("answerCallbackQuery")

    assert str(call.parameters.get("text", "")).startswith(text)
    assert bool(text) == ("text" in call.parameters)


def _update(api: TelegramApi) -> Webhook:
    """The latest that happened."""
    if not api.updates.pending:
        api.user_says(5, "hello")
    return Webhook(method="POST", body=json.dumps(api.updates.pending[-1]).encode())
