"""Long polling: updates are confirmed to Telegram only after they were recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from telegram.error import TelegramError

from assistant.backoff import backoff
from assistant.errors import ConfigurationError, Rejected, TransientError
from connectors._telegram_calls import Api, Refused, explained
from connectors._telegram_limits import UPDATES

LOG = logging.getLogger(__name__)

LONGEST = 30.0
"""Seconds between two tries at most, while Telegram or the inbox is away."""

Take = Callable[[Sequence[Mapping[str, Any]]], Awaitable[None]]
"""Records updates; TransientError: it could not."""


async def poll(api: Api, take: Take, *, name: str, seconds: int) -> None:
    """Fetch updates until cancelled; `seconds` is how long Telegram lets a call wait for the first.

    Raises:
        ConfigurationError: somebody else fetches them, or a webhook is set.
        Rejected: the token is wrong.
    """
    offset: int | None = None
    failures = 0
    while True:
        try:
            updates = await _fetched(api, offset, name=name, seconds=seconds)
            if updates:
                await take(updates)
                offset = max(int(update["update_id"]) for update in updates) + 1
        except TransientError as error:
            failures += 1
            await _wait(error, failures)
        else:
            if failures:
                LOG.info("connectors.%s: updates flow again", name)
            failures = 0


async def _fetched(api: Api, offset: int | None, *, name: str, seconds: int) -> list[dict[str, Any]]:
    try:
        return await api.updates(offset, seconds, UPDATES)
    except Refused as refusal:
        if refusal.status == HTTPStatus.CONFLICT:
            raise ConfigurationError(await _conflict(api, refusal, name=name)) from None
        error = explained(refusal, name)
        if isinstance(error, Rejected) and refusal.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
            raise TransientError(str(error)) from None
        raise error from None
    except TelegramError as error:
        raise explained(error, name) from None


async def _conflict(api: Api, refusal: Refused, *, name: str) -> str:
    """What stands against polling, and what to do."""
    told = f"connectors.{name}: Telegram does not give updates to this process ({refusal})"
    try:
        info = await api.get_webhook_info()
    except TelegramError:
        info = None
    if info and info.url:
        return (
            f"{told}: a webhook at {urlsplit(info.url).hostname!r} gets them. "
            f'connectors.{name}.mode = "polling" removes it at the next start; "webhook" uses one'
        )
    return (
        f"{told}: another process polls with the same token, and only one can. Stop it, or give this one a bot of its "
        f"own; if it is not yours, revoke the token at @BotFather. Several processes: use webhooks"
    )


async def _wait(error: TransientError, failures: int) -> None:
    seconds = getattr(error, "retry_after", None) or backoff(failures, longest=LONGEST)
    LOG.log(logging.WARNING if failures == 1 else logging.DEBUG, "%s; next try in %.1f s", error, seconds)
    await asyncio.sleep(seconds)
