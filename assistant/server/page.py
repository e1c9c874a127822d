"""The chat page and the API reference, from files of this package: nothing is loaded from another host."""

from __future__ import annotations

import html
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.server.parts import PartsOf

router = APIRouter(include_in_schema=False)

STATIC = files("assistant.server") / "static"
INDEX = (STATIC / "index.html").read_text("utf-8")
DOCS = (STATIC / "docs.html").read_text("utf-8")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with everything. Styles inline, because both components style themselves; no inline script, no eval,
and so no `javascript:` link: model and document text is untrusted."""


@router.get("/")
async def chat(parts: PartsOf) -> HTMLResponse:
    """The chat page."""
    return HTMLResponse(INDEX.replace("{{title}}", html.escape(parts.settings.server.title)))


@router.get("/docs")
async def docs() -> HTMLResponse:
    """The API reference."""
    return HTMLResponse(DOCS)


def static_files() -> StaticFiles:
    """The scripts and styles of both pages."""
    return StaticFiles(packages=[("assistant.server", "static")])


class SecurityHeaders:
    """ASGI middleware that adds `HEADERS` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)
