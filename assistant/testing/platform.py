"""What a stand-in of a messaging platform shows to the contract suite: what people see, and how to make it fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from assistant.types import Address, Attachment

Failure = Literal["rate_limit", "server_error", "blocked", "cut", "lost"]
"""How a send goes wrong: `rate_limit` refused for now (429), `server_error` a 5xx, nothing delivered; `blocked` refused for
good: the person blocked the bot; `cut` delivered, then the connection ends without a response; `lost` the request was read, the
connection ends without a response, nothing delivered."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of the bot as a person sees it now.

    Attributes:
        text: what is read: no markup, no entities.
        length: of `text` as the platform counts it against its limit, in `Capabilities.text_unit`.
        id: the id that `Receipt.ids` has for it.
        buttons: labels, in order.
    """

    text: str
    length: int
    id: str
    buttons: tuple[str, ...] = ()


class Platform(Protocol):
    """A stand-in of a platform, on loopback or in memory; every connector's has these four members."""

    def messages(self, address: Address) -> Sequence[Sent]:
        """What the person at `address` sees of the bot now, oldest first: an edited message once, a deleted one not."""

    def fail(self, failure: Failure, *, times: int = 1, retry_after: float = 3) -> None:
        """Let the next `times` sends go wrong; whatever shows a message is a send, a preview and an edit too."""

    def heal(self) -> None:
        """Forget the failures that are still due, and the time that had to be waited."""

    async def stop(self) -> None:
        """Go away: connections are refused from now on. Twice is as once."""


@runtime_checkable
class SeesTyping(Protocol):
    """Needed where `Capabilities.typing_seconds` is set."""

    def typings(self, address: Address) -> int:
        """How many typing indications were shown there."""


@runtime_checkable
class SeesPreviews(Protocol):
    """Needed where `Capabilities.streaming` is set."""

    def shown(self, address: Address) -> Sequence[str]:
        """Every text that ever was on the screen there, in order: messages, drafts, and each text of an edited message."""


@runtime_checkable
class KeepsFiles(Protocol):
    """Needed where `Capabilities.media` is set."""

    def add_file(self, data: bytes, *, name: str) -> Attachment:
        """Keep a document that a person sent; the attachment as `parse` gives it for that file."""


@runtime_checkable
class SeesReactions(Protocol):
    """Needed where `Capabilities.reactions` is set."""

    def reactions(self, address: Address, message_id: str) -> Sequence[str]:
        """The bot's emoji at a message; `message_id` is its `Incoming.id`."""


@runtime_checkable
class Queues(Protocol):
    """Needed where `Capabilities.polling` is set."""

    def queue(self, body: bytes) -> None:
        """Let an event wait to be fetched; `body` as a webhook would have it."""

    def pending(self) -> int:
        """How many events are not confirmed yet."""
