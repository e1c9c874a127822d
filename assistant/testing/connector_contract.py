"""The suite that proves a connector: subclass `ConnectorContract` in your tests. Needs pytest, pytest-asyncio, hypothesis."""

from __future__ import annotations

from assistant.testing.connector_abilities import AbilityContract
from assistant.testing.connector_sends import SendContract
from assistant.testing.connector_subject import Payload
from assistant.testing.connector_webhooks import WebhookContract
from assistant.testing.platform import (
    Failure,
    KeepsFiles,
    Platform,
    Queues,
    SeesPreviews,
    SeesReactions,
    SeesTyping,
    Sent,
)

__all__ = [
    "ConnectorContract",
    "Failure",
    "KeepsFiles",
    "Payload",
    "Platform",
    "Queues",
    "SeesPreviews",
    "SeesReactions",
    "SeesTyping",
    "Sent",
]


class ConnectorContract(WebhookContract, SendContract, AbilityContract):
    """Subclass it, give what `ConnectorSubject` lists, and every capability that the connector declares is proven.

    ```python
    class TestMine(ConnectorContract):
        secrets = {"token": "0123456789", "secret": "abcdefghij"}
        webhook_secret = "secret"
        payloads = [Payload(TEXT, ("text",)), Payload(BATCH, ("text", "media")), Payload(NEW_KIND, ())]

        @pytest.fixture
        async def platform(self):
            async with MyPlatform() as platform:    # your stand-in: `assistant.testing.platform` says what it shows
                yield platform

        def connector(self, platform, **changes):
            return Mine(**{"base_url": platform.url, **self.secrets, **changes})

        def sign(self, body, secret):
            return Webhook(method="POST", headers={"X-Signature": hmac_of(body, secret)}, body=body)
    ```
    """
