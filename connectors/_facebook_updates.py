"""From a webhook of Meta to public comments on a Page and on an Instagram account: pure, indifferent to what it does not know."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from assistant.types import Address, Incoming, Kind, Webhook
from connectors._meta_webhooks import MALFORMED, moment, read, rows

LOG = logging.getLogger(__name__)

Json = Mapping[str, Any]
Side = Literal["facebook", "instagram"]

VERBS: Mapping[str, tuple[Kind, str]] = {
    "add": ("comment", ""),
    "edited": ("edit", "edited"),
    "remove": ("delete", "removed"),
    "hide": ("system", "hidden"),
    "unhide": ("system", "shown"),
}
"""What happened to a comment on a Page, as a kind of event and the mark in its id.

developers.facebook.com/docs/graph-api/webhooks/reference/page, field feed, 2026-11.
"""

FIELDS = ("comments", "live_comments")
"""Of Instagram. developers.facebook.com/docs/graph-api/webhooks/reference/instagram, 2026-11."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose comments are read: the section's name, the Page, and its Instagram account where that is wanted too."""

    connector: str
    page: str
    instagram: str | None = None

    def side(self, address: Address) -> Side:
        """Where a conversation is."""
        return "instagram" if address.account == self.instagram else "facebook"

    def owns(self, account: str) -> bool:
        """Whether it is the Page or the account itself."""
        return account in (self.page, self.instagram)


@dataclass(frozen=True, slots=True)
class Change:
    """One change in a webhook; `time` is when Meta told it, `place` counts the changes of the body."""

    side: Side
    account: str
    field: str
    value: Json
    time: object
    place: int

    @property
    def raw(self) -> dict[str, Any]:
        """What an event keeps of it."""
        return {"object": "page" if self.side == "facebook" else "instagram", "field": self.field, "value": self.value}


def events(webhook: Webhook, owner: Owner) -> list[Incoming]:
    """Every comment of a request that is the owner's, in order. Raises InvalidWebhook: the body is not of Meta."""
    return [event for change in _changes(webhook, owner) if (event := _event(change, owner))]


def is_live(event: Incoming) -> bool:
    """Whether it was written on a video while that is broadcast, where nothing can be answered in public."""
    return event.raw.get("field") == "live_comments"


def is_nested(event: Incoming, owner: Owner) -> bool:
    """Whether it is below another comment. A post's id begins with that of the Page, a comment's with that of its post."""
    parent = str(_value(event).get("parent_id") or "")
    if owner.side(event.address) == "instagram":
        return bool(parent)
    return bool(parent) and parent != event.address.thread and not parent.startswith(f"{owner.page}_")


def posts_of(event: Incoming) -> set[str]:
    """The ids of what was commented on: with and without the Page's, of an advertisement also that of what it shows."""
    thread = event.address.thread or ""
    media = _value(event).get("media")
    original = media.get("original_media_id") if isinstance(media, Mapping) else None
    return {each for each in (thread, thread.rpartition("_")[2], str(original or "")) if each}


def comment_of(event: Incoming) -> str:
    """The id of the comment that an event is about."""
    return event.id if event.kind == "comment" else event.reply_to or ""


def _value(event: Incoming) -> Json:
    value = event.raw.get("value")
    return value if isinstance(value, Mapping) else {}


def _changes(webhook: Webhook, owner: Owner) -> Iterator[Change]:
    sides: tuple[tuple[Side, str, str | None], ...] = (
        ("facebook", "page", owner.page),
        ("instagram", "instagram", owner.instagram),
    )
    place = 0
    for side, object, account in sides:
        for entry in read(webhook, object=object):
            if account is None or str(entry.get("id")) != account:
                LOG.debug("%s: an entry of %s %s is not this connector's", owner.connector, object, entry.get("id"))
                continue
            for field, value in _told(entry):
                place += 1
                yield Change(side, account, field, value, entry.get("time"), place)


def _told(entry: Json) -> Iterator[tuple[str, Json]]:
    """Fields and values of an entry: in a list of changes, or in the entry itself, as Instagram Login has it."""
    for change in [*rows(entry, "changes"), *([entry] if "field" in entry else [])]:
        value = change.get("value")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Mapping):
                yield str(change.get("field")), each


def _event(change: Change, owner: Owner) -> Incoming | None:
    """The event of a change; None: of a kind that is not known, or of the owner itself."""
    try:
        found = _on_page(change, owner) if change.side == "facebook" else _on_instagram(change, owner)
    except MALFORMED as error:
        LOG.warning("%s: a change of %r is not understood and left out: %r", owner.connector, change.field, error)
        return None
    if found is not None and owner.owns(found.sender):
        LOG.debug("%s: %s is of the account itself and left out", owner.connector, found.id)
        return None
    return found


def _on_page(change: Change, owner: Owner) -> Incoming | None:
    value = change.value
    verb = VERBS.get(str(value.get("verb"))) if change.field == "feed" and value.get("item") == "comment" else None
    if verb is None:
        LOG.debug("%s: left out: %s %s %s", owner.connector, change.field, value.get("item"), value.get("verb"))
        return None
    kind, mark = verb
    comment, text = _id(value["comment_id"]), _text(value.get("message"))
    at = _time(value.get("created_time", change.time))
    sender = value["from"]["id"] if isinstance(value.get("from"), Mapping) else value["sender_id"]
    about = f"{comment}:{mark}:{at:%Y%m%d%H%M%S}" + (f"-{_digest(text)}" if kind == "edit" else "")
    return Incoming(
        id=comment if kind == "comment" else about,
        address=Address(owner.connector, owner.page, _id(sender), _id(value["post_id"])),
        sender=_id(sender),
        kind=kind,
        text=mark if kind == "system" else text,
        sent_at=at,
        order=_order(at, change),
        reply_to=None if kind == "comment" else comment,
        raw=change.raw,
    )


def _on_instagram(change: Change, owner: Owner) -> Incoming | None:
    value = change.value
    if change.field not in FIELDS:
        LOG.debug("%s: left out: %s of Instagram", owner.connector, change.field)
        return None
    author = value["from"]
    if "self_ig_scoped_id" in author:  # only the account's own comments have it
        LOG.debug("%s: %s is of the account itself and left out", owner.connector, value.get("id"))
        return None
    at = _time(change.time)
    return Incoming(
        id=_id(value["id"]),
        address=Address(owner.connector, change.account, _id(author["id"]), _id(value["media"]["id"])),
        sender=_id(author["id"]),
        kind="comment",
        text=_text(value.get("text")),
        sent_at=at,
        order=_order(at, change),
        raw=change.raw,
    )


def _id(value: object) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text:
        raise ValueError(f"{value!r} is no id")
    return text


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _time(value: object) -> datetime:
    """Seconds, on Instagram sometimes milliseconds, or a date as the Graph API writes them."""
    if isinstance(value, str) and not value.isdecimal():
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return at
    return moment(value)


def _order(at: datetime, change: Change) -> str:
    return f"{int(at.timestamp() * 1000):015d}.{change.place:05d}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
