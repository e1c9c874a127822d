"""One connector at work: opened in the background, polled where it polls, tried again as long as that may help."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from assistant.backoff import backoff
from assistant.connector import Accept, Connector, Opening, Polling
from assistant.errors import ConfigurationError, PermanentError, RateLimited, TransientError
from assistant.server.quiet import origin
from assistant.types import Incoming

logger = logging.getLogger(__name__)

LONGEST = 60.0
"""Seconds between two attempts at most; the first wait is about one second and each is twice the one before."""

PAUSE = 1.0
"""Seconds a poller waits when events could not be recorded: it fetches them again at once."""

CLOSE_SECONDS = 5.0
"""How long a connector may take to close."""


class Link:
    """`state` is "starting", "starting: why not yet", "webhook", "polling", "ready" or "failed: what to do".

    "ready": the connector is open, but nothing reaches this process: it does not poll, and there is no public URL.
    """

    def __init__(self, connector: Connector, *, webhook_url: str | None) -> None:
        self.connector = connector
        self.state = "starting"
        self._webhook_url = webhook_url

    @property
    def failed(self) -> bool:
        """Whether it gave up."""
        return self.state.startswith("failed")

    async def run(self, accept: Accept, recording: asyncio.Event) -> None:
        """Open it, and poll where it polls, once `recording` is set; returns where there is nothing left to do."""
        try:
            await self._patiently(self._open, "starting")
            if isinstance(self.connector, Polling) and self.connector.polls:
                await recording.wait()
                self.state = "polling"
                await self._poll(self.connector, accept)
        except (ConfigurationError, PermanentError) as error:
            self.state = f"failed: {self._said(error)}"
            logger.error("connectors.%s stopped: %s", self.connector.name, self._said(error))

    async def aclose(self) -> None:
        """Close the connector; one that does not close in time is left."""
        if not isinstance(self.connector, Opening):
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.connector.aclose()
        except Exception as error:  # noqa: BLE001 - whatever a third party raises: the others are closed too
            logger.error("connectors.%s was not closed: %s", self.connector.name, origin(error))

    def _said(self, error: Exception) -> str:
        """Errors of connectors begin with the name, which is told already."""
        return str(error).removeprefix(f"{self.connector.name}: ")

    async def _open(self) -> None:
        if isinstance(self.connector, Opening):
            await self.connector.open(webhook_url=self._webhook_url)
        self.state = "webhook" if self._webhook_url else "ready"
        polls = isinstance(self.connector, Polling) and self.connector.polls
        logger.info("connectors.%s is open: %s", self.connector.name, "polling" if polls else self.state)

    async def _poll(self, connector: Polling, accept: Accept) -> None:
        async def paced(events: Sequence[Incoming]) -> None:
            try:
                await accept(events)
            except TransientError:
                await asyncio.sleep(PAUSE)
                raise

        while True:
            await self._patiently(lambda: connector.poll(paced), "polling")
            await asyncio.sleep(PAUSE)

    async def _patiently(self, work: Callable[[], Awaitable[None]], state: str) -> None:
        """Until `work` returns; a TransientError and a bug are tried again, other errors of ours end it."""
        clock, attempt = asyncio.get_running_loop().time, 0
        while True:
            begun = clock()
            try:
                return await work()
            except TransientError as error:
                problem: Exception = error
                reason = self._said(error)
            except (ConfigurationError, PermanentError):
                raise
            except Exception as error:  # noqa: BLE001 - a bug of a connector: it must not end what the others do
                problem = error
                reason = f"{type(error).__name__}; the log has the details"
                logger.error("connectors.%s: %s", self.connector.name, origin(error))
            attempt = attempt + 1 if clock() - begun < LONGEST else 1
            wait = wait_seconds(attempt, problem)
            self.state = f"{state}: {reason}"
            logger.warning("connectors.%s: %s; tried again in %.0f s", self.connector.name, reason, wait)
            await asyncio.sleep(wait)
            self.state = state


def wait_seconds(attempt: int, error: Exception | None = None) -> float:
    """What to wait after the `attempt`-th failure (from 1): what the other side asks for, else more each time, with jitter."""
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return error.retry_after
    return backoff(attempt, longest=LONGEST)
