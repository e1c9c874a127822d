"""A bot on the platform in memory, behind the whole HTTP surface."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from platform_fakes import SECRET

from assistant.testing.memory_connector import MemoryConnector
from assistant.testing.memory_platform import MemoryPlatform, body, signed
from assistant.types import Address

URL = "http://127.0.0.1:8000"
MEMORY = "assistant.testing.memory_connector:MemoryConnector"


def section(kind: str = MEMORY, **options: Any) -> dict[str, Any]:
    """The configuration of a connector of that class."""
    return {"class": kind, "secret": SECRET, **options}


class Bot:
    """A running app with the connector `memory`."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def connector(self, name: str = "memory") -> MemoryConnector:
        app: Any = self.client.app
        found = app.state.parts.connectors[name]
        assert isinstance(found, MemoryConnector)
        return found

    @property
    def platform(self) -> MemoryPlatform:
        return self.connector().platform

    def post(self, *events: dict[str, Any]) -> Response:
        """These events, as the platform sends them."""
        return self.send(body(*events))

    def send(self, content: bytes, *, to: str = "memory") -> Response:
        webhook = signed(content, SECRET)
        return self.client.post(f"/webhooks/{to}", content=webhook.body, headers=dict(webhook.headers))

    def answers(self, count: int, *, chat: str = "7", name: str = "memory") -> list[str]:
        """What the person in `chat` sees, once there are `count` answers that are sent."""
        address = Address(name, "bot", chat)
        platform = self.connector(name).platform
        while len(platform.outgoing(address)) < count:
            pass
        return [outgoing.text for outgoing in platform.outgoing(address)]

    def wait_for(self, status: str) -> Any:
        """What /ready says once it is `status`."""
        while (said := self.client.get("/ready").json())["status"] != status:
            pass
        return said

    def wait_until(self, id: str, state: str) -> Any:
        """Everything about a turn once it is in `state`."""
        while (shown := self.client.get(f"/v1/inbox/{id}").json()).get("state") != state:
            pass
        return shown
