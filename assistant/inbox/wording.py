"""What a person would read of a message: labels instead of button data, files and events named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assistant.types import Attachment, Incoming

LABELS = ("title", "label", "text")
"""Keys under which platforms say what is written on a button."""

PREFIXED = ("system", "status", "echo", "delete")
"""Kinds whose text nobody wrote to the bot, shown with their name."""

DEEPEST = 12
"""Levels of a platform's event that are looked through."""


def reading(message: Incoming) -> str:
    """The message in one text; never the data of a button where its label is known."""
    if message.kind == "button":
        return _label(message) or f"[button] {message.text}"
    if message.kind in PREFIXED:
        return f"[{message.kind}] {message.text}".rstrip()
    return message.text or " ".join(map(_named, message.attachments)) or _nothing(message)


def _nothing(message: Incoming) -> str:
    return "" if message.kind == "text" else f"[{message.kind}]"


def _named(attachment: Attachment) -> str:
    return f"[{attachment.kind}] {attachment.name or ''}".rstrip()


def _label(message: Incoming) -> str | None:
    """What is written on the button: beside its data in the platform's event, or one level above it."""
    for event, above in _nested(message.raw, {}, 0):
        if message.text in (value for value in event.values() if isinstance(value, str)):
            for place in (event, above):
                written = (place.get(key) for key in LABELS)
                found = next((each for each in written if isinstance(each, str) and each != message.text), None)
                if found:
                    return found
    return None


def _nested(value: Any, above: Mapping[str, Any], depth: int) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Every object in a JSON value, with the one around it."""
    if depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        yield value, above
        for each in value.values():
            yield from _nested(each, value, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for each in value:
            yield from _nested(each, above, depth + 1)
