"""Messages that go out to Telegram: from an `Outgoing` to the calls that send it, one after the other."""

from __future__ import annotations

import asyncio
import html
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputFile, LinkPreviewOptions, ReplyParameters
from telegram.constants import ParseMode

from assistant import markup
from assistant.connector import parts
from assistant.errors import Rejected
from assistant.types import Attachment, Button, Outgoing
from connectors._telegram_calls import Api, Refused
from connectors._telegram_html import render, size, visible
from connectors._telegram_limits import BUTTONS, CALLBACK_BYTES, CAPTION_UNITS, PHOTO_BYTES, TEXT_UNITS
from connectors._telegram_updates import GENERAL

LOG = logging.getLogger(__name__)

MESSAGE = re.compile(r"(?P<chat>-?\d+):(?P<message>\d+)(?::|$)")
"""An id of a message, or of something that happened to it: chat, then message."""

LONG = 1000
"""Characters from which splitting may take milliseconds, and a hundred times that where every word is marked up."""

ROW_CHARACTERS = 30
"""Labels of buttons that share a row, so that a telephone shows them whole."""

ROW_BUTTONS = 8
"""Buttons in one row. limits.tginfo.me, 2026-06."""

Call = Callable[[str, str | None], Awaitable[Any]]
"""Sends a text with a parse mode."""


def split(outgoing: Outgoing) -> tuple[Outgoing, ...]:
    """The same as messages that each are one of Telegram's, where it has one file at most.

    A text that goes with a file and is longer than a caption becomes parts of a caption's length. One that shows nothing
    as Markdown is shown as it is written.
    """
    fits = CAPTION_UNITS if outgoing.attachments and size(outgoing.text) > CAPTION_UNITS else TEXT_UNITS
    texts = markup.split(outgoing.text, limit=fits, size=size) or _unread(outgoing.text, fits)
    return tuple(parts(outgoing, texts))


async def parted(outgoing: Outgoing) -> tuple[Outgoing, ...]:
    """`split`, beside the event loop where it may take long."""
    return split(outgoing) if len(outgoing.text) < LONG else await asyncio.to_thread(split, outgoing)


def message_number(message_id: str | None, *, chat: str) -> int | None:
    """Telegram's own number of a message in `chat`; None: not of that chat, or no message."""
    found = MESSAGE.match(message_id or "")
    return int(found["message"]) if found and found["chat"] == chat else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages go: a chat and, in a forum, a topic of it."""

    api: Api
    chat: str
    thread: str | None = None
    link_previews: bool = False

    @property
    def target(self) -> dict[str, Any]:
        """Parameters of every call that shows something; the topic General is the one that is not named."""
        thread = None if self.thread in (None, GENERAL) else int(self.thread or 0)
        return {"chat_id": int(self.chat), "message_thread_id": thread}

    async def text(self, outgoing: Outgoing) -> str:
        """Send its text; the id of the message."""
        previews = LinkPreviewOptions(is_disabled=not self.link_previews)
        reply, keyboard = _reply(outgoing, self.chat), _keyboard(outgoing.buttons)

        async def call(text: str, mode: str | None) -> Any:
            return await self.api.send_message(
                **self.target, text=text, parse_mode=mode, link_preview_options=previews,
                reply_parameters=reply, reply_markup=keyboard,
            )  # fmt: skip

        return self._id(await _formatted(outgoing.text, call))

    async def edit(self, number: int, outgoing: Outgoing) -> str:
        """Let a message of the bot say this instead; the id of it. That it says so already is as good."""
        previews = LinkPreviewOptions(is_disabled=not self.link_previews)
        keyboard = _keyboard(outgoing.buttons)

        async def call(text: str, mode: str | None) -> Any:
            return await self.api.edit_message_text(
                chat_id=int(self.chat), message_id=number, text=text, parse_mode=mode,
                link_preview_options=previews, reply_markup=keyboard,
            )  # fmt: skip

        try:
            await _formatted(outgoing.text, call)
        except Refused as refusal:
            if not refusal.says("message is not modified"):
                raise
        return f"{self.chat}:{number}"

    async def draft(self, number: int, outgoing: Outgoing) -> None:
        """Show its text as a draft, in place of the draft with the same number."""

        async def call(text: str, mode: str | None) -> Any:
            return await self.api.send_message_draft(**self.target, draft_id=number, text=text, parse_mode=mode)

        await _formatted(outgoing.text, call)

    async def delete(self, number: int) -> None:
        """Take a message of the bot away."""
        await self.api.delete_message(int(self.chat), number)

    async def file(self, attachment: Attachment, outgoing: Outgoing) -> str:
        """Send a file with the text of `outgoing` under it; the id of the message."""
        field, content = _field(attachment), _content(attachment)
        method = getattr(self.api, f"send_{field}")
        reply, keyboard = _reply(outgoing, self.chat), _keyboard(outgoing.buttons)

        async def call(text: str, mode: str | None) -> Any:
            return await method(
                **self.target, **{field: content}, caption=text or None, parse_mode=mode,
                reply_parameters=reply, reply_markup=keyboard,
            )  # fmt: skip

        return self._id(await _formatted(outgoing.text, call))

    def _id(self, message: Any) -> str:
        return f"{self.chat}:{message.message_id}"


Step = Callable[[Place], Awaitable[str]]
"""Sends one message of Telegram; its id."""


def check(outgoing: Outgoing) -> None:
    """Raises Rejected: what no part of it could be sent with, before any is."""
    if not outgoing.text.strip() and not outgoing.attachments:
        raise Rejected("a message to Telegram has no text and no attachment")
    _keyboard(outgoing.buttons)
    for attachment in outgoing.attachments:
        _field(attachment), _content(attachment)


def steps(outgoing: Outgoing) -> Iterator[Step]:
    """What sends a part: each file in a message, the first with the text; else the text."""
    if not outgoing.attachments:
        yield partial(Place.text, outgoing=outgoing)
        return
    last = len(outgoing.attachments) - 1
    for number, attachment in enumerate(outgoing.attachments):
        body = replace(outgoing, buttons=outgoing.buttons if number == last else ())
        yield partial(
            Place.file, attachment=attachment, outgoing=replace(body, text="", reply_to=None) if number else body
        )


async def _formatted(text: str, call: Call) -> Any:
    """Make a call with Markdown as Telegram's HTML; as plain text where Telegram cannot read that, and only there."""
    formatted = render(text) or html.escape(text)
    try:
        return await call(formatted, ParseMode.HTML if formatted else None)
    except Refused as refusal:
        if not refusal.says("can't parse entities"):
            raise
        LOG.warning("Telegram cannot read the markup of a message, which goes out as plain text: %s", refusal)
        return await call(visible(formatted), None)


