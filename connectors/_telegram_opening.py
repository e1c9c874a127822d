"""What happens before the first event: who the bot is, webhook or polling, the commands that clients offer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

from telegram import BotCommand
from telegram.error import TelegramError

from assistant.bot.phrases import commands
from assistant.errors import ConfigurationError
from connectors._telegram_calls import Api, Refused, explained
from connectors._telegram_limits import UPDATES

LOG = logging.getLogger(__name__)

Mode = Literal["webhook", "polling"]


async def who(api: Api, *, name: str) -> tuple[str, str | None]:
    """Id and username of the bot. Raises Rejected: a wrong token; TransientError."""
    try:
        user = await api.get_me()
    except TelegramError as error:
        raise explained(error, name) from None
    return str(user.id), user.username


async def settle(
    api: Api, mode: Mode | None, *, name: str, url: str | None, secret: str | None, connections: int
) -> Mode:
    """Tell Telegram how updates reach this process, and which way that is.

    Without a `mode` it is the webhook where Telegram can reach `url` (https; http too for a Bot API server of one's own
    that is reached by http) and there is a secret to prove it with; or where a webhook is registered already and there
    is a secret; else polling.

    Raises:
        ConfigurationError: a webhook of somebody else, or one that Telegram refuses, and what to do.
        TransientError, Rejected: Telegram is away, or the token is wrong.
    """
    try:
        registered = (await api.get_webhook_info()).url or ""
        reachable = url is not None and url.startswith(("https://", f"{urlsplit(api.base_url).scheme}://"))
        chosen = mode or _chosen(registered, name=name, reachable=reachable, secret=secret)
        if chosen == "polling":
            if registered:
                await api.delete_webhook(drop_pending_updates=False)
                LOG.warning("connectors.%s: the webhook at %s was removed, to poll", name, _host(registered))
        elif url and (mode or reachable):
            await api.set_webhook(url, allowed_updates=UPDATES, secret_token=secret, max_connections=connections)
        elif not registered:
            LOG.warning(
                "connectors.%s: no webhook is registered, so nothing arrives: set server.public_url, or mode = 'polling'",
                name,
            )
    except Refused as refusal:
        if refusal.says("webhook"):
            raise ConfigurationError(
                f"connectors.{name}: Telegram refuses the webhook {url!r} ({refusal}): server.public_url must be an "
                f"https address on port 443, 80, 88 or 8443 that Telegram can reach"
            ) from None
        raise explained(refusal, name) from None
    except TelegramError as error:
        raise explained(error, name) from None
    return chosen


def _chosen(registered: str, *, name: str, reachable: bool, secret: str | None) -> Mode:
    if secret and (reachable or registered):
        return "webhook"
    if registered:
        raise ConfigurationError(
            f"connectors.{name}: Telegram sends the updates to a webhook at {_host(registered)}, which this process cannot "
            f'prove without connectors.{name}.secret_token. Set it, or connectors.{name}.mode = "polling" to remove that '
            f"webhook and poll"
        )
    if reachable:
        LOG.info("connectors.%s polls: with connectors.%s.secret_token it uses webhooks", name, name)
    return "polling"


async def offer(api: Api, languages: Sequence[str], *, name: str) -> None:
    """Register the commands, in English for everybody and in each language for who uses it; a failure is logged only."""
    tried = await asyncio.gather(*(_offer(api, code) for code in ["", *languages]), return_exceptions=True)
    for error in (each for each in tried if isinstance(each, BaseException)):
        if not isinstance(error, TelegramError):
            raise error
        LOG.warning("connectors.%s: the commands could not be registered: %s", name, error)
        return


async def _offer(api: Api, language: str) -> None:
    described = commands(language or "en")
    await api.set_my_commands(
        [BotCommand(command, text) for command, text in described.items()], language_code=language or None
    )


def _host(url: str) -> str:
    return repr(urlsplit(url).hostname)
