"""What a messaging platform has to offer: four members, and small optional protocols that are used where they are present.

A connector has `verify`, `parse`, `send` and `capabilities`. `verify` and `parse` are pure: bytes and headers in, values out.
`assistant.testing.ConnectorContract` proves every declared capability; CONTRIBUTING.md shows a complete connector.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

from assistant.types import Address, Attachment, Incoming, Outgoing, Receipt, Webhook

Accept = Callable[[Sequence[Incoming]], Awaitable[None]]
"""Records events durably; returns only then. Raises TransientError where they could not be recorded."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` messages in `seconds` to one destination; `account` is everything the bot sends."""

    count: int
    seconds: float
    scope: Literal["account", "chat", "group"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can do. Everything that is not the default is proven by the contract suite.

    Attributes:
        text_limit: length of one message in `text_unit`; None: no limit. With a limit the connector is a `Splitting`.
        typing_seconds: how long one typing indication is shown; None: there is none. Else it is a `Typing`.
        streaming: an answer can be shown while it is written: it is a `Streaming`.
        media: files that people send can be fetched: it is a `Fetching`.
        buttons: most buttons under one message; 0: none.
        polling: events can be fetched without a webhook: it is a `Polling`.
        reactions: the bot can react to a message: it is a `Reacting`.
        threads: a chat has threads, each a conversation of its own (`Address.thread`).
        rates: what the platform allows; messages are spaced by it ahead of time. `group` needs a `Grouping`.
        repeats: what a second send with the same `Outgoing.key` does: "dropped" by the platform, or "doubled".
    """

    text_limit: int | None = None
    text_unit: Literal["characters", "utf16", "bytes"] = "characters"
    typing_seconds: float | None = None
    streaming: bool = False
    media: bool = False
    buttons: int = 0
    polling: bool = False
    reactions: bool = False
    threads: bool = False
    rates: tuple[Rate, ...] = ()
    repeats: Literal["dropped", "doubled"] = "doubled"


class Connector(Protocol):
    """One account on one platform. Constructed with the keys of its configuration section as keyword arguments.

    An attribute `unknown_sends` ("resend" or "park") stands in for `inbox.unknown_sends` where it is not None.

    A constructor that takes `name` gets the name of its section, which is `Address.connector` of what it parses.
    """

    @property
    def name(self) -> str:
        """Name of its configuration section and of its webhook path."""

    @property
    def capabilities(self) -> Capabilities:
        """What this platform can do."""

    def verify(self, webhook: Webhook) -> None:
        """Prove where a request comes from; reads nothing of the body but its bytes.

        Raises:
            InvalidWebhook: it does not come from the platform.
        """

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        """Every event of a verified request, in order; kinds that are not known are left out.

        `Incoming.id` is unique within the account and the same on every redelivery of that event.

        Raises:
            InvalidWebhook: the body is not of this platform.
        """

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Send a message, whole: a text beyond the limit as several. `state` is "unknown" where the connection ended
        after a request left.

        Raises:
            RateLimited: nothing was sent; try again after `retry_after` seconds.
            TransientError: nothing was sent; try again.
            Rejected: nothing was sent and never will be: blocked, gone, a closed window.
        """


@runtime_checkable
class Handshaking(Protocol):
    """A platform that proves a webhook's URL by a GET request."""

    def handshake(self, webhook: Webhook) -> str:
        """The text to answer a GET with. Raises InvalidWebhook: it does not come from the platform."""


@runtime_checkable
class Splitting(Protocol):
    """A platform whose messages have a limit."""

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        """The same text as messages that each `send` sends as one; pure. Nothing is lost, no markup is cut.

        Reply and attachments go with the first, buttons with the last; each has a `key` of its own. `parts` makes them.
        """


def parts(outgoing: Outgoing, texts: Sequence[str]) -> list[Outgoing]:
    """A message as several with these texts. The first keeps the key; the others have theirs made of it."""
    last = len(texts) - 1
    return [
        replace(
            outgoing,
            text=text,
            key=f"{outgoing.key}/{index}" if outgoing.key and index else outgoing.key,
            reply_to=None if index else outgoing.reply_to,
            attachments=() if index else outgoing.attachments,
            buttons=outgoing.buttons if index == last else (),
        )
        for index, text in enumerate(texts)
    ]


@runtime_checkable
class Typing(Protocol):
    """A platform that shows that somebody is writing."""

    async def typing(self, address: Address) -> None:
        """Show it for `capabilities.typing_seconds`; whoever calls does so again in time. Raises as `send`."""


class Preview(Protocol):
    """An answer on its way."""

    async def update(self, text: str) -> None:
        """Show the text so far (Markdown, the whole of it); returns at once, paced by the platform's limits. Raises nothing:
        a preview that fails is not shown."""


@runtime_checkable
class Streaming(Protocol):
    """A platform that can show an answer while it is written."""

    def preview(self, outgoing: Outgoing) -> AbstractAsyncContextManager[Preview]:
        """Show how the answer grows; `outgoing` has the address, `reply_to` and `key` that the answer will have.

        At the end of the context no update is on the wire. The answer is still sent with `send`, which takes over
        what the preview left, found by `key`: a preview is never the answer.
        """


@runtime_checkable
class Fetching(Protocol):
    """A platform that people send files on."""

    async def fetch(self, attachment: Attachment, *, max_bytes: int) -> bytes:
        """The content of a file. Raises Rejected: larger than `max_bytes`, or gone; TransientError: try again."""


@runtime_checkable
class Polling(Protocol):
    """A platform whose events can be fetched."""

    @property
    def polls(self) -> bool:
        """Whether to poll, known after `open`."""

    async def poll(self, accept: Accept) -> None:
        """Fetch events until cancelled; those that `accept` did not record are fetched again.

        Raises:
            ConfigurationError, Rejected: it cannot go on, and what to do.
        """


@runtime_checkable
class Reacting(Protocol):
    """A platform whose messages can be reacted to."""

    async def react(self, address: Address, message_id: str, emoji: str | None) -> None:
        """React to a message (the `Incoming.id` of it); None takes it back. Raises as `send`."""


@runtime_checkable
class Grouping(Protocol):
    """A platform with chats of several people."""

    def is_group(self, address: Address) -> bool:
        """Whether several people write there."""


@runtime_checkable
class Asking(Protocol):
    """A platform that can tell whether a message was sent."""

    async def was_sent(self, outgoing: Outgoing) -> bool | None:
        """Whether the message with `outgoing.key` arrived; None: it cannot tell. Raises TransientError: ask again."""


@runtime_checkable
class Acknowledging(Protocol):
    """A platform whose clients show that something is on its way until they are told that it was taken."""

    async def acknowledge(self, events: Sequence[Incoming]) -> None:
        """Tell so of events that were recorded; called beside their answers. Raises nothing."""


@runtime_checkable
class Opening(Protocol):
    """A connector that prepares something before the first event: who it is, commands, the webhook's URL."""

    async def open(self, *, webhook_url: str | None) -> None:
        """Get ready; `webhook_url` is where the platform reaches this process, None where it does not.

        Raises:
            ConfigurationError, Rejected: a wrong token, a conflict, and what to do.
            TransientError: try again.
        """

    async def aclose(self) -> None:
        """Close connections; nothing is unregistered."""
