"""Calls of Meta's Graph API for one account, with errors that tell whether a request left."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx2

from assistant.errors import RateLimited, Rejected, TransientError
from connectors._hidden import HIDDEN
from connectors._meta_download import download
from connectors._meta_errors import Unclear, explained, refusal
from connectors._meta_versions import NEWEST

CONNECTIONS = 100
"""Requests on their way at once; a call that finds none free waits."""

CONNECT_SECONDS = 10.0
"""Patience with a connection, before anything has left."""

UNSENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.ProxyError,
)
"""What is raised before the first byte of a request has left. www.python-httpx.org/exceptions, 2026-06."""

UNCLEAR = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)
"""Without an answer of the Graph API: something broke behind a gateway, which may have done what it was asked before."""


class Lost(Exception):
    """The connection ended, or a gateway gave up, after the request had left: only Meta knows what became of it."""


PAUSE_SECONDS = 6.0
"""Wait where Meta asks for patience in the middle of an answer and does not say how long."""

LONGEST_PAUSE, PAUSES = 60.0, 30
"""Seconds and times that are waited for the rest of an answer; then it is better to say what is missing."""


class Graph:
    """The calls of one account.

    The token goes in a header and never in a URL. Redirects are not followed. Every call raises

        RateLimited: nothing was done; try again after `retry_after` seconds.
        TransientError: nothing was done; try again.
        Rejected: nothing was done and never will be; `WindowClosed`, `TokenRefused`, `PermissionMissing` are some of it.

    with Meta's code, subcode and fbtrace_id in the message; `code_of` has the first two.

    Args:
        name: the connector's section, for messages.
        token: of the Page, the system user or the Instagram account.
        app_secret: of the app that the token is of; every call then proves that whoever calls knows it. None: none does.
        base_url: `https://graph.facebook.com`, `https://graph.instagram.com`, or a server of one's own.
        version: such as "v26.0"; None: see `NEWEST`.
        credential: of the section, that has the token, for messages.
        timeout: seconds of patience with an answer.
    """

    def __init__(
        self,
        *,
        name: str,
        token: str,
        app_secret: str | None,
        base_url: str,
        version: str | None,
        credential: str = "access_token",
        timeout: float = 30.0,
    ) -> None:
        self.name = name
        self._credential = credential
        self.version = version or NEWEST
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._proof = {"appsecret_proof": proof(token, app_secret)} if app_secret else {}
        self._timeout = timeout
        self._client: httpx2.AsyncClient | None = None
        self._opening = asyncio.Lock()
        HIDDEN.hide(token, app_secret, *self._proof.values())

    def __repr__(self) -> str:  # the attributes hold the token
        return f"Graph(name={self.name!r}, base_url={self.base_url!r}, version={self.version!r})"

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        """Read an object or an edge; a list among the parameters is joined with commas."""
        return await self._call("GET", path, harmless=True, params=_query(params))

    async def post(self, path: str, body: Mapping[str, Any], *, may_double: bool = False) -> dict[str, Any]:
        """Make something of a JSON body.

        `may_double`: doing it twice does no harm (a read mark, a typing indicator), so that nothing is `Lost`.

        Raises:
            Lost: nobody knows whether it was done.
        """
        return await self._call("POST", path, harmless=may_double, json=dict(body))

    async def finish(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """As `post`, for the rest of something that was begun: a rate limit is waited for, within reason."""
        for _ in range(PAUSES):
            try:
                return await self.post(path, body)
            except RateLimited as limited:
                wait = PAUSE_SECONDS if limited.retry_after is None else limited.retry_after
                if wait > LONGEST_PAUSE:
                    raise
                await asyncio.sleep(wait)
        return await self.post(path, body)

    async def delete(self, path: str) -> dict[str, Any]:
        """Delete an object."""
        return await self._call("DELETE", path, harmless=True)

    async def upload(
        self, path: str, *, data: bytes, name: str, mime_type: str, fields: Mapping[str, str], field: str = "file"
    ) -> dict[str, Any]:
        """Send a file as `field` of a form with these fields; one that arrived twice does no harm."""
        files = {field: (name, data, mime_type)}
        return await self._call("POST", path, harmless=True, data=dict(fields), files=files)

    async def download(self, url: str, *, max_bytes: int, private: bool = False) -> bytes:
        """The content of a file of Meta's; its own hosts alone are asked.

        `private`: the address is of an answer of Meta's, and wants the token. One that came in a message may be one that its
        writer chose: with the token, what the Graph API says at it would be taken for the file.

        Raises:
            Rejected: larger than `max_bytes`, gone, or not of Meta's.
            TransientError: try again.
        """
        client = await self._ready()
        return await download(
            client,
            url,
            max_bytes=max_bytes,
            name=self.name,
            base_url=self.base_url,
            headers=self._headers if private else {},
        )

    async def aclose(self) -> None:
        """Close connections; a call after that opens others."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _call(self, method: str, path: str, *, harmless: bool, **content: Any) -> dict[str, Any]:
        """The answer. `harmless`: what may have been done without our knowing is an error to try again."""
        try:
            return await self._answer(method, path, content)
        except (Lost, Unclear) as error:
            if harmless:
                raise TransientError(f"{self.name}: {error}") from error.__cause__
            raise Lost(str(error)) from error.__cause__

    async def _answer(self, method: str, path: str, content: dict[str, Any]) -> dict[str, Any]:
        if not {".", ".."}.isdisjoint(path.split("/")):
            raise Rejected(f"{self.name}: {path!r:.100} has an id that none of Meta's is")
        client = await self._ready()
        url = f"{self.base_url}/{self.version}/{quote(path.strip('/'), safe='/')}"
        params = {**content.pop("params", {}), **self._proof}
        try:
            response = await client.request(method, url, params=params, headers=self._headers, **content)
        except UNSENT as error:
            raise TransientError(f"{self.name}: Meta cannot be reached ({_reason(error)})") from None
        except httpx2.RequestError as error:
            raise Lost(f"the connection ended before Meta answered ({_reason(error)})") from None
        if response.is_success and (answer := _json(response.content)) is not None and "error" not in answer:
            return answer
        refused = refusal(response.status_code, response.content)
        if refused.code is None and (response.is_success or response.status_code in UNCLEAR):
            raise Lost(str(refused))
        raise explained(refused, response.headers, name=self.name, credential=self._credential) from refused

    async def _ready(self) -> httpx2.AsyncClient:
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(self._opened)
            return self._client

    def _opened(self) -> httpx2.AsyncClient:
        """Connections. Reads certificates, so it is not for an event loop."""
        limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        timeout = httpx2.Timeout(self._timeout, connect=min(CONNECT_SECONDS, self._timeout))
        return httpx2.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False)


def proof(token: str, app_secret: str) -> str:
    """What shows Meta that whoever has the token knows the app's secret too.

    developers.facebook.com/docs/graph-api/guides/secure-requests, 2026-11.
    """
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def _query(params: Mapping[str, Any]) -> dict[str, str]:
    return {key: _value(value) for key, value in params.items() if value is not None}


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _reason(error: httpx2.RequestError) -> str:
    said = HIDDEN.clean(str(error))
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
