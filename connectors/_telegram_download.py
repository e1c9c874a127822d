"""Files from Telegram, never more of one than is asked for; their URLs hold the token and are shown to nobody."""

from __future__ import annotations

from http import HTTPStatus

import httpx

from assistant.errors import Rejected, TransientError

SECONDS = 30.0
"""Patience with a pause in a download."""

GONE = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)


def client() -> httpx.AsyncClient:
    """Connections for downloads. Reads certificates, so it is not for an event loop."""
    return httpx.AsyncClient(timeout=SECONDS)


async def download(client: httpx.AsyncClient, url: str, *, max_bytes: int, name: str) -> bytes:
    """The content at `url`.

    Raises:
        Rejected: larger than `max_bytes`, or gone.
        TransientError: try again.
    """
    data = bytearray()
    try:
        async with client.stream("GET", url) as response:
            if response.status_code in GONE:
                raise Rejected(f"{name}: Telegram no longer has the file")
            if not response.is_success:
                raise TransientError(f"{name}: Telegram answers HTTP {response.status_code} in place of a file")
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > max_bytes:
                    raise too_large(max_bytes, name=name)
    except httpx.HTTPError as error:
        raise TransientError(f"{name}: a file of Telegram did not arrive ({type(error).__name__})") from None
    return bytes(data)


def too_large(max_bytes: int, *, name: str) -> Rejected:
    """The error for a file beyond the limit."""
    return Rejected(f"{name}: the file is larger than {max_bytes} bytes")
