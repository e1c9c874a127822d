"""The language to talk to a user in: the one that the platform tells, else that of what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from assistant.bot.phrases import DEFAULT, nearest
from assistant.inbox import Turn
from assistant.refusal import identify, language

SPOKEN = ("text", "media", "comment", "edit")
"""Kinds of events whose text a person wrote in a language; of others it is a command, an emoji or a button's data."""


def told(turn: Turn) -> str | None:
    """The language that the platform tells of the sender, as a code of the bot's phrases."""
    tags = (tag for message in reversed(turn.messages) for tag in _tags(message.raw))
    return next((code for tag in tags if (code := nearest(tag))), None)


def guessed(turn: Turn, earlier: Callable[[], Sequence[str]]) -> str:
    """The language of what was written, else of the `earlier` questions (oldest first), else English.

    Reads a language model on first use, and what `earlier` reads: not for an event loop.
    """
    text = turn.text if turn.kind in SPOKEN else ""
    found = identify(text) or language(text, earlier=earlier())
    return nearest(found) or DEFAULT


def _tags(raw: Mapping[str, Any]) -> Iterator[str]:
    """`language` where a connector says it; `from.language_code` of Telegram's User (Bot API 10.1), one level down."""
    yield from filter(None, [_text(raw, "language")])
    for event in raw.values():
        sender = event.get("from") if isinstance(event, Mapping) else None
        if isinstance(sender, Mapping) and (tag := _text(sender, "language_code")):
            yield tag


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""
