"""`/webhooks/{connector}`: proven, read, recorded, and only then acknowledged."""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from assistant.connector import Connector, Handshaking
from assistant.errors import InvalidWebhook, RateLimited, TransientError
from assistant.server.platforms import Platforms
from assistant.server.quiet import origin
from assistant.types import Headers, Incoming, Webhook

logger = logging.getLogger(__name__)

T = TypeVar("T")

LARGE = 64 * 1024
"""Bytes of a body from which on it is verified and read in a thread: a signature takes a millisecond for 1 MB."""

LONG_NUMBER = re.compile(r"\+?[0-9][0-9 ()-]{5,}[0-9]")
"""As long as a telephone number; codes of errors are shorter."""

AGAIN = 2
"""Seconds after which a platform may try again what could not be recorded."""


class Webhooks:
    """Answers the platforms: 200 recorded, 401 not proven, 400 not understood, 503 not recorded, 500 a bug of the connector.

    Whatever is not 200 has no body: it tells nothing to whom it does not concern, and the platform sends it again. Where
    connectors share a callback each verifies and reads the request for itself, and what they read is recorded together. A plain
    Starlette route: FastAPI's dependencies and models are not needed here, and would take their time on every message.
    """

    def __init__(self, platforms: Platforms, *, registry: CollectorRegistry) -> None:
        self._platforms = platforms
        self._ignored = Counter(
            "assistant_webhooks_ignored",
            "Proven requests without an event that is known",
            ["connector"],
            registry=registry,
        )
        self.route = Route("/webhooks/{connector}", self.receive, methods=["GET", "POST"], include_in_schema=False)

    async def receive(self, request: Request) -> Response:
        """One request of a platform."""
        request.scope["route"] = self.route  # for the metrics
        sharing = self._platforms.sharing(request.path_params["connector"])
        if not sharing:
            raise HTTPException(404)
        webhook = Webhook(
            method=request.method,
            query=dict(request.query_params),
            headers=_headers(request),
            body=await request.body(),
        )
        return await self._events(sharing, webhook) if request.method == "POST" else _handshake(sharing, webhook)

    async def _events(self, sharing: Sequence[Connector], webhook: Webhook) -> Response:
        refused = _Refusals()
        proven = [each for each in sharing if await _proven(each, webhook, refused)]
        if refused:
            logger.info("webhook %s: refused: %s", sharing[0].name, refused)
        if not proven:
            return Response(status_code=401)
        events: list[Incoming] = []
        statuses = [await _read(each, webhook, events) for each in proven]
        try:
            if events:  # also those beside a connector that failed: what is recorded twice is answered once
                await self._platforms.accept(events)
        except TransientError as error:
            logger.warning("webhook %s: not recorded: %s", sharing[0].name, error)
            return _later(error)
        except Exception as error:  # noqa: BLE001 - whatever a third party raises: its text may hold the message
            logger.error("webhook %s: failed: %s", sharing[0].name, origin(error))
            return Response(status_code=500)
        _tell_failed(events)
        if not events and 200 in statuses:
            self._ignored.labels(sharing[0].name).inc()
        return Response(status_code=500 if 500 in statuses else min(statuses))


class _Refusals(dict[str, list[str]]):
    """Why connectors refused a request, each reason once, with who gave it."""

    def note(self, name: str, error: InvalidWebhook) -> None:
        self.setdefault(str(error), []).append(name)

    def __str__(self) -> str:
        return "; ".join(f"{reason} ({', '.join(names)})" for reason, names in self.items())


def _tell_failed(events: Sequence[Incoming]) -> None:
    """Of messages that a platform took and could not deliver: why, and neither to whom nor what. An id may hold a number."""
    for event in events:
        if event.kind == "status" and event.text == "failed":
            reason = LONG_NUMBER.sub("…", str(event.raw.get("error") or "no reason given"))
            logger.warning("webhook %s: a message was not delivered: %s", event.address.connector, reason)


def _headers(request: Request) -> Headers:
    """One that comes twice is both with a comma (RFC 9110, section 5.2): of two signatures none is chosen."""
    return Headers({name: ", ".join(request.headers.getlist(name)) for name in set(request.headers.keys())})


async def _proven(connector: Connector, webhook: Webhook, refused: _Refusals) -> bool:
    try:
        await _computed(lambda: connector.verify(webhook), webhook)
    except InvalidWebhook as error:
        refused.note(connector.name, error)
        return False
    except Exception as error:  # noqa: BLE001 - fail closed: what cannot be proven is not read
        logger.error("webhook %s: could not be verified: %s", connector.name, origin(error))
        return False
    return True


async def _read(connector: Connector, webhook: Webhook, events: list[Incoming]) -> int:
    """Add what the connector reads to `events`; the status that this makes of the request."""
    try:
        events += await _computed(lambda: connector.parse(webhook), webhook)
    except InvalidWebhook as error:
        logger.warning("webhook %s: not understood: %s", connector.name, error)
        return 400
    except Exception as error:  # noqa: BLE001 - as above
        logger.error("webhook %s: failed: %s", connector.name, origin(error))
        return 500
    return 200


def _handshake(sharing: Sequence[Connector], webhook: Webhook) -> Response:
    """Whichever knows the token answers, the first that is asked is that of the path."""
    able = [each for each in sharing if isinstance(each, Handshaking)]
    if not able:
        return Response(status_code=405, headers={"Allow": "POST"})
    refused = _Refusals()
    for each in able:
        try:
            return PlainTextResponse(each.handshake(webhook))
        except InvalidWebhook as error:
            refused.note(each.name, error)
        except Exception as error:  # noqa: BLE001 - as above
            logger.error("webhook %s: handshake failed: %s", sharing[0].name, origin(error))
    logger.warning("webhook %s: handshake refused: %s", sharing[0].name, refused)
    return Response(status_code=401)


async def _computed(work: Callable[[], T], webhook: Webhook) -> T:
    """`work` is pure: in the loop where it is quick, which is cheaper than a thread."""
    return work() if len(webhook.body) < LARGE else await asyncio.to_thread(work)


def _later(error: TransientError) -> Response:
    asked = error.retry_after if isinstance(error, RateLimited) else None
    return Response(status_code=503, headers={"Retry-After": str(math.ceil(asked or AGAIN))})
