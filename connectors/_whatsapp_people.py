"""Who somebody is on WhatsApp: a business-scoped user id, a telephone number, or both, any of which may change or be absent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PHONE = re.compile(r"\+?(?P<digits>[0-9]{3,20})")
IDENTITY = re.compile(r"[\x21-\x7e]{2,200}")
PARENT = re.compile(r"[A-Z]{2}\.ENT\..+")
"""The id of a person for all businesses of one owner; `US.13491208655302741918` is that for one business.
developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids, 2026-05-28."""


@dataclass(frozen=True, slots=True)
class Person:
    """`chat` is the identity to write to, `aliases` are others of the same person."""

    chat: str
    aliases: tuple[str, ...] = ()


def known(*found: Any, before: Iterable[Any] = ()) -> Person:
    """The person of these identities: by the id for this business if it is among them, else by number.

    `before` are identities that the person no longer has. Raises ValueError: there is none.
    """
    ids = sorted(dict.fromkeys(filter(None, map(_identity, found))), key=_rank)
    if not ids:
        raise ValueError("nobody is named")
    others = dict.fromkeys([*ids[1:], *filter(None, map(_identity, before))])
    return Person(ids[0], tuple(other for other in others if other != ids[0]))


def recipient(chat: str) -> dict[str, str]:
    """The field of a message that says whom it is for: a number is `to`, an id would be dropped there without a word."""
    return {"to": chat} if PHONE.fullmatch(chat) else {"recipient": chat}


def contact(contacts: Iterable[Mapping[str, Any]], *found: Any) -> Mapping[str, Any]:
    """The contact that has one of these identities; where nobody is named, the only one; else an empty one."""
    cards = list(contacts)
    named = {identity for identity in map(_identity, found) if identity}
    if not named:
        return cards[0] if len(cards) == 1 else {}
    ids = ({_identity(card.get("wa_id")), _identity(card.get("user_id"))} for card in cards)
    return next((card for card, mine in zip(cards, ids, strict=True) if named & mine), {})


def _identity(value: Any) -> str | None:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if number := PHONE.fullmatch(text):
        return number["digits"]
    return text if IDENTITY.fullmatch(text) else None


def _rank(identity: str) -> int:
    if PHONE.fullmatch(identity):
        return 1
    return 2 if PARENT.fullmatch(identity) else 0
