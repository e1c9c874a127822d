"""Who uses the chat page: the key where one is needed, the session, the address, and how much each may do."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from assistant.errors import ConfigurationError
from assistant.server.parts import Parts, PartsOf
from assistant.server.problems import BadRequest
from assistant.server.web import NAME, WebChat, address_of
from assistant.types import Address

SESSION = "Chat-Session"
"""Header with the session: not a cookie, which browsers keep from pages that are embedded in other sites."""

FORM = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """One session of the page; whoever has `session` may read and write in it."""

    session: str
    client: str

    @property
    def address(self) -> Address:
        """Its conversation."""
        return address_of(self.session)


def new_session() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def admitted(request: Request, parts: PartsOf) -> None:
    """Let in who may use the chat: everyone, unless there are API keys and `web.public` is off.

    Raises:
        BadRequest: status 401, an API key is needed.
    """
    settings = parts.settings
    if not settings.server.api_keys or settings.web.public:
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = token.strip().encode("latin-1", "replace")
    matches = [hmac.compare_digest(given, key.get_secret_value().encode()) for key in settings.server.api_keys]
    if scheme.lower() != "bearer" or not any(matches):
        raise BadRequest("an API key is needed to use this chat", code="invalid_api_key", status=401)


def _visitor(request: Request) -> Visitor:
    session = request.headers.get(SESSION, "")
    if not FORM.fullmatch(session):
        raise BadRequest(f"the header {SESSION} must hold what POST /chat/session gave", code="unknown_session")
    return Visitor(session, client_of(request))


VisitorOf = Annotated[Visitor, Depends(_visitor)]


def client_of(request: Request) -> str:
    """The client's address; of IPv6 the network, because a household or a phone has 2**64 addresses of one (RFC 6177)."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def web_of(parts: Parts) -> WebChat:
    """The connector of the page.

    Raises:
        ConfigurationError: another connector took its name.
    """
    web = parts.connectors[NAME]
    if not isinstance(web, WebChat):
        raise ConfigurationError(f"connectors.{NAME}: the name is taken by the chat page, give the section another")
    return web
