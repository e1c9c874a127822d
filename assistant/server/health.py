"""Is it alive, can it answer, how is it doing: for orchestrators and Prometheus, without a key and without content."""

from __future__ import annotations

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
    """200 when questions can be answered; until then 503, with a line for every part and why it failed."""
    startup = parts.startup
    wait = {"Retry-After": "2"} if startup.status == "starting" else {}
    body = {"status": startup.status, "parts": startup.parts}
    return JSONResponse(body, 200 if startup.ready else 503, wait)


@router.get("/metrics")
async def metrics(parts: PartsOf) -> Response:
    """Prometheus text format."""
    return Response(generate_latest(parts.meters.registry), media_type=CONTENT_TYPE_LATEST)
