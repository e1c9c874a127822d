"""The fake Telegram as the contract suite of connectors wants to see a platform."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Sequence

from assistant.testing.platform import Failure, Sent
from assistant.testing.telegram_api import TelegramApi
from assistant.testing.telegram_markup import units
from assistant.testing.telegram_people import described
from assistant.types import Address, Attachment


class TelegramPlatform:
    """`api` behind `assistant.testing.platform`; `stop` ends the server that it runs on."""

    def __init__(self, api: TelegramApi, stop: Callable[[], Awaitable[None]]) -> None:
        self.api = api
        self._stop = stop

    def messages(self, address: Address) -> Sequence[Sent]:
        """What the bot wrote there and is still there."""
        thread = int(address.thread) if address.thread else None
        return [
            Sent(post.text, units(post.text), str(post.message_id), tuple(button["text"] for button in post.buttons))
            for post in self.api.sent(int(address.chat))
            if post.thread == thread
        ]

    def fail(self, failure: Failure, *, times: int = 1, retry_after: float = 3) -> None:
        """Let the next calls that show something go wrong."""
        match failure:
            case "rate_limit":
                self.api.fail(times=times, retry_after=math.ceil(retry_after))
            case "server_error":
                self.api.fail(times=times, status=502)
            case "blocked":
                self.api.fail(times=times, status=403)
            case "cut":
                self.api.fail(times=times, cut="after")
            case "lost":
                self.api.fail(times=times, cut="before")

    def heal(self) -> None:
        """Forget the failures that are still due."""
        self.api.heal()

    async def stop(self) -> None:
        """Go away."""
        await self._stop()

    def typings(self, address: Address) -> int:
        """Chat actions so far."""
        return len(self.api.actions.get(int(address.chat), ()))

    def shown(self, address: Address) -> Sequence[str]:
        """Every text that was on the screen."""
        return self.api.screens.get((int(address.chat), int(address.thread) if address.thread else None), [])

    def add_file(self, data: bytes, *, name: str) -> Attachment:
        """A document at Telegram."""
        told = described(self.api.store(data, name, "application/octet-stream"))
        return Attachment(
            kind="document",
            file_id=told["file_id"],
            name=name,
            mime_type=told["mime_type"],
            size=told["file_size"],
        )

    def reactions(self, address: Address, message_id: str) -> Sequence[str]:
        """The bot's emoji; the last number in `message_id` is Telegram's."""
        numbers = re.findall(r"\d+", message_id)
        return self.api.posts[int(address.chat), int(numbers[-1])].reactions

    def queue(self, body: bytes) -> None:
        """Let an update wait."""
        self.api.updates.put(json.loads(body))

    def pending(self) -> int:
        """Updates that no offset has confirmed."""
        return len(self.api.updates.pending)
