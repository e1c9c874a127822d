"""When Telegram may be written to in a chat again: previews and answers go to the same one and are refused together."""

from __future__ import annotations

import time
from collections import OrderedDict


class Pauses:
    """Of the chats of one bot, each until a moment of the monotonic clock; the oldest are forgotten."""

    MOST = 10_000

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def add(self, chat: str, seconds: float) -> None:
        """Begin a pause; a longer one that runs already stays."""
        self._until[chat] = max(self._until.pop(chat, 0.0), time.monotonic() + seconds)
        while len(self._until) > self.MOST:
            self._until.popitem(last=False)

    def left(self, chat: str) -> float:
        """Seconds that are left of it; 0: none."""
        return max(0.0, self._until.get(chat, 0.0) - time.monotonic())
