"""What `assistant doctor` asks Telegram: whose the token is, and how updates arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from telegram import WebhookInfo
from telegram.error import TelegramError

from assistant.connector import Finding
from assistant.errors import PermanentError
from connectors._telegram_calls import Api, explained

RECENT = timedelta(hours=24)
"""An error of a delivery that is older is over: Telegram gives an update up after that time (core.telegram.org/bots/api,
getting updates, 2026-06)."""

WAITING = 100
"""Updates that wait at Telegram and tell that they are not taken."""


async def examined(api: Api, *, name: str) -> list[Finding]:
    """What is well and what is not; raises nothing."""
    try:
        user, info = await api.get_me(), await api.get_webhook_info()
    except TelegramError as error:
        told = explained(error, name)
        wrong = isinstance(told, PermanentError)
        return [Finding("fail", str(told), "correct the token")] if wrong else [_unreached(str(told))]
    return [Finding("ok", f"the token is that of @{user.username} ({user.id})"), *_delivery(info)]


def _unreached(reason: str) -> Finding:
    return Finding("warn", reason, "look at the network and api_base_url, or use --offline")


def _delivery(info: WebhookInfo) -> list[Finding]:
    waiting = f"{info.pending_update_count} updates wait"
    where = f"a webhook at {urlsplit(info.url).hostname!r}" if info.url else "no webhook is registered"
    late = info.pending_update_count >= WAITING
    remedy = "is `assistant serve` running, and can Telegram reach it?" if late else ""
    found = [Finding("warn" if late else "ok", f"{where}, {waiting}", remedy)]
    failed = info.last_error_date
    if failed is not None and datetime.now(UTC) - failed < RECENT:
        detail = f"the last failed delivery, {failed:%Y-%m-%d %H:%M} UTC: {info.last_error_message}"
        found.append(
            Finding("warn", detail, "set server.public_url to an https URL that Telegram reaches; see the log")
        )
    return found
