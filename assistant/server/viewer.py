"""One reader of one answer: what is being written here, or the record; resumed where the connection was lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from assistant.inbox import Desk, Shown
from assistant.server.transcript import answer_of, look
from assistant.server.web import Live, WebChat
from assistant.types import Incoming

SOONEST = 0.05
LATEST = 1.0
"""Seconds between looks at the record where nothing tells that it changed: the answer is written elsewhere."""

Event = dict[str, str]


class Viewer:
    """Server-sent events: `text` goes on from what was shown, `reset` takes it back, `answer` or `gone` is the last.

    The id of an event is the epoch of the text and how many characters of it were sent.
    """

    def __init__(self, web: WebChat, desk: Desk, message: Incoming, *, last: str = "") -> None:
        self._web = web
        self._desk = desk
        self._message = message
        self._epoch, _, sent = last.partition(".")
        self._sent = int(sent) if sent.isdecimal() else 0
        self._judged: tuple[str, bool] | None = None  # an epoch, and whether it is of this message's answer

    async def events(self) -> AsyncIterator[Event]:
        """Until the answer is there."""
        address, pause = self._message.address, SOONEST
        with self._web.hub.watch(address) as changed:
            while True:
                changed.clear()
                live = self._web.hub.live(address)
                if live is None or self._judged is None or self._judged[0] != live.epoch:
                    shown = await look(self._desk, self._message)
                    if last := _last(shown):
                        yield last
                        return
                    self._judge(live, shown)
                for event in self._written(live):
                    yield event
                if await _within(changed, pause):
                    pause = SOONEST
                else:
                    pause, self._judged = min(2 * pause, LATEST), None

    def _judge(self, live: Live | None, shown: Shown | None) -> None:
        """A lane answers one message at a time: what is written there belongs to the one that runs."""
        running = shown is not None and shown.entry.state == "running"
        self._judged = None if live is None else (live.epoch, running)

    def _written(self, live: Live | None) -> list[Event]:
        if live is None or self._judged != (live.epoch, True):
            return []
        events = []
        if self._epoch != live.epoch:
            if self._epoch:
                events.append(_event("reset", {}, id=f"{live.epoch}.0"))
            self._epoch, self._sent = live.epoch, 0
        if text := live.text[self._sent :]:
            self._sent = len(live.text)
            events.append(_event("text", {"text": text}, id=f"{live.epoch}.{self._sent}"))
        return events


def _last(shown: Shown | None) -> Event | None:
    if shown is None:
        return _event("gone", {}, id="gone")
    answer = answer_of(shown)
    return None if answer is None else _event("answer", answer, id="answer")


async def _within(changed: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await changed.wait()
    except TimeoutError:
        return False


def _event(name: str, data: dict[str, Any], *, id: str) -> Event:
    return {"event": name, "id": id, "data": json.dumps(data, ensure_ascii=False, separators=(",", ":"))}
