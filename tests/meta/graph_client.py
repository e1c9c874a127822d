"""Calls of the fake Graph server as an application makes them, and bodies that it takes."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import httpx2
from accounts import APP_SECRET, INSTAGRAM_TOKEN, PAGE_TOKEN, WHATSAPP_TOKEN
from graph_server import GraphServer

VERSION = "v26.0"


def proof(token: str, secret: str = APP_SECRET) -> str:
    """`appsecret_proof` of a token."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


class Caller:
    """One application; `host` is "" for graph.facebook.com and "/instagram" for graph.instagram.com."""

    def __init__(self, graph: GraphServer, client: httpx2.AsyncClient, token: str, host: str = "") -> None:
        self.graph, self.client, self.token, self.host = graph, client, token, host

    async def __call__(self, method: str, path: str, body: Any = None, *, version: str = VERSION, token: str | None = "",
                       proven: str | None = "", **more: Any) -> httpx2.Response:  # fmt: skip
        """One call; `token` and `proven` replace what is right, None leaves it out."""
        token = self.token if token == "" else token
        proven = proof(token or self.token) if proven == "" else proven
        params = {**more.pop("params", {}), **({"appsecret_proof": proven} if proven is not None else {})}
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        content = {"json": body} if body is not None else {}
        url = f"{self.graph.url}{self.host}/{version}/{path}"
        return await self.client.request(method, url, params=params, headers=headers, **content, **more)

    async def error(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, int | None]:
        """Code and subcode of a refusal."""
        answer = (await self(method, path, body, **more)).json()
        found = answer.get("error", {"code": 0})
        return found["code"], found.get("error_subcode")


def whatsapp(**fields: Any) -> dict[str, Any]:
    """A text to the person of the tests, with fields replaced; None takes one out."""
    body = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "15550002222",
        "type": "text",
        "text": {"body": "hello"},
        **fields,
    }
    return {key: value for key, value in body.items() if value is not None}


def page(id: str, **fields: Any) -> dict[str, Any]:
    """A text to a person of the Page, with fields replaced; None takes one out."""
    body = {"recipient": {"id": id}, "messaging_type": "RESPONSE", "message": {"text": "hello"}, **fields}
    return {key: value for key, value in body.items() if value is not None}


TOKENS = {"whatsapp": (WHATSAPP_TOKEN, ""), "page": (PAGE_TOKEN, ""), "login": (INSTAGRAM_TOKEN, "/instagram")}
"""Token and host of each kind of caller."""
