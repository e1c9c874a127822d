"""The web chat as a connector: messages come in by `chat_api`, answers are read from the inbox and watched while written."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime

from assistant.connector import Capabilities, Preview
from assistant.errors import InvalidWebhook
from assistant.sections import Web
from assistant.server.rate import Crowd, Rate
from assistant.types import Address, Incoming, Kind, Outgoing, Receipt, Webhook

NAME = "web"
ACCOUNT = "site"

READS = 20
"""Requests of one address for each message it may send: what the page asks for beside it, and reloads and reconnects."""

WATCHED = 4
"""Answers that one address may watch at once, for each message it may send a minute: slow answers overlap."""

SESSION_WATCHED = 8
"""Answers that one session may watch at once: a tab watches one."""


class Live:
    """One answer while this process writes it.

    Attributes:
        key: `Outgoing.key` of the answer, which tells whose it is.
        epoch: names one growing text; another text has another name.
    """

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.epoch = secrets.token_hex(6)
        self.text = ""

    def grow(self, text: str) -> None:
        """The text so far; one that does not go on from what was shown begins a new epoch."""
        if not text.startswith(self.text):
            self.epoch = secrets.token_hex(6)
        self.text = text


class Hub:
    """Who watches which conversation, and what is being written there. Used on one event loop."""

    def __init__(self) -> None:
        self._lives: dict[Address, Live] = {}
        self._watching: dict[Address, set[asyncio.Event]] = {}

    def live(self, address: Address) -> Live | None:
        """The answer that this process is writing in a conversation."""
        return self._lives.get(address)

    @contextmanager
    def writing(self, address: Address, key: str | None) -> Iterator[Live]:
        """Show an answer there until the end of the context."""
        live = self._lives[address] = Live(key)
        try:
            self.wake(address)
            yield live
        finally:
            if self._lives.get(address) is live:
                del self._lives[address]
            self.wake(address)

    @contextmanager
    def watch(self, address: Address) -> Iterator[asyncio.Event]:
        """An event that is set whenever something changed there; whoever waits for it clears it."""
        changed = asyncio.Event()
        watching = self._watching.setdefault(address, set())
        watching.add(changed)
        try:
            yield changed
        finally:
            watching.discard(changed)
            if not watching:
                self._watching.pop(address, None)

    def wake(self, address: Address) -> None:
        """Tell those who watch."""
        for changed in self._watching.get(address, ()):
            changed.set()


class WebChat:
    """The connector `web`. A conversation is a session of the page; its address tells the session's hash only.

    An answer is delivered by being recorded: readers find it in the inbox, whichever process they ask. So a send cannot
    fail, and a second one changes nothing.
    """

    name = NAME
    capabilities = Capabilities(streaming=True, repeats="dropped")

    def __init__(self, settings: Web) -> None:
        self.hub = Hub()
        self.sessions = Rate(settings.messages_per_minute)
        self.clients = Rate(settings.address_messages_per_minute)
        self.reads = Rate(READS * settings.address_messages_per_minute, of="requests")
        self.watched = Crowd(WATCHED * settings.address_messages_per_minute, of="answers watched")
        self.watched_in = Crowd(SESSION_WATCHED, of="answers watched")

    def verify(self, webhook: Webhook) -> None:
        """There is no webhook.

        Raises:
            InvalidWebhook: always.
        """
        raise InvalidWebhook("the web chat has no webhook: its messages come by POST /chat/messages")

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        """Nothing: `message` makes the events."""
        return ()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Tell the readers in this process that there is something to read."""
        self.hub.wake(outgoing.address)
        return Receipt((outgoing.key,) if outgoing.key else (), "delivered")

    @asynccontextmanager
    async def preview(self, outgoing: Outgoing) -> AsyncIterator[Preview]:
        """Show an answer to those who watch its conversation in this process."""
        with self.hub.writing(outgoing.address, outgoing.key) as live:
            yield Shown(live, self.hub, outgoing.address)


class Shown:
    """A preview; an update costs nothing where nobody watches."""

    def __init__(self, live: Live, hub: Hub, address: Address) -> None:
        self._live = live
        self._hub = hub
        self._address = address

    async def update(self, text: str) -> None:
        """Show the text so far."""
        self._live.grow(text)
        self._hub.wake(self._address)


def address_of(session: str) -> Address:
    """The conversation of a session. Whoever knows the address (logs, operators) cannot read or write in it."""
    return Address(NAME, ACCOUNT, hashlib.sha256(session.encode()).hexdigest()[:32])


def message(session: str, id: str, text: str, *, kind: Kind = "text", reply_to: str | None = None) -> Incoming:
    """An event of a session; ids of other sessions are others, whatever their clients call them."""
    address = address_of(session)
    return Incoming(
        id=f"{address.chat}.{id}",
        address=address,
        sender=address.chat,
        kind=kind,
        text=text,
        sent_at=datetime.now(UTC),
        reply_to=None if reply_to is None else f"{address.chat}.{reply_to}",
    )
