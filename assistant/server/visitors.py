"""Who uses the chat page: the key where one is needed, the session, the address, and how much each may do."""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from assistant.errors import ConfigurationError
from assistant.server.guard import Keys
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
    keys = Keys(parts.settings.server.api_keys)
    if keys and not parts.settings.web.public and not keys.open(request.headers.get("authorization", "")):
        raise BadRequest("an API key is needed to use this chat", code="invalid_api_key", status=401)


def _visitor(request: Request, parts: PartsOf) -> Visitor:
    client = client_of(request)
    web_of(parts).reads.take(client)
    session = request.headers.get(SESSION, "")
    if not FORM.fullmatch(session):
        raise BadRequest(f"the header {SESSION} must hold what POST /chat/session gave", code="unknown_session")
    return Visitor(session, client)


VisitorOf = Annotated[Visitor, Depends(_visitor)]


def client_of(request: Request) -> str:
    """The client's address; of IPv6 the network, because a household or a phone has 2**64 addresses of one (RFC 6177)."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, ipaddress.IPv6Address):
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


def web_of(parts: Parts) -> WebChat:
    """The connector of the page.

    Raises:
        ConfigurationError: another connector took its name.
    """
    web = parts.connectors[NAME]
    if not isinstance(web, WebChat):
        raise ConfigurationError(f"connectors.{NAME}: the name is taken by the chat page, give the section another")
    return web
