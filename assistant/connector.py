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
        reports: what became of a message is told by events of kind "status". Of several that one `Outgoing` became the last
            has its key, so that it tells of all of them; those before have the key with "#" and a number behind it.
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
    reports: bool = False
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

    async def typing(self, address: Address, *, about: str | None = None) -> None:
        """Show it for `capabilities.typing_seconds`; whoever calls does so again in time. Raises as `send`.

        `about` is the `Incoming.id` of the message that is being answered.
        """


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
    """A platform whose clients show what became of a message or a tap: that it was read, that it was taken.

    An attribute `thanks` that is true tells that an opinion is thanked for there, and needs no message.
    """

    async def acknowledge(self, events: Sequence[Incoming]) -> None:
        """Tell so of events that were recorded; called beside their answers. Raises nothing.

        One that is `Handing` too is not told of a conversation that somebody else answers in.
        """


@runtime_checkable
class Sharing(Protocol):
    """A platform that sends the events of several connectors to one URL."""

    @property
    def callback(self) -> str:
        """Connectors with the same are given each other's webhooks; each verifies and parses them for itself."""


@runtime_checkable
class Windowed(Protocol):
    """A platform that lets a message be sent only for a time after the person did something."""

    def window(self, event: Incoming) -> float:
        """Seconds from `event.sent_at` on in which its conversation may be written to because of it; 0: it opens nothing."""

    async def send_beyond(self, outgoing: Outgoing) -> Receipt:
        """Send what may be sent outside the window in place of a message: a template. Raises as `send`; Rejected where there
        is nothing of the kind."""


Holder = Literal["bot", "person", "platform"]
"""Who answers in a conversation: "platform" is another application there, such as the platform's own agent."""


@runtime_checkable
class Handing(Protocol):
    """A platform where people or other applications answer in the bot's conversations."""

    def holder(self, event: Incoming) -> Holder | None:
        """Who holds the conversation from this event on; None: it says nothing of that. Pure.

        An event of kind "echo" whose id a send of ours had is not asked about.
        """


@runtime_checkable
class Disclosing(Protocol):
    """A platform where people are to be told that they write to a machine."""

    @property
    def disclosure(self) -> str | None:
        """What is said before the first answer of a conversation; "": the bot's own sentence; None: nothing."""


@runtime_checkable
class Commenting(Protocol):
    """A platform with public comments: events of kind "comment", whose `address.thread` is what was commented on.

    An answer to that address is public, and each part of it names the comment in `reply_to`; one to the same without the
    thread goes to the person alone.

    One that moderates has `async def moderate(self, event: Incoming) -> Literal["answer", "ignore", "hide"]` too. It is asked
    before `replies`; what it raises comes through, and the comment is not answered.
    """

    def replies(self, event: Incoming) -> Sequence[Literal["public", "private"]]:
        """How a comment is to be answered; nothing: not at all. Pure but for the clock, and what it logs."""

    async def hide(self, event: Incoming) -> None:
        """Take a comment out of sight. Raises as `send`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: a sentence, and what to do where it is not well."""

    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


@runtime_checkable
class Checking(Protocol):
    """A connector that can be examined: its token, its permissions, the platform's version."""

    async def check(self) -> Sequence[Finding]:
        """Look, and change nothing; raises nothing, says no secret."""


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
