"""A turn: what the responder is given and what it returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from assistant.connector import Holder
from assistant.inbox.names import sound
from assistant.types import Address, Incoming, Kind, Outgoing


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be answered: one message, or several of one person that came quickly one after another.

    Attributes:
        id: names the turn everywhere: in the desk, in logs, in the keys of what is sent.
        messages: oldest first, at least one; all of one conversation and of one sender.
    """

    id: str
    messages: tuple[Incoming, ...]

    @property
    def text(self) -> str:
        """What was written, a line a message."""
        return "\n".join(message.text for message in self.messages)

    @property
    def address(self) -> Address:
        """The conversation."""
        return self.messages[-1].address

    @property
    def kind(self) -> Kind:
        """What happened, by the last message."""
        return self.messages[-1].kind

    @property
    def sender(self) -> str:
        """Who wrote."""
        return self.messages[-1].sender

    def key(self, part: int = 0) -> str:
        """`Outgoing.key` of a part of the answer; a preview of the answer has that of the first."""
        return f"{self.id}:{part}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes out for a turn.

    Attributes:
        messages: in the order they are sent; empty: there is nothing to say, and the turn is answered.
        details: JSON values kept with the turn and shown by the desk: citations, usage. Never logged.
        hands_to: who answers in the conversation once these messages are sent, where that is not the bot any more.
    """

    messages: tuple[Outgoing, ...] = ()
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    hands_to: Holder | None = None


Respond = Callable[[Turn], Awaitable[Reply]]
"""Answers a turn. TransientError: asked again later; PermanentError: a dead letter; others: asked again a few times.

It may be asked twice for one turn, where the process died before the answer was recorded. Cancelled by `stop_turn`.
"""


def turn_id(message: Incoming) -> str:
    """`connector:account:message id`, escaped as `Address` does; the same on every redelivery."""
    return sound(str(Address(message.address.connector, message.address.account, message.id)))
