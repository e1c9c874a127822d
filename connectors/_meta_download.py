"""Files from Meta: from its own hosts only, never more of one than is asked for, the token only where it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import httpx2

from assistant.errors import RateLimited, Rejected, TransientError
from connectors._meta_errors import wait

PRIVATE = "lookaside.fbsbx.com"
"""The host that sees the token: it has the files of WhatsApp. …/whatsapp/business-phone-numbers/media, 2026-06."""

HOSTS = (
    "facebook.com",
    "facebook.net",
    "fbsbx.com",
    "fbcdn.net",
    "instagram.com",
    "cdninstagram.com",
    "whatsapp.com",
    "whatsapp.net",
)
"""Domains of Meta that have files; an address elsewhere may be one that a person wrote, and is not asked."""

REDIRECTS = 3
"""Followed at most, each without the token."""

GONE = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


async def download(
    client: httpx2.AsyncClient, url: str, *, max_bytes: int, name: str, base_url: str, headers: Mapping[str, str]
) -> bytes:
    """The content at `url`; `headers` has the token if the file wants it, `base_url` is where the account's calls go.

    Raises:
        Rejected: larger than `max_bytes`, gone, or not at a host of Meta's.
        TransientError, RateLimited: try again.
    """
    own = _origin(httpx2.URL(base_url))
    try:
        place = _place(url, own, name)
        shown = headers if _origin(place) == own or _needs_token(place) else {}
        for _ in range(1 + REDIRECTS):
            found = await _fetch(client, place, shown, max_bytes=max_bytes, name=name)
            if isinstance(found, bytes):
                return found
            place, shown = _place(found, own, name, beside=place), {}
    except httpx2.RequestError as error:
        raise TransientError(f"{name}: a file of Meta's did not arrive ({type(error).__name__})") from None
    raise Rejected(f"{name}: a file of Meta's is behind more than {REDIRECTS} redirects")


async def _fetch(
    client: httpx2.AsyncClient, place: httpx2.URL, headers: Mapping[str, str], *, max_bytes: int, name: str
) -> bytes | str:
    """The content, or where it is instead."""
    data = bytearray()
    async with client.stream("GET", place, headers=dict(headers)) as response:
        if response.has_redirect_location:
            return response.headers["location"]
        _check(response, name)
        if int(response.headers.get("content-length") or 0) > max_bytes:
            raise _too_large(max_bytes, name)
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > max_bytes:
                raise _too_large(max_bytes, name)
    return bytes(data)


def _check(response: httpx2.Response, name: str) -> None:
    status = response.status_code
    if status in GONE:
        raise Rejected(f"{name}: Meta no longer has the file (HTTP {status}): ask the person to send it again")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(f"{name}: Meta asks for patience with files", retry_after=wait(response.headers))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Rejected(f"{name}: Meta does not give the file to this token (HTTP {status}): check its permissions")
    if not response.is_success:
        raise TransientError(f"{name}: Meta answers HTTP {status} in place of a file")


def _place(url: str, own: tuple[str, str, int | None], name: str, *, beside: httpx2.URL | None = None) -> httpx2.URL:
    """The address, if it is one of Meta's or of the server that is called; one without a host is that of `beside`."""
    try:
        place = beside.join(url) if beside else httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError):
        raise Rejected(f"{name}: the address of a file is none") from None
    at_meta = place.scheme == "https" and any(place.host == host or place.host.endswith(f".{host}") for host in HOSTS)
    if not at_meta and _origin(place) != own:
        raise Rejected(f"{name}: a file at {place.host!r} is not fetched, as that is no host of Meta's")
    return place


def _needs_token(place: httpx2.URL) -> bool:
    return place.scheme == "https" and place.host == PRIVATE


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _too_large(max_bytes: int, name: str) -> Rejected:
    return Rejected(f"{name}: the file is larger than {max_bytes} bytes")
