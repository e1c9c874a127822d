"""Telegram's delivery of updates to a webhook: in order within a chat, again until it is answered 2xx."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2

from assistant.testing.telegram_updates import Update, Updates

SECRET = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
"""Header that carries the webhook's secret."""


class Delivery:
    """Posts what `updates` holds to `updates.webhook_url`; one chat waits for its own updates only.

    Args:
        retry_seconds: the pause before an update is posted again; it doubles up to `longest`, a Retry-After is kept.
    """

    def __init__(
        self, updates: Updates, *, retry_seconds: float = 0.1, longest: float = 1.0, timeout: float = 60
    ) -> None:
        self.updates = updates
        self.secret = ""
        self.error: dict[str, Any] = {}
        self.posts = 0
        self._retry_seconds, self._longest, self._timeout = retry_seconds, longest, timeout
        self._lanes: dict[str, asyncio.Queue[Update]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx2.AsyncClient | None = None
        updates.listen(self._arrived)

    def start(self) -> None:
        """Begin with all that is pending."""
        if self._client is None:
            limits = httpx2.Limits(max_connections=40)  # max_connections of setWebhook, by default
            self._client = httpx2.AsyncClient(timeout=self._timeout, limits=limits, trust_env=False)
        for update in list(self.updates.pending):
            self._arrived(update)

    def restart(self) -> None:
        """Another URL: what is on the wire is given up, all that is pending is delivered there."""
        for task in self._tasks:
            task.cancel()
        self._tasks, self._lanes = set(), {}
        if self._client:
            self.start()

    async def stop(self) -> None:
        """Post nothing more; what is pending stays."""
        tasks, self._tasks, self._lanes = self._tasks, set(), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client:
            await self._client.aclose()
            self._client = None

    def _arrived(self, update: Update) -> None:
        if not self.updates.webhook_url or self._client is None:
            return
        lane = lane_of(update)
        if lane not in self._lanes:
            self._lanes[lane] = asyncio.Queue()
            task = asyncio.create_task(self._drain(self._lanes[lane]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._lanes[lane].put_nowait(update)

    async def _drain(self, lane: asyncio.Queue[Update]) -> None:
        while True:
            update = await lane.get()
            pause = self._retry_seconds
            while (retry := await self._post(update)) is not None:
                await asyncio.sleep(retry or pause)
                pause = min(self._longest, pause * 2)
            self._confirm(update)

    def _confirm(self, update: Update) -> None:
        for number, waiting in enumerate(self.updates.pending):
            if waiting is update:
                del self.updates.pending[number]
                return

    async def _post(self, update: Update) -> float | None:
        """None: it was taken; else seconds that the receiver asked to wait, 0 where it did not."""
        assert self._client is not None  # noqa: S101 - lanes run between start and stop only
        self.posts += 1
        headers = {SECRET: self.secret} if self.secret else {}
        try:
            answer = await self._client.post(self.updates.webhook_url, json=update, headers=headers)
        except httpx2.HTTPError as error:
            return self._failed(f"{type(error).__name__}: {error}")
        if answer.is_success:
            return None
        self._failed(f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}")
        told = answer.headers.get("Retry-After", "0")
        return min(float(told), self._longest) if told.isdigit() else 0.0

    def _failed(self, message: str) -> float:
        self.error = {"last_error_date": int(time.time()), "last_error_message": message}
        return 0.0


def lane_of(update: Update) -> str:
    """What is delivered one after the other: a chat's updates; those of no chat, a person's."""
    content = next(value for key, value in update.items() if key != "update_id")
    chat = content.get("chat") or content.get("message", {}).get("chat") or content.get("from") or {}
    return str(chat.get("id", ""))
