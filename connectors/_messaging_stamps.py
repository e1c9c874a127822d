"""How our own messages are known when Meta tells of them: each is stamped with the key of what it was sent for."""

from __future__ import annotations

import re

from connectors._messaging_limits import METADATA

STAMP = "assistant:"
"""What the stamp of a message of this product begins with."""

EVENT = re.compile(r":(?:edit:\d+|delete|sent|delivered|read)$")
"""What follows the id of a message in that of an event about it."""

NO_MESSAGE = ("postback:", "reaction:", "referral:", "optin:", "pass_thread_control:", "take_thread_control:",
              "request_thread_control:")  # fmt: skip
"""What the ids of events begin with that are no messages."""


def stamp(key: str | None, *, ahead: int = 0) -> str | None:
    """The stamp of a message; `ahead`: how many of the same `Outgoing` come after it. The last alone has the bare key, so
    that its arrival is that of the whole. None: there is no key, or it is too long."""
    text = f"{STAMP}{key}#{ahead}" if ahead else f"{STAMP}{key}"
    return text if key and len(text) < METADATA else None


def stamped(metadata: object) -> str | None:
    """The key that a message was stamped with; None: it is not ours."""
    return metadata.removeprefix(STAMP) if isinstance(metadata, str) and metadata.startswith(STAMP) else None


def message_id(event_id: str | None) -> str | None:
    """Meta's id of the message that an event is, or is about; None: it is about none."""
    if not event_id or event_id.startswith(NO_MESSAGE):
        return None
    return EVENT.sub("", event_id)
