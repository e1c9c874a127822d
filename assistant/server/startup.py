"""Opening the assistant and starting its engine while the port already answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from assistant.errors import AssistantError, EngineUnavailable
from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant.assistant import Assistant

logger = logging.getLogger(__name__)

Part = Literal["knowledge", "engine"]


class Startup:
    """How far the assistant has come: `parts` has a line for each part, `ready` or why not."""

    def __init__(self, settings: Settings, *, assistant: Assistant | None = None) -> None:
        self._settings = settings
        self._given = assistant
        self._opening: asyncio.Task[Assistant] | None = None
        self._running: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[Any] | None = None
        self.parts: dict[Part, str] = {"knowledge": "starting", "engine": "starting"}

    @property
    def ready(self) -> bool:
        return all(line == "ready" for line in self.parts.values())

    @property
    def status(self) -> Literal["ready", "starting", "failed"]:
        if self.ready:
            return "ready"
        return "failed" if any(line.startswith("failed") for line in self.parts.values()) else "starting"

    def begin(self) -> None:
        """Open and start in the background."""
        self._opening = asyncio.create_task(self._open())
        self._running = asyncio.create_task(self._run(self._opening))

    def opened(self) -> Assistant:
        """The assistant, whose knowledge can be used before its engine is ready.

        Raises:
            EngineUnavailable: it is not open yet, or could not be opened.
        """
        if self.parts["knowledge"] != "ready" or self._opening is None:
            raise EngineUnavailable(f"the knowledge is not ready: {self.parts['knowledge']}")
        return self._opening.result()

    def assistant(self) -> Assistant:
        """The assistant, ready to answer.

        Raises:
            EngineUnavailable: it is still starting, or could not be started.
        """
        if not self.ready:
            lines = "; ".join(f"{part}: {line}" for part, line in self.parts.items())
            raise EngineUnavailable(f"the assistant is not ready ({lines})")
        return self.opened()

    async def aclose(self) -> None:
        """Stop starting, and close what was opened here; an assistant that was given stays its owner's."""
        if self._opening is None or self._running is None:
            return
        tasks = {self._running, *([self._starting] if self._starting else [])}
        for task in tasks:
            task.cancel()
        await asyncio.wait({*tasks, self._opening})  # a thread that opens files cannot be cancelled
        self.parts = {"knowledge": "closed", "engine": "closed"}
        if self._given is None and self._opening.exception() is None:
            await self._opening.result().aclose()

    async def _open(self) -> Assistant:
        if self._given is not None:
            return self._given
        return await asyncio.to_thread(_open, self._settings)

    async def _run(self, opening: asyncio.Task[Assistant]) -> None:
        async with self._part("knowledge"):
            assistant = await asyncio.shield(opening)
            self._starting = asyncio.create_task(assistant.astart())
            await asyncio.to_thread(lambda: assistant.knowledge)
        if self.parts["knowledge"] == "ready":
            async with self._part("engine"):
                await self._starting

    @asynccontextmanager
    async def _part(self, part: Part) -> AsyncIterator[None]:
        try:
            yield
            self.parts[part] = "ready"
        except AssistantError as error:
            self.parts[part] = f"failed: {error}"
            logger.error("the %s could not be started: %s", part, error)
        except Exception as error:  # whatever a model or a database raises: the port stays up and says so
            self.parts[part] = f"failed: {type(error).__name__}; the log has the details"
            logger.exception("the %s could not be started", part)


def _open(settings: Settings) -> Assistant:
    from assistant.assistant import Assistant

    return Assistant.open(settings)
