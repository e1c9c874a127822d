"""The chat page, whole and for other sites, and the API reference: nothing is loaded from another host."""

from __future__ import annotations

import html
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.sections import Web
from assistant.server.parts import PartsOf
from assistant.settings import Settings

router = APIRouter(include_in_schema=False)

STATIC = files("assistant.server") / "static"
INDEX = (STATIC / "index.html").read_text("utf-8")
DOCS = (STATIC / "docs.html").read_text("utf-8")
EMBED = (STATIC / "embed.js").read_bytes()

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
)
"""Styles inline, because both components style themselves; no inline script, no eval, and so no `javascript:` link:
model and document text is untrusted."""

HEADERS = {
    "Content-Security-Policy": f"{POLICY}'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Sent with everything, unless a route says otherwise: conversations are not for caches on the way."""

FRESH = {"Cache-Control": "no-cache"}
"""What may be kept, but is asked for again: after an upgrade no part of the page may be an old one."""

ELSEWHERE = {"Cross-Origin-Resource-Policy": "cross-origin", "Cross-Origin-Opener-Policy": "unsafe-none"}
"""What other sites may load: the script that embeds, and the page in their frame."""

WHITE, BLACK = "#ffffff", "#000000"
EVEN = 0.179
"""Relative luminance at which black and white have the same contrast (WCAG 2.2, contrast ratio): 4.6 or more."""


@router.get("/")
async def chat(parts: PartsOf) -> HTMLResponse:
    """The chat page."""
    return HTMLResponse(_page(parts.settings), headers=FRESH)


@router.get("/embed")
async def embedded(parts: PartsOf) -> HTMLResponse:
    """The chat page for the sites that may embed it."""
    origins = " ".join(parts.settings.web.allowed_origins) or "'none'"
    policy = {"Content-Security-Policy": f"{POLICY}{origins}"}
    return HTMLResponse(_page(parts.settings), headers={**FRESH, **ELSEWHERE, **policy})


@router.get("/static/embed.js")
async def embed_script() -> Response:
    """The script that other sites load."""
    return Response(EMBED, media_type="text/javascript", headers={**ELSEWHERE, "Cache-Control": "public, max-age=600"})


@router.get("/docs")
async def docs() -> HTMLResponse:
    """The API reference."""
    return HTMLResponse(DOCS, headers=FRESH)


class Fresh(StaticFiles):
    """Files that a browser asks for again each time, and gets again only where they changed."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        """As `StaticFiles` makes it."""
        response = super().file_response(*args, **options)
        response.headers.update(FRESH)
        return response


def static_files() -> StaticFiles:
    """The scripts and styles of both pages."""
    return Fresh(packages=[("assistant.server", "static")])


def _page(settings: Settings) -> str:
    texts = {"title": settings.server.title, "greeting": settings.web.greeting, "theme": theme(settings.web)}
    page = INDEX
    for name, text in texts.items():
        page = page.replace(f"{{{{{name}}}}}", html.escape(text))
    return page


def theme(web: Web) -> str:
    """The site's colours as CSS, with text on them that can be read."""
    dark = web.colour_dark or web.colour
    return f":root{{{_colours(web.colour)}}}@media(prefers-color-scheme:dark){{:root{{{_colours(dark)}}}}}"


def _colours(colour: str) -> str:
    return f"--mine:{colour};--mine-text:{BLACK if _luminance(colour) > EVEN else WHITE}"


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class SecurityHeaders:
    """ASGI middleware that adds `HEADERS` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _missing(headers).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


def _missing(headers: Mapping[str, str]) -> Mapping[str, str]:
    """X-Frame-Options cannot name sites: where a route names them, it would forbid what was allowed."""
    if "content-security-policy" in headers:
        return {name: value for name, value in HEADERS.items() if name != "X-Frame-Options"}
    return HEADERS
