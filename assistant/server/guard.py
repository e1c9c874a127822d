"""Who may call: holders of an API key; where there are no keys, only this machine, and no page of another site."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from hashlib import sha256
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.errors import ConfigurationError
from assistant.sections import Server
from assistant.server.problems import Problem
from assistant.settings import Settings

PROTECTED = ("/v1/", "/invocations")
READING = ("GET", "HEAD", "OPTIONS")
WEBHOOKS = "/webhooks/"


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_listen(settings: Settings, host: str) -> None:
    """Refuse to listen on `host` beyond this machine without API keys; a trusted network is the operator's word.

    Raises:
        ConfigurationError: `host` is not loopback and `server.api_keys` is empty, or one of the keys is empty.
    """
    if any(not key.get_secret_value().strip() for key in settings.server.api_keys):
        raise ConfigurationError("server.api_keys holds an empty key: remove it, or everyone would be let in")
    server = settings.server
    if not (server.api_keys or server.trusted_network or is_loopback(host)):
        raise ConfigurationError(
            f"listening on {host!r} would let everyone on the network use the assistant: "
            f"set server.api_keys, or listen on 127.0.0.1"
        )


class Keys:
    """The API keys; false where there are none."""

    def __init__(self, keys: Iterable[SecretStr]) -> None:
        self._keys = [_digest(key.get_secret_value().encode()) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def open(self, authorization: str) -> bool:
        """Whether a header `Authorization` holds one of them; takes as long for a wrong one."""
        scheme, _, token = authorization.partition(" ")
        given = _digest(token.strip().encode("latin-1", "replace"))  # as it came: that is how ASGI decodes header bytes
        matches = [hmac.compare_digest(given, key) for key in self._keys]  # all of them: constant time
        return scheme.lower() == "bearer" and any(matches)


class Guard:
    """ASGI middleware that refuses before a byte of the body is read.

    With keys: `Authorization: Bearer KEY`. Without: the Host header must name this machine (a page whose
    DNS name was rebound to 127.0.0.1 sends its own name), and a browser's Origin must be ours or listed.
    In a trusted network without keys, nothing is asked. Nor is a webhook: its platform has no key of ours, calls
    `server.public_url` or whatever name a tunnel has, and proves itself by its signature before anything is read.
    """

    def __init__(self, app: ASGIApp, *, server: Server) -> None:
        self._app = app
        self._keys = Keys(server.api_keys)
        self._trusting = server.trusted_network
        public = urlsplit(server.public_url or "").hostname
        self._hosts = {"localhost", server.host.strip("[]"), *([public] if public else [])}
        self._origins = set(server.cors_origins) | ({_origin(server.public_url)} if server.public_url else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._refusal(scope) if scope["type"] == "http" else None
        if problem is None:
            return await self._app(scope, receive, send)
        challenge = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
        await problem.response(headers=challenge)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        if _routed(scope).startswith(WEBHOOKS):  # what the router matches, so that nothing else slips through
            return None
        headers = Headers(scope=scope)
        if not self._keys:
            return None if self._trusting else self._not_local(headers, scope["method"])
        if _is_protected(scope) and not self._keys.open(headers.get("authorization", "")):
            message = "a valid API key is needed: send it as 'Authorization: Bearer KEY'"
            return Problem(401, message, "authentication_error", "invalid_api_key")
        return None

    def _not_local(self, headers: Headers, method: str) -> Problem | None:
        host = headers.get("host", "")
        name = _hostname(host)
        if name not in self._hosts and not is_loopback(name):
            message = f"host {name!r} is not this assistant: set server.public_url, or server.api_keys"
            return Problem(403, message, "permission_error", "unknown_host")
        origin = headers.get("origin")
        if method in READING or origin is None or origin.partition("://")[2] == host:
            return None
        if self._origins & {origin, "*"}:
            return None
        message = f"pages of {origin!r} may not use this assistant: add it to server.cors_origins"
        return Problem(403, message, "permission_error", "unknown_origin")


def _is_protected(scope: Scope) -> bool:
    """With or without the root path: not every server and proxy sends it, and the router then matches what is there."""
    path: str = scope["path"]
    return path.startswith(PROTECTED) or path.removeprefix(scope.get("root_path", "")).startswith(PROTECTED)


def _routed(scope: Scope) -> str:
    """The path that the router matches: without the root path where it is there."""
    path: str = scope["path"]
    rest = path.removeprefix(scope.get("root_path", ""))
    return rest if rest.startswith("/") else path


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()


def _hostname(netloc: str) -> str:
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
