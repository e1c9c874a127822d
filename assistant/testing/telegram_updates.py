"""What waits for the bot at Telegram: updates in order, until they are confirmed by an offset or a webhook's 2xx."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from assistant.testing.telegram_refusal import Refusal, bad

Update = dict[str, Any]

UNASKED = {"chat_member", "message_reaction", "message_reaction_count"}
"""Kinds that Telegram sends only to a bot that names them in allowed_updates."""

PRUNED = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
TAKEN = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
REPLACED = "Conflict: terminated by setWebhook request"


class Updates:
    """The queue of one bot. Only touched on the loop of its server, except for `add`, which any thread may call."""

    def __init__(self) -> None:
        self.pending: list[Update] = []
        self.allowed: Sequence[str] = ()
        self.webhook_url = ""
        self._next = 1000
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._listeners: list[Callable[[Update], None]] = []

    def open(self) -> None:
        """Remember the loop that the server runs in."""
        self._loop = asyncio.get_running_loop()

    def listen(self, listener: Callable[[Update], None]) -> None:
        """Call `listener` with every update that is added, on the server's loop."""
        self._listeners.append(listener)

    def add(self, kind: str, content: dict[str, Any]) -> int:
        """Queue an update; its id. A kind that the bot did not ask for is thrown away, as Telegram does."""
        self._next += 1
        wanted = kind in self.allowed if self.allowed else kind not in UNASKED
        if wanted:
            self.put({"update_id": self._next, kind: content})
        return self._next

    def put(self, update: Update) -> None:
        """Queue a whole update, also one that was confirmed before."""
        if self._loop is None or self._loop.is_closed():
            return self.pending.append(update)
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            return self._put(update)
        self._loop.call_soon_threadsafe(self._put, update)

    def _put(self, update: Update) -> None:
        self.pending = sorted([*self.pending, update], key=lambda waiting: int(waiting["update_id"]))
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
        for listener in self._listeners:
            listener(update)

    def end_poll(self, reason: str = REPLACED) -> None:
        """A poll that waits is answered 409."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(Refusal(409, reason))

    async def poll(self, offset: int, limit: int, seconds: float) -> list[Update]:
        """What getUpdates gives: nothing below `offset` ever again; waits up to `seconds` for the first.

        Raises:
            Refusal: 409: a webhook is set, or another poll took over.
        """
        if self.webhook_url:
            raise Refusal(409, TAKEN)
        if not 1 <= limit <= 100:
            raise bad("limit must be between 1 and 100")
        self.end_poll(PRUNED)
        if offset < 0:
            offset = int(self.pending[offset:][0]["update_id"]) if self.pending else 0
        self.pending = [update for update in self.pending if update["update_id"] >= offset]
        if not self.pending and seconds:
            await self._wait(seconds)
        return self.pending[:limit]

    async def _wait(self, seconds: float) -> None:
        mine = self._waiter = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(mine, seconds)
        except TimeoutError:
            pass
        finally:
            if self._waiter is mine:
                self._waiter = None
