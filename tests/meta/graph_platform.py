"""What the four surfaces of the fake Graph server share as `assistant.testing.platform` wants to see them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import ClassVar, Self

from graph_server import GraphServer
from graph_told import told
from graph_world import Person, Surface

from assistant.testing.platform import Failure
from assistant.testing.serving import serving
from assistant.types import Address


class GraphPlatform:
    """A Graph server that runs while its context is open.

    Attributes:
        graph: the server, with its people.
        url: the base URL to configure: graph.facebook.com.
    """

    surface: ClassVar[Surface]

    def __init__(self, graph: GraphServer | None = None) -> None:
        self.graph = graph or GraphServer()
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where the connector calls."""
        return self.graph.url

    async def __aenter__(self) -> Self:
        self.graph.url = await self._stack.enter_async_context(serving(self.graph))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def told(self, *bodies: bytes) -> None:
        """Let what these webhooks tell of have happened, now: its people are known, and may be answered."""
        for body in bodies:
            told(self.graph, body)

    def person(self, address: Address) -> Person:
        """Who is at an address; made if nobody is."""
        return self.graph.person(self.surface, address.chat)

    def fail(self, failure: Failure, *, times: int = 1, retry_after: float = 3) -> None:
        """Let the next sends go wrong."""
        self.graph.faults.add(failure, times=times, retry_after=retry_after)

    def heal(self) -> None:
        """Forget the failures that are still due."""
        self.graph.faults.heal()

    async def stop(self) -> None:
        """Go away."""
        await self._stack.aclose()

    def typings(self, address: Address) -> int:
        """Typing indications so far."""
        return len(self.person(address).typings)

    def reactions(self, address: Address, message_id: str) -> Sequence[str]:
        """The account's emoji at a message of the person."""
        reaction = self.person(address).reactions.get(message_id)
        return [reaction] if reaction else []
