"""Instagram's messages at the fake Graph server as the contract suite of connectors wants to see a platform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from graph_platform import GraphPlatform
from graph_server import GraphServer

from assistant.testing.platform import Sent
from assistant.types import Address, Attachment


class InstagramPlatform(GraphPlatform):
    """People on Instagram; a chat is an Instagram-scoped id. `route` is whose token calls: the account's own, or the Page's."""

    surface = "instagram"

    def __init__(self, graph: GraphServer | None = None, *, route: Literal["login", "page"] = "login") -> None:
        super().__init__(graph)
        self.route = route

    @property
    def url(self) -> str:
        """graph.instagram.com for Instagram Login, graph.facebook.com for the Page's token."""
        return f"{self.graph.url}/instagram" if self.route == "login" else self.graph.url

    def messages(self, address: Address) -> Sequence[Sent]:
        """What the person has on the screen from the account; a text is counted in bytes."""
        seen = self.person(address).seen
        return [Sent(shown.text, len(shown.text.encode()), shown.id, shown.buttons) for shown in seen]

    def add_file(self, data: bytes, *, name: str) -> Attachment:
        """A file that a person sent, where the webhook says it is."""
        kept = self.graph.store(data, name, "application/octet-stream")
        return Attachment("document", url=f"{self.graph.url}/cdn/{kept.id}/{name}")
