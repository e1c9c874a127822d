"""Telegram by its Bot API: private chats, groups and topics, by webhook or by polling."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import httpx
from telegram import ReactionTypeEmoji
from telegram.constants import ChatAction
from telegram.error import TelegramError

from assistant.bot.phrases import languages as spoken
from assistant.bot.phrases import thanked
from assistant.connector import Accept, Capabilities, Finding, Preview
from assistant.errors import ConfigurationError, InvalidWebhook, RateLimited, Rejected
from assistant.payload import check_word, read_json
from assistant.types import Address, Attachment, Incoming, Outgoing, Receipt, Webhook
from connectors._hidden import HIDDEN
from connectors._telegram_calls import Api, Lost, Refused, explained, explaining
from connectors._telegram_check import examined
from connectors._telegram_download import client, download, too_large
from connectors._telegram_limits import BUTTONS, RATES, TEXT_UNITS, TYPING_SECONDS
from connectors._telegram_messages import Place, Step, check, message_number, parted, split, steps
from connectors._telegram_opening import offer, settle, who
from connectors._telegram_polling import poll
from connectors._telegram_preview import Previews
from connectors._telegram_updates import TAP, Bot, read

LOG = logging.getLogger(__name__)

HEADER = "X-Telegram-Bot-Api-Secret-Token"
"""Where a webhook has the secret. core.telegram.org/bots/api#setwebhook, 2026-06."""

