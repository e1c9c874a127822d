"""Connectors that do one thing differently from the one in memory, named by tests as `platform_fakes:Class`."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.connector import Accept
from assistant.errors import ConfigurationError, InvalidWebhook, Rejected, TransientError
from assistant.testing.memory_connector import MemoryConnector
from assistant.types import Incoming, Webhook

SECRET = "hunter2-secret"


class Handshaking(MemoryConnector):
    """Proves its URL as Meta's platforms do."""

    def handshake(self, webhook: Webhook) -> str:
        if webhook.query.get("hub.verify_token") != SECRET:
            raise InvalidWebhook("the verify token is wrong")
        return webhook.query["hub.challenge"]


class Shared(Handshaking):
    """One of several that are sent the same webhooks; takes the chats that begin with its name."""

    callback = "common"

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        return [event for event in super().parse(webhook) if event.address.chat.startswith(self.name)]


class OtherToken(Shared):
    """One of them that has another token."""

    def handshake(self, webhook: Webhook) -> str:
        if webhook.query.get("hub.verify_token") != "another-secret":
            raise InvalidWebhook("the verify token is wrong")
        return f"second: {webhook.query['hub.challenge']}"


class AnyToken(Shared):
    """One of them that takes every token."""

    def handshake(self, webhook: Webhook) -> str:
        return f"any: {webhook.query['hub.challenge']}"


class SharedUnread(Shared):
    """One of them that understands nothing of what it is sent."""

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        raise InvalidWebhook("the body is of another platform")


class BadParse(MemoryConnector):
    """Cannot read what it is sent, and says so with all of it."""

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        raise KeyError(webhook.body.decode())


class SharedBadParse(BadParse):
    """One of them that has a bug."""

    callback = "common"


class BadVerify(BadParse):
    """Cannot prove anything either."""

    def verify(self, webhook: Webhook) -> None:
        raise TypeError(webhook.body.decode())


class Opened(MemoryConnector):
    """Remembers how it was opened; the first attempt fails."""

    urls: list[str | None]
    closed = False

    async def open(self, *, webhook_url: str | None) -> None:
        self.urls = [*getattr(self, "urls", []), webhook_url]
        if len(self.urls) == 1:
            raise TransientError("the platform answers 502")

    async def aclose(self) -> None:
        self.closed = True


class Refused(MemoryConnector):
    """Has a token that was revoked."""

    async def open(self, *, webhook_url: str | None) -> None:
        raise Rejected("the token is not valid: get another one from @BotFather")

    async def aclose(self) -> None:
        raise RuntimeError("was never open")


class Named(Refused):
    """Begins its errors with its name, as connectors do."""

    async def open(self, *, webhook_url: str | None) -> None:
        raise Rejected(f"{self.name}: the token is not valid")


class Conflicting(MemoryConnector):
    """Finds out while it polls that somebody else does."""

    async def poll(self, accept: Accept) -> None:
        raise ConfigurationError("another process polls this bot: stop one of them")


class Stumbling(MemoryConnector):
    """Polls as the one in memory does, from the third attempt on: first a bug, then an outage."""

    attempts = 0

    async def poll(self, accept: Accept) -> None:
        self.attempts += 1
        if self.attempts == 1:
            raise ValueError(" ".join(["my", "private", "question"]))
        if self.attempts == 2:
            raise TransientError("the platform answers 502")
        await super().poll(accept)
