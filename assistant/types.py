"""The vocabulary of messaging: what a platform sends in, and what goes out to it. Values only, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal[
    "text", "button", "media", "reaction", "edit", "delete", "comment", "command", "status", "echo", "system"
]
"""What happened on the platform; `status` is a delivery report, `echo` our own message coming back."""

ReceiptState = Literal["sent", "delivered", "read", "failed", "unknown"]
"""`unknown`: the connection ended after the request left, so only the platform knows."""


class Headers(Mapping[str, str]):
    """HTTP headers; names compare without regard to case (RFC 9110, section 5.1)."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __repr__(self) -> str:  # values may hold signatures and tokens
        return f"Headers({sorted(self._values)})"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One HTTP request of a platform, exactly as it arrived; `body` is the raw bytes that signatures cover."""

    method: str
    query: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    headers: Mapping[str, str] = field(default_factory=lambda: Headers({}))
    body: bytes = b""

    def __post_init__(self) -> None:
        if not isinstance(self.headers, Headers):
            object.__setattr__(self, "headers", Headers(self.headers))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a conversation lives; `str()` is the conversation key, stable across restarts."""

    connector: str
    account: str
    chat: str
    thread: str | None = None

    def __str__(self) -> str:
        parts = [self.connector, self.account, self.chat, *([self.thread] if self.thread else [])]
        return ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message or goes out with one; one of `url`, `file_id` and `data` is set."""

    kind: Literal["image", "audio", "video", "document", "location", "contact", "sticker"]
    url: str | None = None
    file_id: str | None = None
    data: bytes | None = field(default=None, repr=False)
    name: str | None = None
    mime_type: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A choice offered under a message; `data` comes back in the tap, `url` opens a page instead."""

    label: str
    data: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event of a platform; `id` is the platform's logical message id, the same on every redelivery.

    `reply_to` is the id of the message it answers; of a button, a reaction, an edit, a deletion or a status, the message
    concerned. `aliases` are other ids that `address.chat` was, is or will be known by: the conversation stays one. A status
    has what happened as its text (a `ReceiptState`), and in `raw` the `key` of the `Outgoing` and the `error`, where known.
    """

    id: str
    address: Address
    sender: str
    kind: Kind
    text: str
    sent_at: datetime
    order: str = ""
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.sent_at.tzinfo is None:
            raise ValueError(f"Incoming {self.id!r}: sent_at {self.sent_at!r} has no time zone")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to a platform; `text` is Markdown, `key` makes a repeated send recognisable."""

    address: Address
    text: str
    reply_to: str | None = None
    buttons: tuple[Button, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the platform said of an `Outgoing`: the ids of the messages it became, and their state."""

    ids: tuple[str, ...]
    state: ReceiptState = "sent"
