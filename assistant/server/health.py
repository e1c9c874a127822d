"""Is it alive, can it answer, how is it doing: for orchestrators and Prometheus, without a key and without content."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from assistant.server.guard import Keys
from assistant.server.parts import PartsOf

router = APIRouter(tags=["Health"])


@router.get("/health")
async def health() -> dict[str, str]:
    """200 as long as the process answers."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request, parts: PartsOf) -> Response:
    """200 when questions can be answered; until then 503, with a line for every part and why it failed.

    Where there are API keys the reasons are for who sends one: they name databases, files and hosts.

    A connector that fails is shown, and the others and the API go on; 503 only where all that are configured gave up.
    One that is still being opened does not hold the others back, nor its own webhooks.
    """
    startup, inbox = parts.startup, parts.inbox
    status = "failed" if inbox.failed else startup.status
    if status == "ready" and inbox.state != "ready":
        status = "starting"
    keys = Keys(parts.settings.server.api_keys)
    whole = not keys or keys.open(request.headers.get("authorization", ""))
    lines = {str(part): line for part, line in startup.parts.items()} | {"inbox": inbox.state}
    links = {name: link.state for name, link in inbox.links.items()}
    body = {"status": status, "parts": _shown(lines, whole), "connectors": _shown(links, whole)}
    wait = {"Retry-After": "2"} if status == "starting" else {}
    return JSONResponse(body, 200 if status == "ready" else 503, wait)


@router.get("/metrics")
async def metrics(parts: PartsOf) -> Response:
    """Prometheus text format."""
    text = await asyncio.to_thread(generate_latest, parts.meters.registry)  # the inbox's depth is asked of a database
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _shown(lines: Mapping[str, str], whole: bool) -> Mapping[str, str]:
    """Each state with its reason, or alone."""
    return lines if whole else {name: line.partition(":")[0] for name, line in lines.items()}