TOKEN = re.compile(r"(?P<account>[0-9]{1,20}):[A-Za-z0-9_-]{3,}")
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Telegram:
    """One bot.

    In groups only what is addressed to the bot is an event: a command, a mention, a reply to it; and taps, reactions.
    Posts in channels are left out.

    Args:
        token: from @BotFather, `<digits>:<letters>`.
        secret_token: what Telegram proves webhooks with, 1 to 256 of A-Z, a-z, 0-9, _ and -; without it all are refused.
        mode: how events arrive; None: see `_telegram_opening.settle`.
        api_base_url: where the Bot API is; another for a server of one's own.
        username: of the bot, where it should be known before `open` asks for it.
        languages: that the commands are registered in (ISO 639-1); None: all the bot speaks.
        streaming: show answers while they are written.
        link_previews: let Telegram show what a link in an answer leads to.
        max_connections: webhooks that Telegram sends at once, 1 to 100.
        poll_seconds: how long a poll waits for the first event, 1 to 50.
        unknown_sends: as `inbox.unknown_sends`, for this connector; None: that.

    Raises:
        ConfigurationError: an option that cannot be; no secret is in the message.
    """

    def __init__(
        self,
        *,
        token: str,
        secret_token: str | None = None,
        mode: Literal["webhook", "polling"] | None = None,
        api_base_url: str = "https://api.telegram.org",
        name: str = "telegram",
        username: str | None = None,
        languages: Sequence[str] | None = None,
        streaming: bool = True,
        link_previews: bool = False,
        max_connections: int = 40,
        poll_seconds: int = 50,
        unknown_sends: Literal["resend", "park"] | None = None,
    ) -> None:
        self.name = name
        self.thanks = True
        account = _checked(name, token, secret_token, mode, api_base_url)
        known = [code for code in spoken() if len(code) == 2]
        wanted = known if languages is None else list(languages)
        for code in wanted:
            _require(code in known, f"connectors.{name}.languages: {code!r} is none of {', '.join(known)}")
        _require(1 <= max_connections <= 100, f"connectors.{name}.max_connections is {max_connections}, not 1 to 100")
        _require(1 <= poll_seconds <= 50, f"connectors.{name}.poll_seconds is {poll_seconds}, not 1 to 50")
        HIDDEN.hide(token, secret_token)
        self.unknown_sends = unknown_sends
        self.capabilities = Capabilities(
            text_limit=TEXT_UNITS, text_unit="utf16", typing_seconds=TYPING_SECONDS, streaming=streaming, media=True,
            buttons=BUTTONS, polling=True, reactions=True, threads=True, rates=RATES, repeats="doubled",
        )  # fmt: skip
        self._token, self._secret, self._mode, self._url = token, secret_token, mode, _base(api_base_url)
        self._languages, self._connections, self._poll_seconds = wanted, max_connections, poll_seconds
        self._link_previews = link_previews
        self._bot = Bot(name, account, username.removeprefix("@") if username else None)
        self._polls = mode == "polling"
        self._previews = Previews()
        self._moved: dict[str, str] = {}
        self._client: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"Telegram(name={self.name!r}, account={self._bot.account!r}, username={self._bot.username!r})"

    @cached_property
    def _api(self) -> Api:
        return Api(self._token, self._url)

    @property
    def polls(self) -> bool:
        """Whether events are polled for, known after `open`."""
        return self._polls

    def verify(self, webhook: Webhook) -> None:
        """Compare the secret in the header. Raises InvalidWebhook: another, or there is none to compare with."""
        check_word(webhook, header=HEADER, secret=self._secret or "")

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        """The event of an update, none where it is not for the bot. Raises InvalidWebhook: it is no update."""
        update = read_json(webhook)
        if not isinstance(update, dict) or type(update.get("update_id")) is not int:
            raise InvalidWebhook("the body has no update_id, so it is no update of Telegram")
        return self._events([update])

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        """The same as messages that Telegram takes."""
        return split(outgoing)

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Send a message; where a preview with its key left one, that becomes the message.

        What was begun is finished: a rate limit between two messages of a long text is waited for. Where that cannot
        be, the receipt names what arrived, and is "failed".
        """
        check(outgoing)
        place = self._place(outgoing.address)
        if wait := self._previews.refused.left(place.chat):
            raise RateLimited(f"{self.name}: Telegram asked for patience in this chat", retry_after=wait)
        ids: list[str] = []
        try:
            for part in await parted(outgoing):
                await self._send(part, ids)
        except Lost as error:
            LOG.warning("%s: nobody knows whether a message to %s arrived: %s", self.name, outgoing.address, error)
            return Receipt(tuple(ids), "unknown")
        except TelegramError as error:
            if not ids:
                raise explained(error, self.name) from None
            LOG.error("%s: the rest of a message to %s did not arrive: %s", self.name, outgoing.address, error)
            return Receipt(tuple(ids), "failed")
        self._previews.sent(place)
        return Receipt(tuple(ids))

    async def typing(self, address: Address, *, about: str | None = None) -> None:
        """Show that somebody writes."""
        thread = None if address.thread is None else int(address.thread)  # the one call that may name General
        with explaining(self.name):
            await self._api.send_chat_action(int(self._chat(address)), ChatAction.TYPING, message_thread_id=thread)

    def preview(self, outgoing: Outgoing) -> AbstractAsyncContextManager[Preview]:
        """Show how an answer grows: by drafts in a private chat, else, or where there are none, by edits."""
        return self._previews.show(outgoing, self._place(outgoing.address))

    async def fetch(self, attachment: Attachment, *, max_bytes: int) -> bytes:
        """The content of a file that somebody sent."""
        if attachment.file_id is None:
            raise Rejected(f"{self.name}: an attachment of kind {attachment.kind!r} has no file to fetch")
        if (attachment.size or 0) > max_bytes:
            raise too_large(max_bytes, name=self.name)
        with explaining(self.name):
            path, size = await self._api.file(attachment.file_id)
        if size > max_bytes:
            raise too_large(max_bytes, name=self.name)
        url = f"{self._url}/file/bot{self._token}/{quote(path)}"
        return await download(await self._downloads(), url, max_bytes=max_bytes, name=self.name)

    async def react(self, address: Address, message_id: str, emoji: str | None) -> None:
        """React to a message, or take it back."""
        chat = self._chat(address)
        if (number := message_number(message_id, chat=address.chat)) is None:
            raise Rejected(f"{self.name}: {message_id!r} is no message in the chat {address.chat!r}")
        reactions = [] if emoji is None else [ReactionTypeEmoji(emoji)]
        with explaining(self.name):
            await self._api.set_message_reaction(int(chat), number, reaction=reactions)

    def is_group(self, address: Address) -> bool:
        """Whether several people write there: ids of groups are negative."""
        return address.chat.startswith("-")

    async def open(self, *, webhook_url: str | None) -> None:
        """Ask who the bot is, agree with Telegram on webhook or polling, register the commands."""
        await asyncio.to_thread(lambda: self._api)  # reads certificates
        account, username = await who(self._api, name=self.name)
        self._bot = replace(self._bot, account=account, username=username or self._bot.username)
        chosen = await settle(
            self._api, self._mode, name=self.name, url=webhook_url, secret=self._secret, connections=self._connections
        )
        self._polls = chosen == "polling"
        await offer(self._api, self._languages, name=self.name)

    async def poll(self, accept: Accept) -> None:
        """Fetch events; an update is confirmed to Telegram after `accept` returned."""

        async def take(updates: Sequence[Mapping[str, Any]]) -> None:
            if events := self._events(updates):
                await accept(events)

        await poll(self._api, take, name=self.name, seconds=self._poll_seconds)

    async def acknowledge(self, events: Sequence[Incoming]) -> None:
        """Tell Telegram that taps on buttons were taken, so that clients stop showing that they wait; raises nothing.

        For an opinion the client shows thanks.
        """
        for event in events:
            if event.kind == "button":
                thanks = thanked(event.text, event.raw["callback_query"]["from"].get("language_code"))
                with suppress(TelegramError):  # it may be too old to be answered
                    await self._api.answer_callback_query(event.id.removeprefix(TAP), text=thanks)

    async def check(self) -> Sequence[Finding]:
        """Who the token is of, and how updates reach this bot."""
        await asyncio.to_thread(lambda: self._api)  # reads certificates
        return await examined(self._api, name=self.name)

    async def aclose(self) -> None:
        """Close connections."""
        if "_api" in self.__dict__:
            await self._api.aclose()
        if self._client is not None:
            await self._client.aclose()

    def _events(self, updates: Sequence[Mapping[str, Any]]) -> list[Incoming]:
        return [event for update in updates if (event := read(update, self._bot))]

    def _chat(self, address: Address) -> str:
        """The chat's id today: a group that became a supergroup has another."""
        return self._moved.get(address.chat, address.chat)

    def _place(self, address: Address) -> Place:
        return Place(self._api, self._chat(address), address.thread, self._link_previews)

    async def _send(self, part: Outgoing, ids: list[str]) -> None:
        """Send one part; `ids` gets the ids of its messages as they arrive."""
        taken = await self._previews.take_over(part, self._place(part.address))
        if taken:
            ids.append(taken)
            return
        for step in steps(part):
            ids.append(await self._step(step, part.address, begun=bool(ids)))

    async def _step(self, step: Step, address: Address, *, begun: bool) -> str:
        while True:
            try:
                return await step(self._place(address))
            except Refused as refusal:
                if refusal.migrated_to and address.chat not in self._moved:
                    self._moved[address.chat] = str(refusal.migrated_to)
                    LOG.warning("%s: the group %s is now the supergroup %s, and the message goes there",
                                self.name, address.chat, refusal.migrated_to)  # fmt: skip
                elif begun and refusal.retry_after:
                    await asyncio.sleep(refusal.retry_after)
                else:
                    raise

    async def _downloads(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = await asyncio.to_thread(client)
        return self._client


def _checked(name: str, token: str, secret: str | None, mode: str | None, url: str) -> str:
    """The bot's id, if the options are such as Telegram has."""
    section = f"connectors.{name}"
    shape = TOKEN.fullmatch(token)
    if shape is None:
        raise ConfigurationError(
            f"{section}.token is no bot token: @BotFather gives one as digits, a colon and letters"
        )
    _require(
        secret is None or SECRET.fullmatch(secret) is not None,
        f"{section}.secret_token must be 1 to 256 of the characters A-Z, a-z, 0-9, _ and -",
    )
    _require(mode in (None, "webhook", "polling"), f"{section}.mode is {mode!r}, not 'webhook' or 'polling'")
    _require(
        mode != "webhook" or secret is not None,
        f"{section}.secret_token is not set, and without it no webhook is believed: set it to a long random word",
    )
    parts = urlsplit(url)
    _require(
        parts.scheme in ("http", "https") and bool(parts.hostname),
        f"{section}.api_base_url must be an http or https URL",
    )
    return shape["account"]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigurationError(message)


def _base(url: str) -> str:
    """The URL that `/bot<token>` follows, also where it was given with `/bot`, as libraries have it."""
    return url.rstrip("/").removesuffix("/bot")
