"""Who answers in a conversation of Messenger or Instagram, and how long it may be written to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.connector import Holder
from assistant.types import Incoming
from connectors._messaging_limits import AD_WINDOW, INBOXES, WINDOW

HANDOVERS = ("pass_thread_control", "take_thread_control", "request_thread_control")
"""What is told of control over a conversation. …/webhooks/webhook-events/messaging_handovers, 2021-09-14."""

OPENING = ("text", "media", "button", "command", "reaction")
"""Kinds of events that are a deed of the person, after which he or she may be written to."""


def holder(event: Incoming, app_id: str | None) -> Holder | None:
    """Who holds the conversation from an event on: who wrote in the account's name, whom a hand-over names, and another
    application where the event came by `standby`."""
    if event.kind == "status":
        return None
    if event.kind == "echo":
        return _application(_object(event.raw, "message").get("app_id"), app_id, otherwise="person")
    if event.kind == "system" and event.text in HANDOVERS:
        return _handed(event.text, _object(event.raw, event.text), app_id)
    return "platform" if event.raw.get("standby") else None


def window(event: Incoming) -> float:
    """Seconds in which the person may be written to because of an event; longer after an ad."""
    came = event.kind == "system" and event.text in ("referral", "optin")
    if not came and (event.kind not in OPENING or (event.kind == "reaction" and not event.text)):
        return 0.0
    places = (event.raw, _object(event.raw, "message"), _object(event.raw, "postback"))
    return AD_WINDOW if any(_object(place, "referral").get("source") == "ADS" for place in places) else WINDOW


def _handed(name: str, told: Mapping[str, Any], app_id: str | None) -> Holder | None:
    """Control that is passed is passed to us, and control that is taken is taken from us, unless an owner is named."""
    if name == "request_thread_control":
        return None
    passed = name == "pass_thread_control"
    owner = told.get("new_owner_app_id")
    if passed and app_id is None and str(owner) not in INBOXES:
        return "bot"
    return _application(owner, app_id, otherwise="bot" if passed else "person")


def _application(told: object, app_id: str | None, *, otherwise: Holder) -> Holder:
    """Who an application is; `otherwise` where none is named."""
    if told in (None, "", "null"):
        return otherwise
    if str(told) in INBOXES:
        return "person"
    return "bot" if str(told) == app_id else "platform"


def _object(place: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = place.get(key)
    return found if isinstance(found, Mapping) else {}
