"""The messaging of one app: connectors and the inbox, started while the port already answers, closed in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from assistant.connector import Acknowledging, Connector, Handing, Holder, Sharing
from assistant.errors import AssistantError, ConfigurationError, TransientError
from assistant.inbox import Desk, Inbox
from assistant.inbox.holders import Held
from assistant.inbox.names import sound
from assistant.registry import open_connectors
from assistant.responder import Responder
from assistant.server.link import Link, wait_seconds
from assistant.server.quiet import origin
from assistant.server.web import NAME as WEB
from assistant.server.web import WebChat
from assistant.settings import Settings
from assistant.types import Address, Incoming

if TYPE_CHECKING:
    from assistant.assistant import Assistant

logger = logging.getLogger(__name__)


class Platforms:
    """Takes events in and answers them; `assistant` gives who answers, and raises EngineUnavailable until it can.

    The inbox records as soon as it is open, before the engine is ready: messages wait in it. A connector that fails
    takes nothing else with it.

    Attributes:
        connectors: by name; the chat page's is always among them, and is not a platform.
        links: a platform each.
        state: of the inbox: "starting", "starting: why not yet", "ready", "closed" or "failed: what to do".
        refused: the inbox may not be opened by this process: another one has it.

    Raises:
        ConfigurationError: a connector is not installed, or its section is wrong.
    """

    def __init__(self, settings: Settings, assistant: Callable[[], Assistant], *, registry: CollectorRegistry) -> None:
        opened = platforms_of(settings)
        public = (settings.server.public_url or "").rstrip("/")
        self.connectors: Mapping[str, Connector] = {WEB: WebChat(settings.web), **opened}
        self.links = {
            name: Link(connector, webhook_url=f"{public}/webhooks/{name}" if public else None)
            for name, connector in opened.items()
        }
        self.state = "starting"
        self.refused: ConfigurationError | None = None
        self._responder = Responder(
            assistant, self.connectors, settings=settings, stop=self.stop_turn, holds=self, registry=registry
        )
        self._inbox = Inbox(
            settings.state_url, self.connectors, self._responder, settings=settings.inbox, registry=registry
        )
        self._recording = asyncio.Event()
        self._stopping = asyncio.Event()
        self._starting: asyncio.Task[None] | None = None
        self._running: list[asyncio.Task[None]] = []
        self._closing: asyncio.Task[None] | None = None
        self._acknowledging: set[asyncio.Task[None]] = set()

    @property
    def desk(self) -> Desk:
        """What the operator sees; it needs no inbox that is started."""
        return self._inbox.desk

    @property
    def failed(self) -> bool:
        """Whether nothing can come in any more: the inbox, or every platform that is configured, gave up."""
        all_failed = bool(self.links) and all(link.failed for link in self.links.values())
        return all_failed or self.state.startswith("failed")

    def sharing(self, name: str) -> list[Connector]:
        """The connector of that name, and those that are sent its webhooks as well; none where there is no such platform."""
        link = self.links.get(name)
        if link is None:
            return []
        callback = link.connector.callback if isinstance(link.connector, Sharing) else None
        others = (each.connector for each in self.links.values() if each is not link)
        return [link.connector, *(each for each in others if isinstance(each, Sharing) and each.callback == callback)]

    def begin(self) -> None:
        """Start in the background."""
        self._starting = asyncio.create_task(self._start())
        links = self.links.values()
        self._running = [asyncio.create_task(link.run(self.accept, self._recording)) for link in links]

    async def accept(self, events: Sequence[Incoming]) -> None:
        """Record events; they are durable when this returns.

        Raises:
            TransientError: they were not recorded: the inbox is not open (yet), or its database does not answer.
        """
        self._check_open()
        await self._inbox.accept(events)
        for name in {event.address.connector for event in events}:
            connector = self.connectors[name]
            if isinstance(connector, Acknowledging):
                told = [event for event in events if event.address.connector == name]
                task = asyncio.create_task(self._acknowledge(connector, told))
                self._acknowledging.add(task)
                task.add_done_callback(self._acknowledging.discard)

    async def stop_turn(self, address: Address) -> bool:
        """Cancel the answer that is being written in a conversation. Raises as `accept`."""
        self._check_open()
        return await self._inbox.stop_turn(address)

    async def hold(self, address: Address, holder: Holder) -> None:
        """Let somebody else answer in a conversation; what is being written there is not sent. Raises as `accept`."""
        self._check_open()
        await self._inbox.hold(address, holder)

    async def release(self, address: Address) -> bool:
        """Let the bot answer in a conversation again; whether somebody else did. Raises as `accept`."""
        self._check_open()
        return await self._inbox.release(address)

    async def holder(self, address: Address) -> Held | None:
        """Who answers in a conversation; None: the bot. Raises TransientError: the database does not answer."""
        key = sound(str(address))
        return next((held for held in await self.desk.aholders() if held.conversation == key), None)

    async def returned(self, address: Address) -> datetime | None:
        """When the bot last got a conversation back. Raises as `holder`."""
        return await self.desk.areturned(str(address))

    async def reach(self, address: Address) -> Address:
        """Where a conversation is reached now: its person may have another id since it began. Raises as `accept`."""
        self._check_open()
        return await self._inbox.reach(address)

    async def arrived(self, turn: str) -> bool:
        """Whether the person got what a turn says. Raises as `holder`."""
        return await self.desk.aarrived(turn)

    async def aclose(self) -> None:
        """Take nothing in any more, let running answers finish within `inbox.grace_seconds`, close the connectors.

        May be called again, by whoever wants to wait for it.
        """
        if self._closing is None:
            self._stopping.set()
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _acknowledge(self, connector: Acknowledging, events: Sequence[Incoming]) -> None:
        """Where people answer on the platform itself, what they answer stays new to them: the bot has not read it."""
        if isinstance(connector, Handing):
            try:
                held = await self._inbox.held({event.address for event in events if event.kind != "status"})
            except TransientError as error:
                logger.debug("what came in is not acknowledged: %s", error)
                return
            events = [event for event in events if event.address not in held]
        if events:
            await connector.acknowledge(events)

    def _check_open(self) -> None:
        if self._stopping.is_set() or self.state != "ready":
            reason = "closing" if self._stopping.is_set() else self.state
            raise TransientError(f"the inbox takes no messages: {reason}")

    async def _start(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            try:
                await self._inbox.start()
            except TransientError as error:
                attempt += 1
                self.state = f"starting: {error}"
                logger.warning("the inbox could not be opened: %s", error)
                await self._stopped_within(wait_seconds(attempt))
            except AssistantError as error:
                self.state = f"failed: {error}"
                self.refused = error if isinstance(error, ConfigurationError) else None
                logger.error("the inbox could not be opened: %s", error)
                return
            except Exception as error:  # noqa: BLE001 - whatever a database raises: the port stays up and says so
                self.state = f"failed: {type(error).__name__}; the log has the details"
                logger.error("the inbox could not be opened: %s", origin(error))
                return
            else:
                self.state = "ready"
                self._recording.set()
                return

    async def _stopped_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _close(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._starting is not None:
            await self._starting  # opening a database cannot be cancelled half-way
        if self.state == "ready":
            await self._inbox.aclose()
        self.state = "closed"
        await self.desk.aclose()
        await self._responder.aclose()
        await asyncio.gather(*self._acknowledging, return_exceptions=True)
        await asyncio.gather(*(link.aclose() for link in self.links.values()))


def platforms_of(settings: Settings) -> dict[str, Connector]:
    """The connectors of the configuration's sections.

    Raises:
        ConfigurationError: as `open_connectors`, or a section has the name of the chat page's connector.
    """
    if WEB in settings.connectors:
        raise ConfigurationError(f"connectors.{WEB}: the chat page has this name: give the section another one")
    return open_connectors(settings)
