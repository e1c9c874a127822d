"""A request body is counted while it arrives and refused with 413 as soon as it is too large."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.server.problems import Problem

MIB = 1024 * 1024


class BodyLimit:
    """ASGI middleware; a declared length is refused before a byte is read, an undeclared one while streaming."""

    def __init__(self, app: ASGIApp, *, max_mib: float) -> None:
        self._app = app
        self._max_bytes = int(max_mib * MIB)
        self._message = f"the body is larger than {max_mib:g} MiB (setting server.max_body_mib)"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            return await Problem(413, self._message).response()(scope, receive, send)
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise HTTPException(413, self._message)
            return message

        await self._app(scope, counted, send)
