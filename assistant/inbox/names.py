"""The names the inbox has in the database; a change of one strands what waits there."""

from __future__ import annotations

import hashlib

from assistant.types import Address, Incoming

APPLICATION = "assistant"
"""Owner of the rows: other DBOS applications may share a PostgreSQL database."""

VERSION = "inbox-1"
"""DBOS hands a row only to workers of its version and by default derives that from the source: after any edit nothing
that waits would be answered. It is pinned, and what a version wrote is read by all later ones (see ADR 11)."""

QUEUE = "inbox"
WORKFLOW = "turn"
LONGEST = 1000
"""Bytes of a name; a longer one ends with its SHA-256. An index of PostgreSQL holds 2,700 for all of a row."""

STOP_LANE = "#stop"
"""Ends the lane of `/stop`, so that it does not wait for the answer it is to stop; a chat cannot be called so."""

ECHO_LANE = "#echo"
"""Ends the lane of echoes: whether one is of a person's message may be known only after what is sent now was sent."""

ASKED = "asked"
"""Key in the record of a step that ended a turn: a person asked for more. Without it a turn that is run again, because its
process died between that record and its outcome, ends there again."""


def lane_of(message: Incoming) -> str:
    """The lane a message waits in: its conversation's."""
    lane = lane_of_address(message.address)
    if message.kind == "echo":
        return lane + ECHO_LANE
    word = (message.text.split() or [""])[0]
    stops = message.kind == "command" and word.split("@")[0] == "/stop"
    return lane + STOP_LANE if stops else lane


def lane_of_address(address: Address) -> str:
    """The lane of a conversation."""
    return sound(str(address))


def sound(text: str) -> str:
    """The text with what no database can hold replaced: halves of characters, NUL, which PostgreSQL refuses, and what is
    too long for its indexes."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "%00")
    if len(whole.encode()) <= LONGEST:
        return whole
    return f"{whole[: LONGEST // 8]}#{hashlib.sha256(whole.encode()).hexdigest()}"
