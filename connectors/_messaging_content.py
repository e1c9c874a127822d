"""What a message of Messenger or Instagram says: kind, text and attachments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.types import Attachment, Kind
from connectors._messaging_files import attachments, linked
from connectors._meta_commands import command

GET_STARTED = frozenset({"GET_STARTED", "GET_STARTED_PAYLOAD", "<GET_STARTED_PAYLOAD>", "FACEBOOK_WELCOME"})
"""What the button that begins a conversation is set up to give back, as Meta's pages and tools have it."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was said. A medium without a file is something that can be answered, not read."""

    kind: Kind
    text: str = ""
    attachments: tuple[Attachment, ...] = ()


def content(message: Mapping[str, Any]) -> Content:
    """What a message says, or a tap that is told as `postback`.

    Raises:
        TypeError, ValueError, KeyError, AttributeError: it is not what it promises.
    """
    if "postback" in message:
        return _tap(message["postback"])
    text = message.get("text")
    text = text if isinstance(text, str) else ""
    reply = message.get("quick_reply")
    if isinstance(reply, Mapping):
        return Content("button", _payload(reply) or text)
    files = attachments(message)
    if files:
        return Content("media", text, files)
    said = text or linked(message)
    return _said(said) if said else Content("media")


def _tap(tap: Mapping[str, Any]) -> Content:
    payload = _payload(tap)
    if payload in GET_STARTED:
        return Content("command", "/start")
    title = tap.get("title")
    said = payload or (title if isinstance(title, str) else "")
    if not said:
        raise ValueError("a tap says nothing")
    typed = command(said)
    return Content("command", typed) if typed else Content("button", said)


def _said(text: str) -> Content:
    typed = command(text)
    return Content("command", typed) if typed else Content("text", text)


def _payload(told: Mapping[str, Any]) -> str:
    payload = told.get("payload")
    return payload if isinstance(payload, str) else ""
