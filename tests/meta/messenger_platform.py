"""Messenger at the fake Graph server as the contract suite of connectors wants to see a platform."""

from __future__ import annotations

from collections.abc import Sequence

from graph_platform import GraphPlatform

from assistant.testing.platform import Sent
from assistant.types import Address, Attachment


class MessengerPlatform(GraphPlatform):
    """People on Messenger; a chat is a page-scoped id."""

    surface = "messenger"

    def messages(self, address: Address) -> Sequence[Sent]:
        """What the person has on the screen from the Page; there is no markup."""
        return [Sent(shown.text, len(shown.text), shown.id, shown.buttons) for shown in self.person(address).seen]

    def add_file(self, data: bytes, *, name: str) -> Attachment:
        """A file that a person sent, where the webhook says it is."""
        kept = self.graph.store(data, name, "application/octet-stream")
        return Attachment("document", url=f"{self.graph.url}/cdn/{kept.id}/{name}")
