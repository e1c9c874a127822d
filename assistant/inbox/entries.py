"""What the operator sees of a turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from assistant.errors import PermanentError
from assistant.types import Incoming

State = Literal["queued", "running", "answered", "parked", "dead"]
"""`parked`: a send whose outcome nobody knows waits for a person; `dead`: gave up, a dead letter, also where the platform
took a part and reported later that it failed. These are listed."""

Fate = Literal[State, "dropped"]
"""A turn that a person dropped is shown by its id, as long as its message is remembered, and never listed."""


class UnknownTurn(PermanentError, KeyError):
    """No turn has this id, or it is not in a state that allows what was asked; the message says which."""

    def __str__(self) -> str:  # KeyError would show the quotes of repr
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the inbox.

    `text` is what a person would read: a button's label, the name of a file. `attempts` tells how often the turn was tried:
    0 while it waits, 1 where all went well at once, and one more for each answer and each send that failed before.
    """

    id: str
    connector: str
    conversation: str
    text: str
    state: Fate
    attempts: int
    received_at: datetime
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the command line and HTTP show it; times in ISO 8601."""
        return {**asdict(self), "received_at": self.received_at.isoformat()}


@dataclass(frozen=True, slots=True)
class Part:
    """One message of an answer: its text, and what the platform said of it.

    `state` is "waiting" while it was not sent, "held" where somebody else answered instead, "unknown" where nobody knows,
    else as in `Receipt`: the furthest that the platform reported, of several messages the least. `resent` tells that a send
    before had an unknown outcome, so that the part may have arrived twice.
    """

    key: str
    text: str
    state: str
    ids: tuple[str, ...] = ()
    attempts: int = 0
    resent: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a turn, in words: "answered", "sent part 1", "failed: …"; when, and how long it took."""

    what: str
    at: datetime
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything about one turn; `answered_by` is the turn that answered a message of a burst."""

    entry: Entry
    messages: tuple[Incoming, ...]
    parts: tuple[Part, ...]
    details: Mapping[str, Any]
    timeline: tuple[Moment, ...]
    answered_by: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values: the entry's keys, and `messages`, `parts`, `details`, `timeline`, `answered_by`."""
        from assistant.inbox.records import incoming_to_json

        return {
            **self.entry.to_dict(),
            "messages": [incoming_to_json(message) for message in self.messages],
            "parts": [{**asdict(part), "ids": list(part.ids)} for part in self.parts],
            "details": dict(self.details),
            "timeline": [{**asdict(moment), "at": moment.at.isoformat()} for moment in self.timeline],
            "answered_by": self.answered_by,
        }
