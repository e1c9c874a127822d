"""What the four connectors of Meta share: whose token it is, who is believed, and how something of several messages is sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol, TypeVar

from assistant.errors import AssistantError
from assistant.types import Address, Receipt, Webhook
from connectors._hidden import HIDDEN
from connectors._meta import Graph, Lost
from connectors._meta_options import access_token, api_base, api_version, application_secret, verification_token
from connectors._meta_webhooks import CALLBACK, handshake, verify

LOG = logging.getLogger(__name__)

Piece = TypeVar("Piece", contravariant=True)


class Post(Protocol[Piece]):
    """Posts one message and gives its id; `begun`: others were, so that a rate limit is waited for. Raises as `Graph`."""

    async def __call__(self, piece: Piece, /, *, begun: bool) -> str: ...


class MetaAccount:
    """One account on one surface.

    Args:
        name: of the connector's section.
        token: that calls are made with, from the key `credential`.
        app_secret: that webhooks are signed with, and calls are proven with.
        verify_token: a word that Meta shows when it asks for the webhook's URL.
        base_url: where the Graph API is.
        version: of it; None: the newest known.

    Raises:
        ConfigurationError: an option that is missing or cannot be; no secret is in the message.
    """

    def __init__(
        self,
        *,
        name: str,
        token: str | None,
        credential: str,
        app_secret: str | None,
        verify_token: str | None,
        base_url: str,
        version: str | None,
    ) -> None:
        self.name = name
        self._secret = application_secret(app_secret, name=name)
        self._word = verification_token(verify_token, name=name)
        HIDDEN.hide(self._word)
        self._token = access_token(token, name=name, key=credential)
        self._graph = Graph(
            name=name,
            token=self._token,
            app_secret=self._secret,
            base_url=api_base(base_url, name=name, key="graph_base_url"),
            version=api_version(version, name=name, key="graph_version"),
            credential=credential,
        )

    @property
    def callback(self) -> str:
        """All surfaces of Meta can send to one URL."""
        return CALLBACK

    def verify(self, webhook: Webhook) -> None:
        """Compare the signature of the raw body. Raises InvalidWebhook: another secret, or another body."""
        verify(webhook, app_secret=self._secret)

    def handshake(self, webhook: Webhook) -> str:
        """The challenge by which Meta proves the URL. Raises InvalidWebhook: another word."""
        return handshake(webhook, verify_token=self._word)

    async def aclose(self) -> None:
        """Close connections."""
        await self._graph.aclose()

    async def _delivered(self, pieces: Sequence[Piece], post: Post[Piece], *, to: Address) -> Receipt:
        """Post them one after the other.

        What was begun is finished as far as it goes: then the receipt names what arrived, and is "failed", or "unknown"
        where the connection ended. Raises what the first raises.
        """
        ids: list[str] = []
        try:
            for piece in pieces:
                ids.append(await post(piece, begun=bool(ids)))
        except Lost as error:
            LOG.warning("%s: nobody knows whether a message to %s arrived: %s", self.name, to, error)
            return Receipt(tuple(ids), "unknown")
        except AssistantError as error:
            if not ids:
                raise
            LOG.error("%s: the rest of a message to %s did not arrive: %s", self.name, to, error)
            return Receipt(tuple(ids), "failed")
        return Receipt(tuple(ids))
