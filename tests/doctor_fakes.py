"""A connector whose section has a mode."""

from __future__ import annotations

from typing import Literal

from assistant.testing.memory_connector import MemoryConnector


class Either(MemoryConnector):
    """Polls, or gets webhooks."""

    def __init__(self, *, secret: str, name: str, mode: Literal["webhook", "polling"] | None = None) -> None:
        super().__init__(secret=secret, name=name, polls=mode == "polling")
