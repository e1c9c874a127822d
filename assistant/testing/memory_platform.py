"""A messaging platform in memory on which everything can be seen and everything can be made to fail."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from assistant.errors import RateLimited, Rejected, TransientError
from assistant.testing.platform import Failure, Sent
from assistant.types import Address, Attachment, Outgoing, Webhook

SIGNATURE = "X-Memory-Signature"
"""Header with the HMAC-SHA256 of the body."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message in a chat, and the key it was sent with; `preview`: an answer on its way."""

    sent: Sent
    outgoing: Outgoing
    preview: bool = False


class Cut(Exception):
    """The connection ended after the request left."""


class MemoryPlatform:
    """Chats, files and a queue of events; `latency` is how many seconds every call takes.

    Attributes:
        calls: every message that was sent to the platform, also those that failed, in order.
    """

    def __init__(self, *, latency: float = 0.0) -> None:
        self.latency = latency
        self.calls: list[Outgoing] = []
        self._stopped = False
        self._failures: deque[tuple[Failure, float]] = deque()
        self._chats: defaultdict[str, list[Shown]] = defaultdict(list)
        self._shown: defaultdict[str, list[str]] = defaultdict(list)
        self._typings: Counter[str] = Counter()
        self._reactions: dict[tuple[str, str], str] = {}
        self._files: dict[str, bytes] = {}
        self._queue: list[bytes] = []
        self._ids = count(1)
        self._arrived = asyncio.Event()

    def messages(self, address: Address) -> Sequence[Sent]:
        """What the person there sees now, oldest first."""
        return [each.sent for each in self._chats[str(address)]]

    def texts(self, address: Address) -> list[str]:
        """The texts of `messages`."""
        return [sent.text for sent in self.messages(address)]

    def outgoing(self, address: Address) -> list[Outgoing]:
        """What was sent there, as the connector got it."""
        return [each.outgoing for each in self._chats[str(address)] if not each.preview]

    def shown(self, address: Address) -> Sequence[str]:
        """Every text that ever was on the screen there."""
        return list(self._shown[str(address)])

    def typings(self, address: Address) -> int:
        """How many typing indications were shown there."""
        return self._typings[str(address)]

    def reactions(self, address: Address, message_id: str) -> Sequence[str]:
        """The bot's emoji at a message."""
        return [self._reactions[key] for key in [(str(address), message_id)] if key in self._reactions]

    def add_file(self, data: bytes, *, name: str) -> Attachment:
        """Keep a file that a person sent."""
        file_id = f"file-{next(self._ids)}"
        self._files[file_id] = data
        return Attachment(kind="document", file_id=file_id, name=name, size=len(data))

    def queue(self, body: bytes) -> None:
        """Let an event wait to be fetched."""
        self._queue.append(body)
        self._arrived.set()

    def pending(self) -> int:
        """How many events are not confirmed yet."""
        return len(self._queue)

    def fail(self, failure: Failure, *, times: int = 1, retry_after: float = 3) -> None:
        """Let the next `times` sends go wrong."""
        self._failures.extend([(failure, retry_after)] * times)

    def heal(self) -> None:
        """Forget the failures that are still due."""
        self._failures.clear()

    async def stop(self) -> None:
        """Go away."""
        self._stopped = True

    async def put(self, outgoing: Outgoing, length: int, *, preview: bool = False) -> str:
        """Show a message, in the place of a preview with its key; returns its id.

        Raises:
            RateLimited, TransientError, Rejected, Cut: what `fail` asked for.
        """
        await self.reach()
        self.calls.append(outgoing)
        failure, retry_after = self._failures.popleft() if self._failures else (None, 0.0)
        if failure == "rate_limit":
            raise RateLimited("the memory platform is told to refuse for now", retry_after=retry_after)
        if failure == "server_error":
            raise TransientError("the memory platform is told to answer 500")
        if failure == "blocked":
            raise Rejected("the memory platform is told that the person blocked the bot")
        if failure == "lost":
            raise Cut
        shown = self._show(outgoing, length, preview)
        if failure == "cut":
            raise Cut
        return shown

    async def reach(self) -> None:
        """Take the time of a call. Raises TransientError: the platform is gone."""
        await asyncio.sleep(self.latency)
        if self._stopped:
            raise TransientError("the memory platform refuses connections: it was stopped")

    async def show_typing(self, address: Address) -> None:
        """Show that the bot is writing."""
        await self.reach()
        self._typings[str(address)] += 1

    async def react(self, address: Address, message_id: str, emoji: str | None) -> None:
        """Put an emoji at a message, or take it away."""
        await self.reach()
        if emoji is None:
            self._reactions.pop((str(address), message_id), None)
        else:
            self._reactions[str(address), message_id] = emoji

    async def file(self, file_id: str | None) -> bytes:
        """The content of a file. Raises Rejected: there is none."""
        await self.reach()
        if file_id not in self._files:
            raise Rejected(f"file {file_id!r} is not on the memory platform")
        return self._files[file_id]

    async def next_event(self) -> bytes:
        """The oldest event that is not confirmed, as soon as there is one."""
        while not self._queue:
            self._arrived.clear()
            await self._arrived.wait()
        await self.reach()
        return self._queue[0]

    def confirm(self) -> None:
        """Forget the oldest event."""
        del self._queue[0]

    def has(self, key: str | None) -> bool:
        """Whether a message with that key arrived."""
        return any(each.outgoing.key == key and not each.preview for chat in self._chats.values() for each in chat)

    def _show(self, outgoing: Outgoing, length: int, preview: bool) -> str:
        chat = self._chats[str(outgoing.address)]
        labels = tuple(button.label for button in outgoing.buttons)
        sent = Sent(text=outgoing.text, length=length, id=f"m{next(self._ids)}", buttons=labels)
        self._shown[str(outgoing.address)].append(outgoing.text)
        for position, old in enumerate(chat):
            if old.preview and old.outgoing.key == outgoing.key:
                chat[position] = Shown(replace(sent, id=old.sent.id), outgoing, preview)
                return old.sent.id
        chat.append(Shown(sent, outgoing, preview))
        return sent.id


def body(*events: dict[str, Any]) -> bytes:
    """The body of a webhook with these events, each as `event` makes them."""
    return json.dumps({"events": events}).encode()


def event(id: str, text: str = "", *, chat: str = "7", kind: str = "text", **more: Any) -> dict[str, Any]:
    """One event; `more`: `thread`, `sender`, `at` (seconds since 1970), `order`, `reply_to`, `file`."""
    return {"id": id, "chat": chat, "sender": "ada", "kind": kind, "text": text, "at": 1_790_000_000, **more}


def signed(body: bytes, secret: str) -> Webhook:
    """The request that carries `body` to a bot whose secret is `secret`."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Webhook(method="POST", headers={SIGNATURE: signature}, body=body)
