"""An answer while it is written: as a draft that Telegram animates in private chats, else as a message that is edited."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from telegram.error import TelegramError

from assistant.types import Outgoing
from connectors._telegram_calls import Lost, Refused, Unsent
from connectors._telegram_limits import DRAFT_SECONDS, GROUP_PREVIEW_SECONDS, PREVIEW_SECONDS
from connectors._telegram_messages import Place, parted
from connectors._telegram_pauses import Pauses

LOG = logging.getLogger(__name__)

Paint = Callable[[str], Awaitable[float]]
"""Shows a text; gives the seconds until the next may be shown."""

EDIT_PAUSES = (0.5, 2.0)
"""Seconds before the second and the third try of an edit."""

GONE = (
    "message to edit not found",
    "message can't be edited",
    "message to delete not found",
    "message can't be deleted",
)
"""What Telegram says of a preview that nothing can be made of."""

NEVER = float("inf")
"""Pause after which nothing more is shown."""


class Later(Exception):
    """The text is to be shown in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Live:
    """Shows the newest text as often as is allowed; texts that came in between are skipped."""

    def __init__(self, paint: Paint, *, repeat: float | None = None) -> None:
        self._paint = paint
        self._repeat = repeat
        self._text = ""
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()

    async def update(self, text: str) -> None:
        """Show `text` soon."""
        if text.strip() and text != self._text:
            self._text = text
            self._changed.set()

    async def run(self) -> None:
        """Show texts until the end; a call on its way is waited for."""
        while not self._ended.is_set():
            await self._next()
            if self._ended.is_set():
                return
            self._changed.clear()
            if (pause := await self._painted()) == NEVER:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), pause)

    def end(self) -> None:
        """Show nothing more."""
        self._ended.set()
        self._changed.set()

    async def _painted(self) -> float:
        try:
            return await self._paint(self._text)
        except Later as later:
            self._changed.set()
            return later.seconds
        except Exception:  # a preview never harms the answer
            LOG.exception("a preview is not shown")
            return NEVER

    async def _next(self) -> None:
        """Wait for a new text, or for the time to show the old one again."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), self._repeat if self._text else None)


class Previews:
    """The previews of one bot, and the messages that they left to be taken over."""

    LEFT = 1000
    """Messages remembered at most; older ones are not taken over."""

    def __init__(self) -> None:
        self.refused = Pauses()
        """Where Telegram asked for patience: nothing is sent there."""
        self._sent = Pauses()
        self._left: dict[str, tuple[int, float]] = {}  # message, and when it was last changed
        self._drafts = True

    def sent(self, place: Place) -> None:
        """Note that a message was sent: a preview there begins no sooner than the next message may."""
        self._sent.add(place.chat, _pace(place))

    @contextlib.asynccontextmanager
    async def show(self, outgoing: Outgoing, place: Place) -> AsyncIterator[Live]:
        """Show how an answer grows; at the end nothing is on the wire."""
        by_draft = self._drafts and not place.chat.startswith("-")
        painter = self._draft(outgoing, place) if by_draft else self._message(outgoing, place)
        live = Live(painter, repeat=DRAFT_SECONDS if by_draft else None)
        task = asyncio.create_task(live.run())
        try:
            yield live
        finally:
            live.end()
            await asyncio.shield(task)

    async def take_over(self, part: Outgoing, place: Place) -> str | None:
        """Let the message that a preview with the same key left say `part` instead; its id. None: there is none (left).

        An edit does no harm the second time, so one whose outcome is unknown is tried again. It comes no sooner after
        the last update of the preview than Telegram allows.
        """
        if (number := self._left_by(part)) is None:
            return None
        await asyncio.sleep(self._left[_root(part)][1] + PREVIEW_SECONDS - time.monotonic())
        try:
            if part.attachments:  # a text cannot become a file
                await place.delete(number)
                taken = None
            else:
                taken = await self._edited(number, part, place)
        except Refused as refusal:
            if not (refusal.migrated_to or refusal.says(*GONE)):
                raise
            taken = None
        self._left.pop(_root(part), None)
        return taken

    async def _edited(self, number: int, part: Outgoing, place: Place) -> str:
        for pause in EDIT_PAUSES:
            try:
                return await place.edit(number, part)
            except Lost:
                await asyncio.sleep(pause)
        return await place.edit(number, part)

    def _left_by(self, outgoing: Outgoing) -> int | None:
        return self._left[_root(outgoing)][0] if outgoing.key and _root(outgoing) in self._left else None

    def _draft(self, outgoing: Outgoing, place: Place) -> Paint:
        number = zlib.crc32(_root(outgoing).encode()) & 0x7FFFFFFF or 1
        instead: Paint | None = None

        async def paint(text: str) -> float:
            nonlocal instead
            if instead:
                return await instead(text)
            try:
                await place.draft(number, await _beginning(outgoing, text))
            except TelegramError as error:
                if not (isinstance(error, Refused) and error.status in (400, 404)):
                    return _pause(error, PREVIEW_SECONDS)
                LOG.info("Telegram takes no draft, so the answer grows by edits: %s", error)
                self._drafts = self._drafts and error.status != 404  # 404: a server that does not know them
                instead = self._message(outgoing, place)
                return await instead(text)
            return PREVIEW_SECONDS

        return paint

    def _message(self, outgoing: Outgoing, place: Place) -> Paint:
        pace = _pace(place)
        number = self._left_by(outgoing)

        async def paint(text: str) -> float:
            nonlocal number
            if wait := max(self.refused.left(place.chat), 0.0 if number else self._sent.left(place.chat)):
                raise Later(wait)
            shown = await _beginning(outgoing, text)
            try:
                if number is None:
                    number = int((await place.text(shown)).rpartition(":")[2])
                    self.sent(place)
                else:
                    await place.edit(number, shown)
                self._remember(outgoing, number)
            except Lost as error:
                return NEVER if number is None else _pause(error, pace)  # a second message might double the first
            except TelegramError as error:
                if isinstance(error, Refused) and error.retry_after:
                    self.refused.add(place.chat, error.retry_after)
                return _pause(error, pace)
            return pace

        return paint

    def _remember(self, outgoing: Outgoing, number: int) -> None:
        if outgoing.key is None:
            return
        self._left[_root(outgoing)] = number, time.monotonic()
        while len(self._left) > self.LEFT:
            del self._left[next(iter(self._left))]


def _pace(place: Place) -> float:
    return GROUP_PREVIEW_SECONDS if place.chat.startswith("-") else PREVIEW_SECONDS


def _root(outgoing: Outgoing) -> str:
    """What a preview and the first part of its answer share: the conversation and the key."""
    return f"{outgoing.address} {outgoing.key or ''}"


async def _beginning(outgoing: Outgoing, text: str) -> Outgoing:
    return (await parted(replace(outgoing, text=text, buttons=(), attachments=())))[0]


def _pause(error: TelegramError, pace: float) -> float:
    """Seconds until the next try; a chat that refuses is left alone."""
    if isinstance(error, Refused) and error.status < 500 and error.retry_after is None:
        LOG.info("a preview is not shown: %s", error)
        return NEVER
    patience = error.retry_after if isinstance(error, Refused) and error.retry_after else 0.0
    return max(pace, patience, 2 * pace if isinstance(error, Unsent) else 0.0)
