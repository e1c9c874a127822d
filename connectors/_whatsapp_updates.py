"""From webhooks of WhatsApp to events: every entry, every change, every event; pure, and indifferent to what it does not know."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from assistant.connector import Holder
from assistant.types import Address, Incoming, ReceiptState
from connectors._meta_errors import reported
from connectors._meta_webhooks import MALFORMED, moment, rows
from connectors._whatsapp_content import Content, content
from connectors._whatsapp_limits import WINDOW_SECONDS
from connectors._whatsapp_people import Person, contact, known

LOG = logging.getLogger(__name__)

Json = Mapping[str, Any]

OBJECT = "whatsapp_business_account"
"""`object` of the webhooks of WhatsApp."""

STATES: Mapping[str, ReceiptState] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}
"""What WhatsApp says became of a message; `played` is of a recording. …/whatsapp/webhooks/reference/messages/status, 2026-05."""

OPENING = ("text", "media", "button", "command")
"""Kinds of events that are a message of the person, and open the window."""

AGENT = ("meta_business_agent", "ai_agent")
"""How a hand-over names Meta's own agent, as an app and as a role."""


@dataclass(frozen=True, slots=True)
class Number:
    """The telephone number that is served: the section's name, and the id of the number at Meta."""

    connector: str
    id: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What the events of one change share: the number, the contacts, and whether another application answers there."""

    number: Number
    contacts: tuple[Json, ...] = ()
    standby: bool = False

    def event(self, item: Json, person: Person, **fields: Any) -> Incoming:
        """An event of `item`, which has the time and, unless it is given, the id."""
        at = moment(item["timestamp"])
        raw = {**item, "standby": True} if self.standby else item
        return Incoming(**{
            "id": _id(item["id"]) if "id" not in fields else "",
            "address": Address(self.number.connector, self.number.id, person.chat),
            "sender": person.chat,
            "sent_at": at,
            "order": f"{int(at.timestamp()):012d}",
            "raw": raw,
            "aliases": person.aliases,
            **fields,
        })  # fmt: skip


Reader = Callable[[Json, Scope], Incoming | None]


def read(entries: Iterable[Json], number: Number) -> list[Incoming]:
    """The events of all entries that are of `number`, in order."""
    found: list[Incoming] = []
    for entry in entries:
        for change in rows(entry, "changes"):
            for item, reader, scope in _items(change, number):
                if event := _guarded(item, reader, scope):
                    found.append(replace(event, order=f"{event.order}:{len(found):05d}"))
    return found


def holder(event: Incoming) -> Holder | None:
    """Who holds the conversation from an event on: a person where one wrote by the app on a telephone, Meta's agent where
    the event came by `standby`, and whom a hand-over names."""
    told = event.raw.get(event.text) if event.kind == "system" else None
    if isinstance(told, Mapping):
        return _new_holder(told)
    if event.kind == "status":
        return None
    if event.raw.get("standby"):
        return "platform"
    return "person" if event.kind == "echo" else None


def window(event: Incoming) -> float:
    """Seconds in which the person may be written to because of an event."""
    return WINDOW_SECONDS if event.kind in OPENING else 0.0


def _guarded(item: Json, reader: Reader, scope: Scope) -> Incoming | None:
    """The event; one that is not understood is left out and does not break the batch."""
    try:
        return reader(item, scope)
    except MALFORMED as error:
        LOG.warning("%s: an event of type %.40r is not understood and left out: %r",
                    scope.number.connector, item.get("type", item.get("status")), error)  # fmt: skip
        return None


def _items(change: Json, number: Number) -> Iterator[tuple[Json, Reader, Scope]]:
    """Each event of a change with what reads it."""
    value, field = change.get("value"), change.get("field")
    lists = FIELDS.get(field) if isinstance(field, str) else None
    if not isinstance(value, dict) or lists is None:
        LOG.debug("%s: a change of field %.40r is left out", number.connector, field)
        return
    if _number(value) != number.id:
        LOG.debug("%s: a change of another number is left out", number.connector)
        return
    inside = value.get("standby") if field == "standby" else None
    inner: Json = inside if isinstance(inside, dict) else value
    _complain(inner, number)
    scope = Scope(number, tuple(rows(inner, "contacts")), standby=field == "standby")
    for key, reader in lists:
        for item in [value] if not key else rows(inner, key):
            yield item, reader, scope


def _number(value: Json) -> str:
    """The id of the number a change is of; of a hand-over it is the recipient."""
    for key in ("metadata", "recipient"):
        place = value.get(key)
        if isinstance(place, dict) and "phone_number_id" in place:
            return str(place["phone_number_id"])
    return ""


def _complain(value: Json, number: Number) -> None:
    """Errors that are of no message: something is wrong with the account."""
    for error in rows(value, "errors"):
        LOG.warning("%s: WhatsApp reports an error: %s", number.connector, reported(error))


def _message(item: Json, scope: Scope) -> Incoming | None:
    if "group_id" in item:
        LOG.debug("%s: a message in a group is left out", scope.number.connector)
        return None
    if item["type"] == "system":
        return _system(item, scope)
    card = contact(scope.contacts, item.get("from"), item.get("from_user_id"))
    person = known(
        item.get("from_user_id"), card.get("user_id"), item.get("from"), card.get("wa_id"),
        item.get("from_parent_user_id"), card.get("parent_user_id"),
    )  # fmt: skip
    said = content(item)
    return scope.event(
        item, person, **({"id": _id(said.id)} if said.id else {}), kind=said.kind, text=said.text,
        attachments=said.attachments, reply_to=said.about or _replied(item),
    )  # fmt: skip


def _system(item: Json, scope: Scope) -> Incoming:
    """A person has another number or another id: the event is at the new one, and has the old ones as aliases.
    …/whatsapp/webhooks/reference/messages/system, 2026-08-11."""
    told = item["system"]
    new = [told.get(key) for key in ("user_id", "wa_id", "new_wa_id", "parent_user_id")]
    old = [item.get("from_user_id"), item.get("from"), told.get("customer"), item.get("from_parent_user_id"),
           told.get("previous_user_id"), told.get("previous_parent_user_id")]  # fmt: skip
    person = known(*new, before=old) if any(new) else known(*old)
    return scope.event(item, person, kind="system", text=_id(told["type"]))


def _status(item: Json, scope: Scope) -> Incoming | None:
    state = STATES.get(item["status"])
    if state is None or item.get("recipient_type") == "group":
        LOG.debug("%s: a status %.40r is left out", scope.number.connector, item["status"])
        return None
    card = contact(scope.contacts, item.get("recipient_id"), item.get("recipient_user_id"))
    person = known(
        item.get("recipient_user_id"), card.get("user_id"), item.get("recipient_id"), card.get("wa_id"),
        item.get("recipient_parent_user_id"),
    )  # fmt: skip
    about, key = _id(item["id"]), item.get("biz_opaque_callback_data")
    told = {"key": key} if isinstance(key, str) and key else {}
    if state == "failed":
        told["error"] = next(map(reported, rows(item, "errors")), "no reason given")
    return scope.event(item, person, id=f"{about}:{state}", kind="status", text=state, reply_to=about, raw=told)


def _echo(item: Json, scope: Scope) -> Incoming:
    """What somebody else sent from the number: a person by the app on a telephone, or Meta's agent by `standby`.
    …/whatsapp/webhooks/reference/smb_message_echoes, 2026-05; …/standby, 2026-08-04."""
    sent = item["message"] if isinstance(item.get("message"), dict) else item
    person = known(sent.get("to_user_id"), sent.get("recipient"), sent.get("to"), sent.get("to_parent_user_id"))
    try:
        said = content({"timestamp": item["timestamp"], **sent})
    except MALFORMED:  # that somebody wrote counts, whatever it was
        said = Content("echo")
    return scope.event(item, person, sender=scope.number.id, kind="echo", text=said.text,
                       attachments=said.attachments, reply_to=said.about or _replied(sent))  # fmt: skip


def _handover(item: Json, scope: Scope) -> Incoming:
    """Somebody else answers from now on, or no longer. It has no id, so it gets one."""
    sender = item["sender"]
    person = known(sender.get("user_id"), sender.get("phone_number"), sender.get("wa_id"))
    kind, details = _id(item["type"]), item[item["type"]]
    roles = {key: details[key] for key in ROLES if isinstance(details.get(key), str)}
    seed = f"{person.chat} {item['timestamp']} {kind} {sorted(roles.items())}"
    name = f"handover:{hashlib.sha256(seed.encode()).hexdigest()[:32]}"
    return scope.event(item, person, id=name, kind="system", text=kind, raw={kind: roles})


ROLES = ("previous_owner_app_role", "previous_owner_role", "new_owner_app_role", "new_owner_role")
"""Of a hand-over: who held the conversation, and who holds it. `escalation` is whoever is not Meta's agent: this bot."""

FIELDS: Mapping[str, tuple[tuple[str, Reader], ...]] = {
    "messages": (("messages", _message), ("statuses", _status)),
    "standby": (("messages", _message), ("message_echoes", _echo), ("statuses", _status)),
    "smb_message_echoes": (("message_echoes", _echo),),
    "messaging_handovers": (("", _handover),),
}
"""The fields that are read: the lists in each, and what reads their members; "" is the value itself."""


def _new_holder(details: Json) -> Holder | None:
    new = {details.get("new_owner_app_role"), details.get("new_owner_role")}
    old = {details.get("previous_owner_app_role"), details.get("previous_owner_role")}
    if new.intersection(AGENT):
        return "platform"
    return "bot" if "escalation" in new or old.intersection(AGENT) else None


def _replied(item: Json) -> str | None:
    replied = (item.get("context") or {}).get("id")
    return replied if isinstance(replied, str) and replied else None


def _id(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r:.40} is no id")
    return value
