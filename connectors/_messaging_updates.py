"""From webhooks of Messenger and Instagram to events: every entry, every event; pure, and indifferent to what it does not know."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from assistant.types import Address, Incoming
from connectors._messaging_content import content
from connectors._messaging_holders import HANDOVERS
from connectors._messaging_stamps import stamped
from connectors._meta_webhooks import MALFORMED, moment, rows

LOG = logging.getLogger(__name__)

Json = Mapping[str, Any]

FIELDS = frozenset({
    "messages", "message_echoes", "message_edit", "message_edits", "message_reactions", "message_reads",
    "message_deliveries", "messaging_handover", "messaging_handovers", "messaging_optins", "messaging_postbacks",
    "messaging_referral", "messaging_referrals", "messaging_seen", "standby",
})  # fmt: skip
"""Fields of changes that are events of a conversation: Instagram has been seen to tell them this way too."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who reads: the section's name, the id of the Page or of the Instagram account, and the app's id where it is known."""

    connector: str
    id: str
    app_id: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One event as Meta tells it, with the person it is about."""

    item: Json
    account: Account
    person: str
    standby: bool = False

    def event(self, id: str, **fields: Any) -> Incoming:
        """An event of it, with this id and at its time."""
        at = moment(self.item["timestamp"])
        raw = {**self.item, "standby": True} if self.standby else self.item
        return Incoming(**{
            "id": id,
            "address": Address(self.account.connector, self.account.id, self.person),
            "sender": self.person,
            "text": "",
            "sent_at": at,
            "order": f"{round(at.timestamp() * 1000):015d}",
            "raw": raw,
            **fields,
        })  # fmt: skip

    def digest(self, *more: str) -> str:
        """A name for what Meta gives none, the same whenever it is told."""
        parts = (self.person, str(self.item["timestamp"]), *more)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


Reader = Callable[[Json, Told], Iterator[Incoming]]


def read(entries: Iterable[Json], account: Account) -> list[Incoming]:
    """The events of all entries that are of `account`, in order."""
    found: list[Incoming] = []
    for entry in entries:
        if str(entry.get("id")) != account.id:
            LOG.debug("%s: an entry of another account is left out", account.connector)
            continue
        for item, standby in _items(entry):
            found += [
                replace(each, order=f"{each.order}:{len(found):05d}") for each in _guarded(item, standby, account)
            ]
    return found


def _items(entry: Json) -> Iterator[tuple[Json, bool]]:
    """Each event of an entry, and whether another application answers there."""
    yield from ((item, False) for item in rows(entry, "messaging"))
    yield from ((item, True) for item in rows(entry, "standby"))
    for change in (entry, *rows(entry, "changes")):
        field, value = change.get("field"), change.get("value")
        if isinstance(field, str) and field in FIELDS and isinstance(value, dict):
            yield value, field == "standby"


def _guarded(item: Json, standby: bool, account: Account) -> list[Incoming]:
    """The events; one that is not understood is left out and does not break the batch."""
    kind = next((kind for kind in READERS if isinstance(item.get(kind), Mapping)), None)
    if kind is None:
        LOG.debug("%s: an event with %.200s is left out", account.connector, sorted(item))
        return []
    try:
        person = _person(item, account)
        return list(READERS[kind](item[kind], Told(item, account, person, standby))) if person else []
    except MALFORMED as error:
        LOG.warning("%s: an event of kind %s is not understood and left out: %r", account.connector, kind, error)
        return []


def _person(item: Json, account: Account) -> str | None:
    """The other side of the conversation; None: it is not told, as of somebody who only ticked a box on a web page."""
    message = item.get("message")
    echo = isinstance(message, Mapping) and message.get("is_echo") is True
    sides = (
        [_side(item, "recipient"), _side(item, "sender")] if echo else [_side(item, "sender"), _side(item, "recipient")]
    )
    person = sides[1] if sides[0] == account.id and not echo else sides[0]
    return None if person == account.id else person


def _side(item: Json, key: str) -> str | None:
    side = item.get(key)
    return _id(side["id"]) if isinstance(side, Mapping) and side.get("id") else None


def _id(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise TypeError(f"an id is {type(value).__name__}")
    return str(value)


def _message(message: Json, told: Told) -> Iterator[Incoming]:
    mid = _id(message["mid"])
    if message.get("is_echo") is True or _side(told.item, "sender") == told.account.id:
        yield from _echo(mid, message, told)
    elif message.get("is_deleted") is True:
        yield told.event(f"{mid}:delete", kind="delete", reply_to=mid)
    else:
        said = content(message)
        yield told.event(mid, kind=said.kind, text=said.text, attachments=said.attachments, reply_to=_answered(message))


def _echo(mid: str, message: Json, told: Told) -> Iterator[Incoming]:
    """A message of the account: a report where it is ours, else that somebody else answered."""
    if message.get("is_deleted") is True:
        return
    key = stamped(message.get("metadata"))
    ours = told.account.app_id is not None and str(message.get("app_id")) == told.account.app_id
    if key or ours:
        raw = {**told.item, "key": key} if key else told.item
        yield told.event(f"{mid}:sent", kind="status", text="sent", reply_to=mid, raw=raw)
        return
    said = content(message)
    yield told.event(
        mid,
        kind="echo",
        sender=told.account.id,
        text=said.text,
        attachments=said.attachments,
        reply_to=_answered(message),
    )


def _answered(message: Json) -> str | None:
    """The message that was replied to; a story is none."""
    reply = message.get("reply_to")
    return _id(reply["mid"]) if isinstance(reply, Mapping) and reply.get("mid") else None


def _edited(edit: Json, told: Told) -> Iterator[Incoming]:
    mid, number = _id(edit["mid"]), int(edit.get("num_edit") or 0)
    if number > 0 and isinstance(edit.get("text"), str):  # told with 0 of a message that is new
        yield told.event(f"{mid}:edit:{number}", kind="edit", text=edit["text"], reply_to=mid)


def _postback(tap: Json, told: Told) -> Iterator[Incoming]:
    said = content({"postback": tap})
    id = _id(tap["mid"]) if tap.get("mid") else f"postback:{told.digest(said.text)}"
    yield told.event(id, kind=said.kind, text=said.text)


def _reaction(reaction: Json, told: Told) -> Iterator[Incoming]:
    mid, action = _id(reaction["mid"]), reaction.get("action")
    emoji = str(reaction.get("emoji") or reaction.get("reaction") or "") if action == "react" else ""
    id = f"reaction:{mid}:{told.digest(str(action), emoji)}"
    yield told.event(id, kind="reaction", text=emoji, reply_to=mid)


def _delivered(delivery: Json, told: Told) -> Iterator[Incoming]:
    """Only messages that are named: a time up to which all arrived names none."""
    for mid in map(_id, delivery.get("mids") or ()):
        yield told.event(f"{mid}:delivered", kind="status", text="delivered", reply_to=mid)


def _seen(seen: Json, told: Told) -> Iterator[Incoming]:
    if seen.get("mid"):
        mid = _id(seen["mid"])
        yield told.event(f"{mid}:read", kind="status", text="read", reply_to=mid)


def _noted(name: str) -> Reader:
    """An event that changes something, and is no message."""

    def read(_: Json, told: Told) -> Iterator[Incoming]:
        yield told.event(f"{name}:{told.digest()}", kind="system", text=name)

    return read


READERS: Mapping[str, Reader] = MappingProxyType({
    "message": _message,
    "message_edit": _edited,
    "postback": _postback,
    "reaction": _reaction,
    "delivery": _delivered,
    "read": _seen,
    **{name: _noted(name) for name in ("referral", "optin", *HANDOVERS)},
})  # fmt: skip
"""What an event has, and how it is read. …/messenger-platform/webhooks/webhook-events, 2024-06-26."""
