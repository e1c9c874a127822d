"""Connectors whose section has a mode, and that can be examined."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from assistant.connector import Finding
from assistant.testing.memory_connector import MemoryConnector


class Either(MemoryConnector):
    """Polls, or gets webhooks."""

    def __init__(self, *, secret: str, name: str, mode: Literal["webhook", "polling"] | None = None) -> None:
        super().__init__(secret=secret, name=name, polls=mode == "polling")


class Examined(MemoryConnector):
    """Finds out what it is told to: that it is well, that it is not, a bug, or nothing in the end."""

    def __init__(self, *, secret: str, name: str, finds: Literal["well", "wrong", "bug", "nothing"] = "well") -> None:
        super().__init__(secret=secret, name=name)
        self._secret_word = secret
        self._finds = finds
        self.closed = False

    async def check(self) -> Sequence[Finding]:
        """See `Checking.check`."""
        match self._finds:
            case "well":
                return [Finding("ok", "the token is that of @pumps"), Finding("warn", "v22.0 ends soon", "upgrade")]
            case "wrong":
                return [Finding("fail", "the token is not valid", "make a new one")]
            case "bug":
                raise KeyError(self._secret_word)
        await asyncio.Event().wait()
        return []

    async def open(self, *, webhook_url: str | None) -> None:
        """See `Opening.open`: the doctor does not."""
        raise AssertionError("a look changes nothing")

    async def aclose(self) -> None:
        """See `Opening.aclose`."""
        self.closed = True
        raise RuntimeError("was never open")
