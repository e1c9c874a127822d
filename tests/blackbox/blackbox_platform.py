"""A WhatsApp-shaped platform: it delivers signed webhooks until they are acknowledged, takes messages, and keeps the books."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx2
from blackbox_connector import SIGNATURE
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assistant.testing.serving import CUT

SECRET = "app-secret-of-the-stand-in"
PHONE = "1555"


@dataclass(slots=True)
class Message:
    """What a person wrote, and every time an answer to it arrived."""

    id: str
    chat: str
    text: str
    acknowledged_at: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the messages that were acknowledged."""

    acknowledged: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    out_of_order: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Lost, doubled, out of order."""
        return len(self.lost), len(self.doubled), len(self.out_of_order)


class MetaPlatform:
    """People write with `says`; the answers that came are in `arrived`, each as `re: <what was written>`.

    Attributes:
        urls: where the webhooks of the servers are; one that does not answer is followed by the next.
        latency: seconds before a message of the bot is taken.
        server_errors: how many of the next messages are answered 503.
        cuts: how many of the next messages are taken, and the connection then cut.
        held: chat to the time (monotonic) before which its messages are answered 429.
        early: how many messages came to a chat that was held, after it had been told so.
    """

    def __init__(self, *urls: str, name: str = "meta") -> None:
        self.urls = list(urls)
        self.name = name
        self.latency = 0.0
        self.server_errors = 0
        self.cuts = 0
        self.held: dict[str, float] = {}
        self.early = 0
        self.refused: Counter[int] = Counter()
        self.messages: dict[str, Message] = {}
        self.arrived: dict[str, list[str]] = defaultdict(list)
        self.arrived_at: list[float] = []
        self._told: set[str] = set()
        self._client = httpx2.AsyncClient(timeout=30, trust_env=False, limits=httpx2.Limits(max_connections=100))
        self._app = Starlette(routes=[Route(f"/{PHONE}/messages", self._take, methods=["POST"])])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    async def aclose(self) -> None:
        """Close the connections to the servers."""
        await self._client.aclose()

    async def says(self, chat: str, texts: Iterable[str], *, gap: float = 0.0) -> None:
        """A person writes one message after the other; each is delivered until it is acknowledged, then the next."""
        for text in texts:
            message = self.written(chat, text)
            await self.deliver(message)
            if gap:
                await asyncio.sleep(gap)

    def written(self, chat: str, text: str) -> Message:
        """A message that was written and not delivered yet."""
        message = Message(f"wamid.{len(self.messages):06d}", chat, text)
        self.messages[text] = message
        return message

    async def deliver(self, message: Message, *, within: float = 240) -> None:
        """Post the webhook until it is answered 2xx."""
        pause, begun, turn = 0.05, time.monotonic(), 0
        while time.monotonic() - begun < within:
            if await self.post(message, self.urls[turn % len(self.urls)]) == 200:
                message.acknowledged_at = message.acknowledged_at or time.monotonic()
                return
            turn += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
        raise AssertionError(f"{message.text!r} was not acknowledged in {within} s; refused: {self.refused}")

    async def post(self, message: Message, url: str) -> int:
        """Post the webhook once; the status, 0 where there was no answer."""
        body = payload(message)
        headers = {SIGNATURE: f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"}
        try:
            answer = await self._client.post(f"{url}/webhooks/{self.name}", content=body, headers=headers)
        except httpx2.TransportError:
            self.refused[0] += 1
            return 0
        if answer.status_code != 200:
            self.refused[answer.status_code] += 1
        return answer.status_code

    def hold(self, chat: str, seconds: float) -> None:
        """Answer 429 to whatever is sent to this chat for a while."""
        self.held[chat] = time.monotonic() + seconds

    async def settled(self, texts: Sequence[str] | None = None, *, within: float = 180) -> None:
        """Wait until everything that was acknowledged (of `texts`) is answered, or the time is over."""
        begun = time.monotonic()
        while time.monotonic() - begun < within:
            if not self.missing(texts):
                return
            await asyncio.sleep(0.1)

    def missing(self, texts: Sequence[str] | None = None) -> list[str]:
        """Acknowledged messages without an answer."""
        wanted = [self.messages[text] for text in texts] if texts is not None else list(self.messages.values())
        return [
            each.text for each in wanted if each.acknowledged_at and f"re: {each.text}" not in self.arrived[each.chat]
        ]

    def tally(self) -> Tally:
        """Lost, doubled and out of order; the first arrival of each answer counts for the order."""
        doubled, disordered = [], []
        places = {f"re: {text}": number for number, text in enumerate(self.messages)}
        for answers in self.arrived.values():
            doubled += [text.removeprefix("re: ") for text in answers if places.get(text) is None]
            doubled += [text.removeprefix("re: ") for text, count in Counter(answers).items() for _ in range(count - 1)]
            firsts = [text for text in dict.fromkeys(answers) if text in places]
            disordered += [b for a, b in pairwise(firsts) if places[a] > places[b]]
        acknowledged = sum(1 for each in self.messages.values() if each.acknowledged_at)
        return Tally(acknowledged, tuple(self.missing()), tuple(doubled), tuple(disordered))

    async def _take(self, request: Request) -> Response:
        body = await request.json()
        chat, text = body["to"], body["text"]["body"]
        if (left := self.held.get(chat, 0.0) - time.monotonic()) > 0:
            self.early += chat in self._told
            self._told.add(chat)
            return JSONResponse({"error": {"code": 131056}}, 429, {"Retry-After": str(round(left + 0.05, 2))})
        if self.server_errors > 0:
            self.server_errors -= 1
            return JSONResponse({"error": {"code": 2}}, 503)
        if self.latency:
            await asyncio.sleep(self.latency)
        self.arrived[chat].append(text)
        self.arrived_at.append(time.monotonic())
        if self.cuts > 0:
            self.cuts -= 1
            request.scope["extensions"][CUT]()
        number = sum(len(answers) for answers in self.arrived.values())
        return JSONResponse({"messaging_product": "whatsapp", "messages": [{"id": f"wamid.out.{number}"}]})


def payload(message: Message) -> bytes:
    """A webhook of the WhatsApp Cloud API with one message."""
    told = {
        "from": message.chat,
        "id": message.id,
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": message.text},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": PHONE, "phone_number_id": PHONE},
        "contacts": [{"profile": {"name": "Ann"}, "wa_id": message.chat}],
        "messages": [told],
    }
    changes = [{"field": "messages", "value": value}]
    body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}
    return json.dumps(body).encode()
