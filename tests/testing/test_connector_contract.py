from __future__ import annotations

import subprocess
import sys
from typing import Any, ClassVar

import pytest

from assistant import testing
from assistant.testing.connector_contract import ConnectorContract, Payload
from assistant.testing.memory_connector import AskingMemoryConnector, MemoryConnector
from assistant.testing.memory_platform import MemoryPlatform, body, event, signed
from assistant.types import Webhook


class TestMemory(ConnectorContract):
    secrets: ClassVar = {"secret": "the secret of the webhook"}
    webhook_secret = "secret"
    polling_options: ClassVar = {"polls": True}
    payloads = (
        Payload(body(event("1", "Hello")), ("text",)),
        Payload(body(event("2", "One", chat="g1"), event("3", "Two", chat="g1", thread="5")), ("text", "text")),
        Payload(body(event("4", kind="media", file="file-1"), event("5", kind="lottery")), ("media",)),
        Payload(body(event("6", "yes", kind="button")), ("button",)),
        Payload(body(event("7", kind="lottery")), ()),
    )

    @pytest.fixture
    def platform(self) -> MemoryPlatform:
        return MemoryPlatform()

    def connector(self, platform: Any, **changes: Any) -> MemoryConnector:
        return MemoryConnector(**{"platform": platform, **self.secrets, **changes})

    def sign(self, body: bytes, secret: str) -> Webhook:
        return signed(body, secret)


class TestAskingMemory(TestMemory):
    def connector(self, platform: Any, **changes: Any) -> MemoryConnector:
        return AskingMemoryConnector(**{"platform": platform, "repeats": "dropped", **self.secrets, **changes})


class TestMemoryWithShortMessages(TestMemory):
    def connector(self, platform: Any, **changes: Any) -> MemoryConnector:
        return MemoryConnector(**{"platform": platform, "text_limit": 40, **self.secrets, **changes})


def test_the_fakes_come_without_the_tools_of_a_test() -> None:
    code = (
        "import sys; from assistant.testing import MemoryConnector; print({'pytest', 'hypothesis'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "set()" == shown.stdout.strip()


def test_every_name_of_the_package_is_there() -> None:
    assert all(name == getattr(testing, name).__name__ for name in testing.__all__)
