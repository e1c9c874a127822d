"""Webhooks as Meta sends them: signed, in batches, again until they are answered 200, and sometimes again after that."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2

SIGNATURE = "X-Hub-Signature-256"
"""developers.facebook.com/docs/graph-api/webhooks/getting-started, 2026-11."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One event; `place` is the list of the entry that it stands in, `lane` what is told in order."""

    object: str
    account: str
    place: str
    body: dict[str, Any]
    lane: str


def encoded(events: Sequence[Event]) -> bytes:
    """One body with all of these, which are of one object: one entry for each run of an account, in Meta's own escaping."""
    entries: list[dict[str, Any]] = []
    for event in events:
        if not entries or entries[-1]["id"] != event.account or event.place not in entries[-1]:
            entries.append({"id": event.account, "time": int(time.time() * 1000), event.place: []})
        _add(entries[-1][event.place], event.body)
    text = json.dumps({"object": events[0].object, "entry": entries}, separators=(",", ":"))
    for plain, escaped in (("/", "\\/"), ("<", "\\u003C"), ("%", "\\u0025"), ("@", "\\u0040")):
        text = text.replace(plain, escaped)
    return text.encode()


def _add(bodies: list[dict[str, Any]], body: dict[str, Any]) -> None:
    """Append an event; messages of one number that follow each other share a change, as Meta groups them."""
    last = bodies[-1]["value"] if bodies and "value" in bodies[-1] else {}
    if "messages" in last and "messages" in body.get("value", {}) and bodies[-1]["field"] == body["field"]:
        value = body["value"]
        shared = {
            **last,
            "messages": [*last["messages"], *value["messages"]],
            "contacts": [*last.get("contacts", ()), *value.get("contacts", ())],
        }
        bodies[-1] = {"field": body["field"], "value": shared}
    else:
        bodies.append(body)


def signed(body: bytes, secret: str) -> dict[str, str]:
    """The headers of a webhook."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {SIGNATURE: f"sha256={digest}", "Content-Type": "application/json", "User-Agent": "facebookexternalua"}


class Webhooks:
    """Posts events to `url`; what is told of one lane is told in order, the next once the one before was answered 200.

    Attributes:
        url: where the application listens, set by `listen`; None: events wait.
        connections: how many bodies are on the wire at once; what happens meanwhile is gathered to batches.
        waiting: what was not answered 200 yet, oldest first.
        batch: the most events in one body.
        duplicates: how likely it is that a body that was answered 200 comes again, some time later.
        statuses: how often each answer came; 0: there was none.
        taken: seconds that each answer with 200 took.
    """

    LONGEST = 1.0
    """Seconds between two attempts at most; Meta's grow to hours."""

    def __init__(self, secret: str, *, retry_seconds: float = 0.05, seed: int = 11) -> None:
        self.url: str | None = None
        self.waiting: deque[Event] = deque()
        self.batch, self.connections = 1, 20
        self.duplicates = 0.0
        self.statuses: dict[int, int] = {}
        self.taken: list[float] = []
        self._secret, self._retry_seconds = secret, retry_seconds
        self._chance = random.Random(seed)
        self._busy: set[str] = set()
        self._posts: set[asyncio.Task[None]] = set()
        self._more = asyncio.Event()
        self._client: httpx2.AsyncClient | None = None
        self._loop: asyncio.Task[None] | None = None

    def listen(self, url: str) -> None:
        """Post what waits and what comes to this URL."""
        self.url = url
        self._more.set()

    def put(self, *events: Event) -> None:
        """Something happened."""
        self.waiting.extend(events)
        self._more.set()

    def start(self, client: httpx2.AsyncClient) -> None:
        """Begin to post."""
        self._client = client
        self._more.set()
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Post nothing more; what waits is kept."""
        tasks = [*self._posts, *([self._loop] if self._loop else [])]
        self._posts, self._loop, self._client = set(), None, None
        self._busy.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def post(self, body: bytes) -> int:
        """Post a body once; the status of the answer, 0 where there is none."""
        if self._client is None or self.url is None:
            raise AssertionError("webhooks are posted while the server runs, to `url`")
        begun, status = time.monotonic(), 0
        with suppress(httpx2.TransportError):
            status = (await self._client.post(self.url, content=body, headers=signed(body, self._secret))).status_code
        if status == 200:
            self.taken.append(time.monotonic() - begun)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        return status

    async def idle(self) -> None:
        """Wait until everything was answered 200."""
        while self.waiting or self._posts:  # noqa: ASYNC110 - posts come and go
            await asyncio.sleep(0.01)

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self.url and len(self._posts) < self.connections and (events := self._ready()):
                lanes = {event.lane for event in events}
                self._busy |= lanes
                self._begin(self._deliver(events, lanes))

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._posts.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._posts.discard(task)
        self._more.set()

    def _ready(self) -> list[Event]:
        """The next body: events of one object, of lanes that nothing is on the wire of."""
        found: list[Event] = []
        for event in self.waiting:
            if (
                len(found) < self.batch
                and event.lane not in self._busy
                and event.object == (found or [event])[0].object
            ):
                found.append(event)
        return found

    async def _deliver(self, events: Sequence[Event], lanes: set[str]) -> None:
        body = encoded(events)
        await self._until_taken(body)
        gone = set(map(id, events))
        self.waiting = deque(event for event in self.waiting if id(event) not in gone)
        self._busy -= lanes
        self._more.set()
        if self._chance.random() < self.duplicates:
            self._begin(self._again(body))

    async def _until_taken(self, body: bytes) -> None:
        pause = self._retry_seconds
        while await self.post(body) != 200:
            await asyncio.sleep(pause)
            pause = min(self.LONGEST, 2 * pause)

    async def _again(self, body: bytes) -> None:
        """An old body once more, when others have come after it."""
        await asyncio.sleep(self._chance.uniform(0.0, 1.0))
        await self._until_taken(body)
