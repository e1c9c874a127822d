"""Is it alive, can it answer, how is it doing: for orchestrators and Prometheus, without a key and without content."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from assistant.server.parts import PartsOf

router = APIRouter(tags=["Health"])


@router.get("/health")
async def health() -> dict[str, str]:
    """200 as long as the process answers."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(parts: PartsOf) -> Response:
    """200 when questions can be answered; until then 503, with a line for every part and why it failed.

    A connector that fails is shown, and the others and the API go on; 503 only where all that are configured gave up.
    One that is still being opened does not hold the others back, nor its own webhooks.
    """
    startup, inbox = parts.startup, parts.inbox
    status = "failed" if inbox.failed else startup.status
    if status == "ready" and inbox.state != "ready":
        status = "starting"
    lines = {str(part): line for part, line in startup.parts.items()} | {"inbox": inbox.state}
    body = {
        "status": status,
        "parts": lines,
        "connectors": {name: link.state for name, link in inbox.links.items()},
    }
    wait = {"Retry-After": "2"} if status == "starting" else {}
    return JSONResponse(body, 200 if status == "ready" else 503, wait)


@router.get("/metrics")
async def metrics(parts: PartsOf) -> Response:
    """Prometheus text format."""
    text = await asyncio.to_thread(generate_latest, parts.meters.registry)  # the inbox's depth is asked of a database
    return Response(text, media_type=CONTENT_TYPE_LATEST)
