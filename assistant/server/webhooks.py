"""`/webhooks/{connector}`: proven, read, recorded, and only then acknowledged."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from assistant.connector import Connector, Handshaking
from assistant.errors import InvalidWebhook, RateLimited, TransientError
from assistant.server.platforms import Platforms
from assistant.server.quiet import origin
from assistant.types import Headers, Webhook

logger = logging.getLogger(__name__)

T = TypeVar("T")

LARGE = 64 * 1024
"""Bytes of a body from which on it is verified and read in a thread: a signature takes a millisecond for 1 MB."""

AGAIN = 2
"""Seconds after which a platform may try again what could not be recorded."""


class Webhooks:
    """Answers the platforms: 200 recorded, 401 not proven, 400 not understood, 503 not recorded, 500 a bug of the connector.

    Whatever is not 200 has no body: it tells nothing to whom it does not concern, and the platform sends it again. A plain
    Starlette route: FastAPI's dependencies and models are not needed here, and would take their time on every message.
    """

    def __init__(self, platforms: Platforms) -> None:
        self._platforms = platforms
        self.route = Route("/webhooks/{connector}", self.receive, methods=["GET", "POST"], include_in_schema=False)

    async def receive(self, request: Request) -> Response:
        """One request of a platform."""
        request.scope["route"] = self.route  # for the metrics
        link = self._platforms.links.get(request.path_params["connector"])
        if link is None:
            raise HTTPException(404)
        webhook = Webhook(
            method=request.method,
            query=dict(request.query_params),
            headers=Headers(dict(request.headers)),
            body=await request.body(),
        )
        return await (self._events if request.method == "POST" else _handshake)(link.connector, webhook)

    async def _events(self, connector: Connector, webhook: Webhook) -> Response:
        try:
            await _computed(lambda: connector.verify(webhook), webhook)
        except InvalidWebhook as error:
            logger.info("webhook %s: refused: %s", connector.name, error)
            return Response(status_code=401)
        except Exception as error:  # noqa: BLE001 - fail closed: what cannot be proven is not read
            logger.error("webhook %s: could not be verified: %s", connector.name, origin(error))
            return Response(status_code=401)
        try:
            if events := await _computed(lambda: connector.parse(webhook), webhook):
                await self._platforms.accept(events)
        except InvalidWebhook as error:
            logger.warning("webhook %s: not understood: %s", connector.name, error)
            return Response(status_code=400)
        except TransientError as error:
            logger.warning("webhook %s: not recorded: %s", connector.name, error)
            return _later(error)
        except Exception as error:  # noqa: BLE001 - whatever a third party raises: its text may hold the message
            logger.error("webhook %s: failed: %s", connector.name, origin(error))
            return Response(status_code=500)
        return Response(status_code=200)


async def _handshake(connector: Connector, webhook: Webhook) -> Response:
    if not isinstance(connector, Handshaking):
        return Response(status_code=405, headers={"Allow": "POST"})
    try:
        return PlainTextResponse(connector.handshake(webhook))
    except InvalidWebhook as error:
        logger.warning("webhook %s: handshake refused: %s", connector.name, error)
    except Exception as error:  # noqa: BLE001 - as above
        logger.error("webhook %s: handshake failed: %s", connector.name, origin(error))
    return Response(status_code=401)


async def _computed(work: Callable[[], T], webhook: Webhook) -> T:
    """`work` is pure: in the loop where it is quick, which is cheaper than a thread."""
    return work() if len(webhook.body) < LARGE else await asyncio.to_thread(work)


def _later(error: TransientError) -> Response:
    asked = error.retry_after if isinstance(error, RateLimited) else None
    return Response(status_code=503, headers={"Retry-After": str(math.ceil(asked or AGAIN))})
