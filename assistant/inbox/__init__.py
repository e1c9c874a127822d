"""The durable inbox: what a platform sends is recorded before it is acknowledged and answered once, in order."""

from assistant.inbox.desk import Desk
from assistant.inbox.entries import Entry, Moment, Part, Shown, State, UnknownTurn
from assistant.inbox.inbox import Inbox
from assistant.inbox.turns import Reply, Respond, Turn, turn_id

__all__ = [
    "Desk",
    "Entry",
    "Inbox",
    "Moment",
    "Part",
    "Reply",
    "Respond",
    "Shown",
    "State",
    "Turn",
    "UnknownTurn",
    "turn_id",
]
