"""Which comments are answered, and whether everybody or only their author reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from assistant.types import Incoming
from connectors._facebook_limits import PRIVATE_SECONDS
from connectors._facebook_updates import Owner, is_live, is_nested, posts_of
from connectors._meta_options import identifier, require

Way = Literal["public", "private"]
WAYS: tuple[Way, ...] = get_args(Way)

POST = "the number in the address of a post, or <page id>_<number>; of Instagram the id of the medium"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is configured.

    Attributes:
        ways: how comments are answered.
        posts: what may have been commented on; None: anything.
        follow_ups: comments below other comments too, which people mostly write to each other.
    """

    ways: tuple[Way, ...]
    posts: frozenset[str] | None
    follow_ups: bool

    def of(self, event: Incoming, owner: Owner, *, now: datetime) -> tuple[tuple[Way, ...], str]:
        """How a comment is answered, and why not in each way that is configured; "": there is nothing to say."""
        if why := self._silent(event, owner):
            return (), why
        if is_live(event):
            return self._only("private", "comments on a live video can be answered in private only")
        if (now - event.sent_at).total_seconds() > PRIVATE_SECONDS:
            return self._only("public", "it is older than the 7 days in which it could be answered in private")
        return self.ways, ""

    def _silent(self, event: Incoming, owner: Owner) -> str:
        if event.kind != "comment":
            return f"it is no new comment: {event.kind}"
        if owner.owns(event.sender):
            return "the account wrote it itself"
        if not event.text.strip():
            return "it has no text"
        if self.posts is not None and not self.posts & posts_of(event):
            return f"{event.address.thread} is not one of `posts`"
        if not self.follow_ups and is_nested(event, owner):
            return "it is below another comment, and `follow_ups` is off"
        return ""

    def _only(self, way: Way, why: str) -> tuple[tuple[Way, ...], str]:
        return tuple(each for each in self.ways if each == way), why


def choice(replies: Sequence[str], posts: Sequence[str | int] | None, *, follow_ups: bool, name: str) -> Choice:
    """The options, checked. Raises ConfigurationError."""
    section = f"connectors.{name}"
    wrong = f'{section}.replies is {replies!r}, and it is ["public"], ["private"] or both'
    require(not isinstance(replies, str) and len(replies) > 0 and all(each in WAYS for each in replies), wrong)
    ways = tuple(dict.fromkeys(each for given in replies for each in WAYS if each == given))
    if posts is None:
        return Choice(ways, None, follow_ups)
    require(not isinstance(posts, str) and len(posts) > 0,
            f"{section}.posts is {posts!r}: list ids, or leave it out to answer on all posts")  # fmt: skip
    return Choice(ways, frozenset(_post(each, name) for each in posts), follow_ups)


def _post(given: str | int, name: str) -> str:
    return "_".join(identifier(part, name=name, key="posts", where=POST) for part in str(given).split("_", 1))
