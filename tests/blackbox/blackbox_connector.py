"""A WhatsApp-shaped connector for the black-box tests: signed webhooks in, a Graph-like call out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import httpx2

from assistant.connector import Capabilities
from assistant.errors import InvalidWebhook, RateLimited, Rejected, TransientError
from assistant.payload import check_signature, read_json
from assistant.types import Address, Incoming, Outgoing, Receipt, Webhook

SIGNATURE = "X-Hub-Signature-256"


class StandIn:
    """One phone number on the platform stand-in at `base_url`."""

    def __init__(
        self,
        *,
        base_url: str,
        app_secret: str,
        phone: str = "1555",
        name: str = "meta",
        unknown_sends: Literal["resend", "park"] | None = None,
    ) -> None:
        self.name = name
        self.capabilities = Capabilities()
        self.unknown_sends = unknown_sends
        self._secret, self._phone = app_secret, phone
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
        self._client = httpx2.AsyncClient(base_url=base_url, timeout=30, limits=limits, trust_env=False)

    def verify(self, webhook: Webhook) -> None:
        check_signature(webhook, header=SIGNATURE, secret=self._secret, prefix="sha256=")

    def handshake(self, webhook: Webhook) -> str:
        if webhook.query.get("hub.verify_token") != self._secret:
            raise InvalidWebhook("hub.verify_token is not ours")
        return str(webhook.query["hub.challenge"])

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        values = [change["value"] for entry in read_json(webhook)["entry"] for change in entry["changes"]]
        return [
            Incoming(
                message["id"],
                Address(self.name, self._phone, message["from"]),
                message["from"],
                "text",
                message["text"]["body"],
                datetime.fromtimestamp(int(message["timestamp"]), UTC),
            )
            for value in values
            for message in value.get("messages", ())
        ]

    async def send(self, outgoing: Outgoing) -> Receipt:
        body = {"messaging_product": "whatsapp", "to": outgoing.address.chat, "text": {"body": outgoing.text}}
        try:
            answer = await self._client.post(f"/{self._phone}/messages", json=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise TransientError(f"{self.name}: not reached: {error!r}") from error
        except httpx2.TransportError:
            return Receipt((), "unknown")
        if answer.status_code == 429:
            raise RateLimited(f"{self.name}: too many", retry_after=float(answer.headers["Retry-After"]))
        if answer.status_code >= 500:
            raise TransientError(f"{self.name}: status {answer.status_code}")
        if answer.status_code >= 400:
            raise Rejected(f"{self.name}: status {answer.status_code}")
        return Receipt((answer.json()["messages"][0]["id"],))
