"""What the routes of one app share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from assistant.connector import Connector
from assistant.sections import Engine
from assistant.server.meters import Meters
from assistant.server.platforms import Platforms
from assistant.server.startup import Startup
from assistant.server.turns import Turns
from assistant.settings import Settings

DRAIN_SECONDS = 10
"""What a running stream gets to finish after SIGTERM; the server's own grace time must be longer."""


class Parts:
    """Settings, start-up, messaging, running answers and metrics of one app.

    Raises:
        ConfigurationError: a connector is not installed, or its section is wrong.
    """

    def __init__(self, settings: Settings, *, startup: Startup) -> None:
        self.settings = settings
        self.startup = startup
        self.meters = Meters()
        self.created = int(time.time())
        self.uploading = asyncio.Lock()
        self.model = model_name(settings.engine)
        self.turns = Turns(startup, limit=settings.server.max_concurrent, meters=self.meters)
        self.inbox = Platforms(settings, startup.assistant, registry=self.meters.registry)

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """By name, the chat page's among them."""
        return self.inbox.connectors

    def begin(self) -> None:
        """Start everything in the background."""
        self.startup.begin()
        self.inbox.begin()

    async def aclose(self) -> None:
        """Finish what runs within its grace time, then close."""
        await self.inbox.aclose()
        await self.turns.aclose()
        await self.startup.aclose()


def parts_of(request: Request) -> Parts:
    """The parts of the app that serves `request`."""
    parts: Parts = request.app.state.parts
    return parts


PartsOf = Annotated[Parts, Depends(parts_of)]


def model_name(engine: Engine) -> str:
    """What callers see: the configured name, of a folder only its last part, of a LangChain class its path."""
    if ":" in engine.kind and "model" not in engine.model_fields_set:
        return engine.kind
    is_folder = engine.model.startswith(("/", ".", "~"))
    return Path(engine.model).name if is_folder else engine.model