def _unread(text: str, limit: int) -> list[str]:
    """A text of which nothing is visible, in stretches of characters that fit whatever they are; blank ones are left out."""
    width = limit // 2
    stretches = (text[start : start + width] for start in range(0, len(text), width))
    return [stretch for stretch in stretches if stretch.strip()] or [text]


def _reply(outgoing: Outgoing, chat: str) -> ReplyParameters | None:
    number = message_number(outgoing.reply_to, chat=chat)
    return None if number is None else ReplyParameters(number, allow_sending_without_reply=True)


def _keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    if len(buttons) > BUTTONS:
        raise Rejected(f"a message of Telegram has {BUTTONS} buttons at most, not {len(buttons)}")
    shown = [button for button in buttons if button.url is None or _reachable(button.url)]
    return InlineKeyboardMarkup([[_key(button) for button in row] for row in _rows(shown)]) if shown else None


def _rows(buttons: Iterable[Button]) -> list[list[Button]]:
    rows: list[list[Button]] = []
    for button in buttons:
        beside = rows[-1] if rows else []
        room = sum(len(each.label) for each in beside) + len(button.label) <= ROW_CHARACTERS
        if beside and room and len(beside) < ROW_BUTTONS:
            beside.append(button)
        else:
            rows.append([button])
    return rows


def _key(button: Button) -> InlineKeyboardButton:
    if button.url is not None:
        return InlineKeyboardButton(button.label, url=button.url)
    data = button.label if button.data is None else button.data
    if not 1 <= (length := len(data.encode())) <= CALLBACK_BYTES:
        raise Rejected(f"data of the button {button.label!r} has {length} bytes; Telegram takes 1 to {CALLBACK_BYTES}")
    return InlineKeyboardButton(button.label, callback_data=data)


def _reachable(url: str) -> bool:
    """Whether Telegram takes a button's URL: it refuses the whole message for one with a host of this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        public = ip_address(host).is_global
    except ValueError:
        public = "." in host
    good = parts.scheme == "tg" or (parts.scheme in ("http", "https") and public)
    if not good:
        LOG.warning("a button with the URL %r is left out: Telegram takes public ones only", url)
    return good


def _field(attachment: Attachment) -> str:
    """The parameter that takes a kind of file; the call is named after it."""
    if attachment.kind == "image" and len(attachment.data or b"") <= PHOTO_BYTES:
        return "photo"
    if attachment.kind in ("audio", "video"):
        return attachment.kind
    if attachment.kind in ("image", "document"):
        return "document"
    raise Rejected(f"an attachment of kind {attachment.kind!r} cannot be sent to Telegram")


def _content(attachment: Attachment) -> str | InputFile:
    if attachment.data is not None:
        return InputFile(attachment.data, filename=attachment.name or attachment.kind)
    if content := attachment.file_id or attachment.url:
        return content
    raise Rejected(f"attachment {attachment.name!r} has no data, no file_id and no url")
