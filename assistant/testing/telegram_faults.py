"""How the fake Telegram fails on request, and the flood limits it keeps on request."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assistant.testing.telegram_refusal import Refusal, flooded

SHOWING = (
    "sendMessage",
    "sendMessageDraft",
    "editMessageText",
    "sendDocument",
    "sendPhoto",
    "sendVoice",
    "sendAudio",
    "sendVideo",
)
"""Calls after which people see something."""

SENDING = tuple(method for method in SHOWING if method != "sendMessageDraft")
"""Calls that the flood limits count."""

DESCRIPTIONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
                401: "Unauthorized", 403: "Forbidden: bot was blocked by the user", 404: "Not Found",
                409: "Conflict"}  # fmt: skip


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` calls that fit `methods` and `chat`."""

    methods: Sequence[str]
    times: int
    chat: int | None = None
    status: int | None = None
    description: str = ""
    retry_after: int | None = None
    cut: Literal["before", "after"] | None = None
    delay: float = 0.0

    def fits(self, method: str, chat: Any) -> bool:
        """Whether this call is one of them."""
        return self.times > 0 and method in self.methods and self.chat in (None, chat)

    def refusal(self) -> Refusal | None:
        """The answer; None where the call is carried out."""
        if self.retry_after is not None:
            return flooded(self.retry_after)
        if self.status is None:
            return None
        return Refusal(self.status, self.description or DESCRIPTIONS.get(self.status, "Bad Request: failed on request"))


class Flood:
    """Telegram's limits: 1 message a second in a chat, 20 a minute in a group, 30 a second in all.

    After a refusal every call to that chat is refused until the seconds told have passed, as Telegram does.
    Source: core.telegram.org/bots/faq, "My bot is hitting limits", 2026-06.
    """

    CHAT, GROUP, ALL = (1, 1.0), (20, 60.0), (30, 1.0)
    SLACK = 0.05
    """Part of a window that a message may come too early: what a network does to an even spacing."""

    def __init__(self) -> None:
        self.until: dict[int, float] = {}
        self._seen: dict[object, deque[float]] = {}

    def hold(self, chat: int, seconds: float) -> None:
        """Refuse calls to this chat for a while."""
        self.until[chat] = time.monotonic() + seconds

    def held(self, chat: Any) -> Refusal | None:
        """The refusal of a chat that is still held."""
        left = self.until.get(chat, 0.0) - time.monotonic()
        return flooded(math.ceil(left)) if left > 0 else None

    def count(self, chat: int, *, group: bool) -> Refusal | None:
        """Count a message; the refusal where it is one too many."""
        windows = [(chat, *self.CHAT), ("all", *self.ALL), *([((chat, "group"), *self.GROUP)] if group else [])]
        now, wait = time.monotonic(), 0.0
        for key, count, seconds in windows:
            seen = self._seen.setdefault(key, deque())
            while seen and now - seen[0] >= seconds * (1 - self.SLACK):
                seen.popleft()
            if len(seen) >= count:
                wait = max(wait, seen[0] + seconds - now)
        if wait > 0:
            self.hold(chat, math.ceil(wait))
            return flooded(math.ceil(wait))
        for key, _, _ in windows:
            self._seen[key].append(now)
        return None
