"""One reader of one answer: what is being written here, or the record; resumed where the connection was lost."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from typing import Any

from assistant.errors import TransientError
from assistant.inbox import Desk, Shown, Turn
from assistant.server.transcript import answer_of, look
from assistant.server.web import Live, WebChat
from assistant.types import Incoming

SOONEST = 0.05
LATEST = 1.0
"""Seconds between looks at the record where nothing tells that it changed: the answer is written elsewhere."""

EVENT_ID = re.compile(r"([0-9a-f]{1,32})\.([0-9]{1,9})")
"""As this process or another one gave it; a client may send anything."""

Event = dict[str, str]


class Viewer:
    """Server-sent events: `text` goes on from what was shown, `reset` takes it back, `answer` or `gone` is the last.

    The id of an event is the epoch of the text and how many characters of it were sent.
    """

    def __init__(self, web: WebChat, desk: Desk, message: Incoming, *, last: str = "") -> None:
        self._web = web
        self._desk = desk
        self._message = message
        seen = EVENT_ID.fullmatch(last)
        self._epoch, self._sent = (seen[1], int(seen[2])) if seen else ("", 0)
        self._judged: tuple[str, bool] | None = None  # an epoch, and whether it is of this message's answer

    async def events(self) -> AsyncGenerator[Event, None]:
        """Until the answer is there; while the record cannot be read, for as long as that takes."""
        address, pause = self._message.address, SOONEST
        with self._web.hub.watch(address) as changed:
            while True:
                changed.clear()
                live = self._web.hub.live(address)
                if live is None or self._judged is None or self._judged[0] != live.epoch:
                    try:
                        shown = await look(self._desk, self._message)
                    except TransientError:
                        await asyncio.sleep(LATEST)
                        continue
                    if last := _last(shown):
                        yield last
                        return
                    self._judge(live, shown)
                for event in self._written(live):
                    yield event
                if await _within(changed, pause if live is None else LATEST):  # the end of what is written here wakes
                    pause = SOONEST
                else:
                    pause, self._judged = min(2 * pause, LATEST), None

    def _judge(self, live: Live | None, shown: Shown | None) -> None:
        """Whether what is written there is the answer of this message, or that of one before it."""
        mine = live is not None and shown is not None and live.key == Turn(shown.entry.id, shown.messages).key()
        self._judged = None if live is None else (live.epoch, mine)

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
    return {"event": name, "id": id, "data": json.dumps(data, separators=(",", ":"))}
