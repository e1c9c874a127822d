"""Platforms in memory where people answer beside the bot, where it says what it is, and where everybody comments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from assistant.connector import Holder
from assistant.inbox.holders import Held
from assistant.testing.memory_connector import MemoryConnector
from assistant.types import Address, Incoming, Kind


class Staffed(MemoryConnector):
    """People answer here too; an echo tells so. It says `disclosure` where that is not None."""

    def __init__(self, *, secret: str = "s", name: str = "memory", disclosure: str | None = None) -> None:
        super().__init__(secret=secret, name=name)
        self.disclosure = disclosure

    def holder(self, event: Incoming) -> Holder | None:
        """See `Handing.holder`."""
        return "person" if event.kind == "echo" else None


class Read(Staffed):
    """Shows people which of their messages were read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.read: list[str] = []

    async def acknowledge(self, events: Sequence[Incoming]) -> None:
        """See `Acknowledging.acknowledge`."""
        self.read += [event.id for event in events]


class Ledger:
    """Who answers in which conversation, in a dict."""

    def __init__(self) -> None:
        self.held: dict[Address, Held] = {}
        self.given_back: dict[Address, datetime] = {}
        self.lost: set[str] = set()

    def hold(self, address: Address, holder: Holder = "person", *, since: datetime | None = None) -> None:
        """As the inbox does."""
        self.held[address] = Held(str(address), holder, since or datetime.now(UTC), None)

    async def holder(self, address: Address) -> Held | None:
        """See `Holds.holder`."""
        return self.held.get(address)

    async def release(self, address: Address) -> bool:
        """See `Holds.release`."""
        self.given_back[address] = datetime.now(UTC)
        return self.held.pop(address, None) is not None

    async def reach(self, address: Address) -> Address:
        """See `Holds.reach`."""
        return address

    async def returned(self, address: Address) -> datetime | None:
        """See `Holds.returned`."""
        return self.given_back.get(address)

    async def arrived(self, turn: str) -> bool:
        """See `Holds.arrived`; what is in `lost` never arrived."""
        return turn not in self.lost


class Public(MemoryConnector):
    """Comments on posts; answers each in the `ways` given. Moderation says `verdict`, where it is not None."""

    def __init__(
        self,
        *ways: Literal["public", "private"],
        verdict: str | None = None,
        disclosure: str | None = None,
        secret: str = "s",
    ) -> None:
        super().__init__(secret=secret)
        self.disclosure = disclosure
        self.hidden: list[str] = []
        self._ways = ways
        if verdict is not None:
            self.moderate = lambda event: verdict

    def replies(self, event: Incoming) -> Sequence[Literal["public", "private"]]:
        """See `Commenting.replies`."""
        return self._ways

    async def hide(self, event: Incoming) -> None:
        """See `Commenting.hide`."""
        self.hidden.append(event.id)


def comment(text: str, *, id: str = "c1", kind: Kind = "comment", **more: Any) -> Incoming:
    """What somebody wrote below the post `p1`."""
    address = Address("memory", "bot", "7", "p1")
    return Incoming(id, address, "ada", kind, text, datetime(2026, 11, 24, tzinfo=UTC), raw={"language": "en"}, **more)
