"""Who writes to the accounts, what they see, and what is stored at the fake Graph server."""

from __future__ import annotations

import base64
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from graph_refusal import Refusal, nobody

Surface = Literal["whatsapp", "messenger", "instagram"]

DAY = 86400.0
"""Seconds that a person's message lets the account write; messenger-platform/policy, 2026-09-28."""


@dataclass(slots=True)
class Shown:
    """A message of the account as a person sees it; `key` is what the sender stamped it with."""

    id: str
    text: str
    buttons: tuple[str, ...] = ()
    reply_to: str | None = None
    media: str | None = None
    key: str | None = None
    kind: str = "text"
    at: float = 0.0
    body: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(slots=True, eq=False)
class Person:
    """Somebody who writes to an account; `ids` are all that the account may call them."""

    surface: Surface
    ids: list[str]
    name: str
    open_until: float = 0.0
    blocked: bool = False
    held_until: float = 0.0
    told_to_wait: bool = False
    seen: list[Shown] = field(default_factory=list)
    typings: list[float] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    reactions: dict[str, str] = field(default_factory=dict)
    wrote: dict[str, str] = field(default_factory=dict)
    sends: deque[float] = field(default_factory=deque)


@dataclass(slots=True)
class Comment:
    """A public comment, or a post (which has no `post`); `replied` once a private reply went out."""

    id: str
    surface: Literal["messenger", "instagram"]
    author: str
    text: str
    at: float
    post: str | None = None
    parent: str | None = None
    hidden: bool = False
    deleted: bool = False
    replied: bool = False


@dataclass(frozen=True, slots=True)
class Media:
    """A file at Meta."""

    id: str
    data: bytes
    name: str
    mime_type: str


class World:
    """Everything the fake server remembers; `pass_time` lets the clock of the windows run ahead."""

    def __init__(self) -> None:
        self.people: dict[tuple[Surface, str], Person] = {}
        self.comments: dict[str, Comment] = {}
        self.media: dict[str, Media] = {}
        self.templates: dict[tuple[str, str], int] = {}
        self._ahead = 0.0
        self._numbers = count(1)

    def now(self) -> float:
        """Seconds since 1970, as Meta sees them."""
        return time.time() + self._ahead

    def pass_time(self, seconds: float) -> None:
        """Let time go by: windows close."""
        self._ahead += seconds

    def number(self) -> int:
        """A number nobody had before."""
        return next(self._numbers)

    def message_id(self, surface: Surface) -> str:
        """An id in the form that the surface's have."""
        coded = base64.b64encode(f"fake-{surface}-{self.number():08d}".encode()).decode()
        return f"wamid.{coded}" if surface == "whatsapp" else f"m_{coded}" if surface == "messenger" else f"aWdf{coded}"

    def person(self, surface: Surface, *ids: str, name: str = "Ann") -> Person:
        """The person with one of these ids, made if there is none; new ids are remembered."""
        found = next((self.people[surface, id] for id in ids if (surface, id) in self.people), None)
        if found is None:
            found = Person(surface, [], name)
        for id in ids:
            if id not in found.ids:
                found.ids.append(id)
            self.people[surface, id] = found
        return found

    def known(self, surface: Surface, id: str) -> Person:
        """The person with this id. Raises Refusal."""
        found = self.people.get((surface, id))
        if found is None:
            raise nobody(surface)
        return found

    def opened(self, person: Person, *, seconds: float = DAY) -> None:
        """The person did something now."""
        person.open_until = max(person.open_until, self.now() + seconds)

    def store(self, data: bytes, name: str, mime_type: str) -> Media:
        """Keep a file."""
        kept = Media(str(900000000000000 + self.number()), data, name, mime_type)
        self.media[kept.id] = kept
        return kept

    def comment(self, id: str) -> Comment:
        """A comment that is there. Raises Refusal."""
        found = self.comments.get(id)
        if found is None or found.deleted:
            message = f"Unsupported post request. Object with ID '{id}' does not exist"
            raise Refusal(400, 100, message, subcode=33, kind="GraphMethodException")
        return found
