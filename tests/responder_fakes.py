"""A bot on a platform in memory: messages in, replies out, everything between them real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from prometheus_client import CollectorRegistry
from turn_fakes import PUMP, Found

from assistant import Assistant, Settings
from assistant.bot.handover import Holds
from assistant.bot.meters import Feedback
from assistant.connector import Capabilities
from assistant.errors import PermanentError, RateLimited, TransientError
from assistant.inbox import Reply, Turn, turn_id
from assistant.responder import Responder
from assistant.testing.echo import EchoChat
from assistant.testing.memory_connector import MemoryConnector, MemoryPreview
from assistant.types import Address, Attachment, Incoming, Kind, Outgoing, Receipt

ADDRESS = Address("memory", "bot", "7")
GROUP = Address("memory", "bot", "g7")
QUESTION = "How often must the pump be serviced?"


def message(
    text: str = QUESTION,
    *,
    id: str = "1",
    kind: Kind = "text",
    address: Address = ADDRESS,
    reply_to: str | None = None,
    files: tuple[Attachment, ...] = (),
    speaks: str | None = "en",
    sender: str = "ada",
) -> Incoming:
    """What a person did; `speaks` is what the platform tells of their language, as Telegram does."""
    raw = {"message": {"from": {"id": 1, "language_code": speaks}}} if speaks else {}
    at = datetime(2026, 11, 24, tzinfo=UTC)
    return Incoming(id, address, sender, kind, text, at, reply_to=reply_to, attachments=files, raw=raw)


def turn(*messages: Incoming) -> Turn:
    """The turn of these messages, named as the inbox names it."""
    return Turn(turn_id(messages[0]), messages)


class Bench:
    """A responder with everything it is given; `ask` gives the reply to a message."""

    def __init__(
        self,
        data_dir: Path,
        *,
        model: BaseChatModel | None = None,
        assistant: Callable[[Settings], Assistant] | None = None,
        connector: Any = None,
        holds: Holds | None = None,
        bot: Mapping[str, Any] | None = None,
        **sections: Any,
    ) -> None:
        self.settings = Settings.model_validate({"data_dir": data_dir, "bot": bot or {}, **sections})
        opened = assistant or (lambda s: Assistant(model or EchoChat(), Found(documents=[PUMP]), settings=s))
        self.assistant = opened(self.settings)
        self.connector: Any = connector or MemoryConnector(secret="s")
        self.registry = CollectorRegistry()
        self.feedback: list[Feedback] = []
        self.running: set[Address] = set()
        self.starting: Exception | None = None
        self.stop_turn: Callable[[Address], Awaitable[bool]] | None = None
        self.respond = Responder(
            self.opened,
            {self.connector.name: self.connector},
            settings=self.settings,
            stop=self.stop,
            holds=holds,
            registry=self.registry,
            on_feedback=self.feedback.append,
        )

    def opened(self) -> Assistant:
        """The assistant, unless it is still starting."""
        if self.starting:
            raise self.starting
        return self.assistant

    async def stop(self, address: Address) -> bool:
        """As `Inbox.stop_turn`."""
        if self.stop_turn is not None:
            return await self.stop_turn(address)
        found = address in self.running
        self.running.discard(address)
        return found

    async def ask(self, *messages: Incoming) -> Reply:
        """The reply to a turn of these messages."""
        return await self.respond(turn(*messages))

    async def say(self, *messages: Incoming) -> Outgoing:
        """The one message that answers."""
        (sent,) = (await self.ask(*messages)).messages
        return sent

    async def text(self, *messages: Incoming) -> str:
        """The text of the one message that answers."""
        return (await self.say(*messages)).text

    async def remembered(self, address: Address = ADDRESS) -> list[str]:
        """What the conversation holds."""
        return [said.text for said in await self.assistant.conversations.amessages(str(address))]

    def count(self, name: str, **labels: str) -> float:
        """The value of a counter."""
        return self.registry.get_sample_value(f"{name}_total", labels) or 0.0


class Plain:
    """A platform that can only send and be sent to: no buttons, typing, previews or files."""

    name = "memory"
    capabilities = Capabilities()

    def verify(self, webhook: Any) -> None:
        """Everything is welcome."""

    def parse(self, webhook: Any) -> tuple[Incoming, ...]:
        """Tests make the events."""
        return ()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Nobody reads it."""
        return Receipt(())


class Patient(MemoryConnector):
    """Shows typing every few milliseconds; `thrice` is set when it was shown three times."""

    def __init__(self) -> None:
        super().__init__(secret="s")
        self.capabilities = replace(self.capabilities, typing_seconds=0.01)
        self.thrice = asyncio.Event()

    async def typing(self, address: Address, *, about: str | None = None) -> None:
        """See `Typing.typing`."""
        await super().typing(address)
        if self.platform.typings(address) >= 3:
            self.thrice.set()


class Broken(MemoryConnector):
    """Shows nothing while an answer is written: each call fails, `at` the place that is named."""

    def __init__(self, at: str, error: Exception | None = None) -> None:
        super().__init__(secret="s")
        self._at = at
        self._error = error or RateLimited("not now", retry_after=60)

    async def typing(self, address: Address, *, about: str | None = None) -> None:
        """See `Typing.typing`."""
        self._fail("typing")

    @asynccontextmanager
    async def preview(self, outgoing: Outgoing) -> AsyncIterator[Any]:
        """See `Streaming.preview`."""
        self._fail("enter")
        yield self
        self._fail("leave")

    async def update(self, text: str) -> None:
        """See `Preview.update`."""
        self._fail("update")

    def _fail(self, place: str) -> None:
        if place == self._at:
            raise self._error


class Watched(MemoryConnector):
    """Remembers how its previews ended."""

    def __init__(self) -> None:
        super().__init__(secret="s")
        self.ended: list[str] = []

    @asynccontextmanager
    async def preview(self, outgoing: Outgoing) -> AsyncIterator[MemoryPreview]:
        """See `Streaming.preview`."""
        try:
            async with super().preview(outgoing) as live:
                yield live
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("whole")


class Scribe:
    """Writes a recording down: its bytes are the words, except those that name an error."""

    heard: list[tuple[bytes, str | None, str]]

    def __init__(self) -> None:
        self.heard = []

    async def transcribe(self, data: bytes, *, mime_type: str | None, language: str) -> str:
        """See `Transcriber.transcribe`."""
        self.heard.append((data, mime_type, language))
        if data == b"noise":
            raise PermanentError("no words in it")
        if data == b"later":
            raise TransientError("busy")
        return data.decode()
