"""A complete connector to a platform in memory: for tests of everything that stands behind a connector.

Its messages are plain text. `MemoryConnector(secret="…").platform` is where its messages can be seen and made to fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import regex
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.connector import Accept, Capabilities, Rate, parts
from assistant.errors import AssistantError, ConfigurationError, InvalidWebhook, Rejected, TransientError
from assistant.payload import check_signature, read_json
from assistant.testing.memory_platform import SIGNATURE, Cut, MemoryPlatform
from assistant.types import Address, Attachment, Incoming, Kind, Outgoing, Receipt, Webhook


class _Event(BaseModel):
    """An event on the wire; keys that are not known are left out."""

    model_config = ConfigDict(strict=True)

    id: str = Field(min_length=1)
    chat: str = Field(min_length=1)
    thread: str | None = Field(default=None, min_length=1)
    sender: str
    kind: Kind
    text: str = ""
    at: float = Field(ge=0, lt=253_402_300_800)  # what a datetime can hold: until the year 10000
    order: str = ""
    reply_to: str | None = None
    file: str | None = None


class MemoryConnector:
    """A bot named `account` on `platform`; chats whose name begins with "g" are groups.

    `repeats="dropped"`: the platform drops a message whose key it has seen.
    """

    def __init__(
        self,
        *,
        secret: str,
        name: str = "memory",
        account: str = "bot",
        text_limit: int = 4000,
        polls: bool = False,
        rates: Sequence[Rate] = (),
        repeats: Literal["dropped", "doubled"] = "doubled",
        platform: MemoryPlatform | None = None,
    ) -> None:
        if not secret:
            raise ConfigurationError("secret is empty: without one anybody could send webhooks")
        self.name = name
        self.polls = polls
        self.platform = platform or MemoryPlatform()
        self.capabilities = Capabilities(
            text_limit=text_limit,
            typing_seconds=5,
            streaming=True,
            media=True,
            buttons=3,
            polling=True,
            reactions=True,
            threads=True,
            rates=tuple(rates),
            repeats=repeats,
        )
        self._secret = secret
        self._account = account

    def __repr__(self) -> str:  # the secret is not for a log
        return f"{type(self).__name__}(name={self.name!r}, account={self._account!r})"

    def verify(self, webhook: Webhook) -> None:
        """See `Connector.verify`."""
        check_signature(webhook, header=SIGNATURE, secret=self._secret)

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        """See `Connector.parse`."""
        return self._events(webhook.body)

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        """See `Splitting.split`; cut between words where that is possible, never within what is read as one character."""
        return parts(outgoing, list(pieces(outgoing.text, self.capabilities.text_limit or 1)))

    async def send(self, outgoing: Outgoing) -> Receipt:
        """See `Connector.send`."""
        ids: list[str] = []
        for part in self.split(outgoing):
            if self.capabilities.repeats == "dropped" and self.platform.has(part.key):
                continue
            try:
                ids.append(await self.platform.put(part, len(part.text)))
            except Cut:
                return Receipt(tuple(ids), "unknown")
        return Receipt(tuple(ids))

    async def typing(self, address: Address, *, about: str | None = None) -> None:
        """See `Typing.typing`."""
        await self.platform.show_typing(address)

    @asynccontextmanager
    async def preview(self, outgoing: Outgoing) -> AsyncIterator[MemoryPreview]:
        """See `Streaming.preview`."""
        yield MemoryPreview(self, outgoing)

    async def fetch(self, attachment: Attachment, *, max_bytes: int) -> bytes:
        """See `Fetching.fetch`."""
        data = await self.platform.file(attachment.file_id)
        if len(data) > max_bytes:
            raise Rejected(f"{attachment.name!r} has {len(data)} bytes, more than the {max_bytes} allowed")
        return data

    async def poll(self, accept: Accept) -> None:
        """See `Polling.poll`."""
        while True:
            events = self._events(await self.platform.next_event())
            try:
                await accept(events)
            except TransientError:
                await asyncio.sleep(0.01)
            else:
                self.platform.confirm()

    async def react(self, address: Address, message_id: str, emoji: str | None) -> None:
        """See `Reacting.react`."""
        await self.platform.react(address, message_id, emoji)

    def is_group(self, address: Address) -> bool:
        """See `Grouping.is_group`."""
        return address.chat.startswith("g")

    def _events(self, body: bytes) -> list[Incoming]:
        match read_json(Webhook(method="POST", body=body)):
            case {"events": list(events)}:
                return [found for each in events if (found := self._incoming(each))]
        raise InvalidWebhook("the body has no list of events")

    def _incoming(self, value: Mapping[str, Any]) -> Incoming | None:
        try:
            event = _Event.model_validate(value)
        except ValidationError:
            return None
        files = (Attachment(kind="document", file_id=event.file),) if event.file else ()
        return Incoming(
            id=event.id,
            address=Address(self.name, self._account, event.chat, event.thread),
            sender=event.sender,
            kind=event.kind,
            text=event.text,
            sent_at=datetime.fromtimestamp(event.at, UTC),
            order=event.order,
            reply_to=event.reply_to,
            attachments=files,
            raw=value,
        )


class MemoryPreview:
    """An answer on its way."""

    def __init__(self, connector: MemoryConnector, outgoing: Outgoing) -> None:
        self._connector = connector
        self._first = replace(outgoing, buttons=())

    async def update(self, text: str) -> None:
        """See `Preview.update`."""
        shown = self._connector.split(replace(self._first, text=text))[0].text
        try:
            await self._connector.platform.put(replace(self._first, text=shown), len(shown), preview=True)
        except (AssistantError, Cut):
            return


class AskingMemoryConnector(MemoryConnector):
    """One that can tell what became of a message."""

    async def was_sent(self, outgoing: Outgoing) -> bool | None:
        """See `Asking.was_sent`."""
        await self.platform.reach()
        return all(self.platform.has(part.key) for part in self.split(outgoing))


def pieces(text: str, limit: int) -> Iterator[str]:
    """`text` in pieces of at most `limit` characters: whole lines, else whole words, else characters as they are read."""
    rest = text
    while len(rest) > limit:
        line, word = rest.rfind("\n", limit // 2, limit), rest.rfind(" ", 1, limit)
        cut = max(line if line > 0 else word, rest.rfind("\n", 1, limit)) + 1 or _letters(rest, limit)
        yield rest[:cut]
        rest = rest[cut:]
    yield rest


def _letters(text: str, limit: int) -> int:
    ends = [found.end() for found in regex.finditer(r"\X", text[: limit + 1]) if found.end() <= limit]
    return ends[-1] if ends else limit
