"""Answers to comments: in public below the comment, or as a private message to its author; and whether one arrived."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from assistant import markup
from assistant.connector import parts
from assistant.errors import Rejected
from assistant.markup import utf8, utf16
from assistant.types import Outgoing
from connectors._facebook_limits import (
    COMMENT_UNITS,
    INSTAGRAM_COMMENT_LINKS,
    INSTAGRAM_COMMENT_TAGS,
    INSTAGRAM_COMMENT_UNITS,
    INSTAGRAM_PRIVATE_BYTES,
    PRIVATE_UNITS,
)
from connectors._facebook_privacy import discreet
from connectors._facebook_updates import Owner, Side
from connectors._messaging_stamps import stamp
from connectors._meta import Graph, Lost
from connectors._meta_errors import WindowClosed
from connectors._meta_text import plain, unhurried
from connectors._meta_webhooks import rows

NUMBERING_UNITS = 12
"""Room for "(2/10)" and the lines before it."""

LINK, TAG = re.compile(r"https?://"), re.compile(r"#\w")

PAGE_ROWS, PAGES = 100, 10
"""Comments that are looked through for one of ours, at most: what is asked for at once, and how often."""

MESSAGES = 25
"""Messages of a conversation that are looked through, the newest."""

REMEMBERED = 1000
"""Comments that were read, for the next part of an answer."""

Post = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""`Graph.post`, or `Graph.finish`."""

TEXT: Mapping[Side, str] = {"facebook": "message", "instagram": "text"}
PARENT: Mapping[Side, str] = {"facebook": "parent", "instagram": "parent_id"}
"""Fields of a comment. developers.facebook.com/docs/graph-api/reference/comment and …/instagram-graph-api/reference/ig-comment,
2026-11."""


@dataclass(frozen=True, slots=True)
class Comment:
    """What is answered: what it says, the name of who wrote it, and the comment it is below."""

    text: str
    author: str
    parent: str | None


def check(outgoing: Outgoing, *, name: str) -> None:
    """Raises Rejected: it has what no comment has."""
    if outgoing.attachments or outgoing.buttons:
        raise Rejected(f"{name}: answers to comments are text: send it without attachments and buttons")


def split(outgoing: Outgoing, owner: Owner) -> list[Outgoing]:
    """The same as messages that Meta takes.

    In public each part is below the comment that is answered, so each names it. Of a private answer only the first may:
    the others reach the person once they write, so parts are numbered to show that there is more.
    """
    side, text = owner.side(outgoing.address), outgoing.text
    if outgoing.address.thread:
        made = parts(outgoing, _pieces(text, side, private=False))
        return [replace(part, reply_to=outgoing.reply_to) for part in made]
    pieces = _pieces(text, side, private=True)
    if len(pieces) > 1:
        pieces = _pieces(text, side, private=True, room=NUMBERING_UNITS)
        pieces = [f"{piece}\n\n({number}/{len(pieces)})" for number, piece in enumerate(pieces, 1)]
    return parts(outgoing, pieces)


async def parted(outgoing: Outgoing, owner: Owner) -> list[Outgoing]:
    """`split`, beside the event loop where it may take long."""
    return await unhurried(lambda: split(outgoing, owner), outgoing.text)


def _pieces(text: str, side: Side, *, private: bool, room: int = 0) -> list[str]:
    """Markdown that is one message each, at least one."""
    if private:
        limit, count = (INSTAGRAM_PRIVATE_BYTES, utf8) if side == "instagram" else (PRIVATE_UNITS, utf16)
        return markup.split(text, limit=limit - room, size=lambda piece: count(plain(piece))) or [text]
    limit = INSTAGRAM_COMMENT_UNITS if side == "instagram" else COMMENT_UNITS

    def size(piece: str) -> int:
        seen = plain(piece)
        return limit + 1 if side == "instagram" and _is_crowded(seen) else utf16(seen)

    return markup.split(text, limit=limit, size=size) or [text]


def _is_crowded(seen: str) -> bool:
    """More links or hashtags than Instagram takes in one comment."""
    return len(LINK.findall(seen)) > INSTAGRAM_COMMENT_LINKS or len(TAG.findall(seen)) > INSTAGRAM_COMMENT_TAGS


class Replies:
    """Sends single parts, and looks whether they arrived. Raises what `Graph` does.

    Nothing by which the author of a comment could be found is said in public, whatever the answer says: the comment is
    read before it is answered, and `discreet` leaves it out.
    """

    def __init__(self, graph: Graph, owner: Owner) -> None:
        self._graph = graph
        self._owner = owner
        self._read: OrderedDict[str, Comment] = OrderedDict()

    async def send(self, part: Outgoing, *, begun: bool = False) -> str:
        """Send a part; its id. `begun`: others were sent, so that a rate limit is waited for."""
        post = self._graph.finish if begun else self._graph.post
        return await (self._publish(part, post) if part.address.thread else self._write(part, post))

    async def arrived(self, part: Outgoing) -> bool | None:
        """Whether a part is there; None: Meta does not tell."""
        return await (self._published(part) if part.address.thread else self._written(part))

    async def _publish(self, part: Outgoing, post: Post) -> str:
        where, edge = self._place(part)
        return _given(await post(f"{where}/{edge}", {"message": await self._public(part)}), "id")

    async def _write(self, part: Outgoing, post: Post) -> str:
        to = {"comment_id": part.reply_to} if part.reply_to else {"id": part.address.chat}
        mark = stamp(part.key)  # `messenger` and `instagram` see the echo, which must not look like a person's
        message = {"text": plain(part.text)} | ({"metadata": mark} if mark else {})
        body = {"recipient": to, "messaging_type": "RESPONSE", "message": message}
        try:
            return _given(await post(f"{self._owner.page}/messages", body), "message_id")
        except WindowClosed as error:
            if part.reply_to:
                raise
            raise WindowClosed(
                f"{error} (to the Page), then retry this: the beginning of the answer was sent"
            ) from error

    def _place(self, part: Outgoing) -> tuple[str, str]:
        """What a public answer is below, and the edge: the comment, or what was commented on where none is named."""
        if part.reply_to is None:
            return part.address.thread or "", "comments"
        return part.reply_to, "replies" if self._owner.side(part.address) == "instagram" else "comments"

    async def _public(self, part: Outgoing) -> str:
        """The text of a part as everybody reads it."""
        text, side = plain(part.text), self._owner.side(part.address)
        if part.reply_to is not None:
            comment = await self._comment(part.reply_to, side)
            text = discreet(text, comment=comment.text, name=comment.author)
        return text.capitalize() if side == "instagram" and text.isupper() else text

    async def _comment(self, id: str, side: Side) -> Comment:
        if id not in self._read:
            told = await self._graph.get(id, fields=[TEXT[side], "from", PARENT[side]])
            self._read[id] = _comment(told, side)
        self._read.move_to_end(id)
        while len(self._read) > REMEMBERED:
            self._read.popitem(last=False)
        return self._read[id]

    async def _published(self, part: Outgoing) -> bool | None:
        """Answers to a comment below another are listed there, so both are looked at."""
        side, (where, edge) = self._owner.side(part.address), self._place(part)
        text = _bare(await self._public(part))
        places = [where]
        if part.reply_to and (parent := (await self._comment(part.reply_to, side)).parent):
            places.append(parent)
        for place in places:
            async for row in self._rows(f"{place}/{edge}", side):
                if row is None:
                    return None
                if _bare(str(row.get(TEXT[side], ""))) == text and _author(row) != part.address.chat:
                    return True
        return False

    async def _rows(self, path: str, side: Side) -> AsyncIterator[Mapping[str, Any] | None]:
        """The comments there, newest first where Meta can; None at the end: there are more."""
        order = {"order": "reverse_chronological"} if side == "facebook" else {}
        after: str | None = None
        for _ in range(PAGES):
            told = await self._graph.get(path, fields=["id", TEXT[side], "from"], limit=PAGE_ROWS, after=after, **order)
            for row in rows(told, "data"):
                yield row
            paging = told.get("paging")
            if not isinstance(paging, Mapping) or "next" not in paging:
                return
            after = str(paging.get("cursors", {}).get("after"))
        yield None

    async def _written(self, part: Outgoing) -> bool | None:
        """As the conversation with the person has it; None where there is none: the id of who comments may not be that of
        who chats."""
        platform = "instagram" if self._owner.side(part.address) == "instagram" else "messenger"
        told = await self._graph.get(
            f"{self._owner.page}/conversations", platform=platform, user_id=part.address.chat,
            fields=f"messages.limit({MESSAGES}){{id,message,from}}",
        )  # fmt: skip
        conversations = rows(told, "data")
        text = _bare(plain(part.text))
        for conversation in conversations:
            messages = conversation.get("messages")
            for row in rows(messages, "data") if isinstance(messages, Mapping) else []:
                if _bare(str(row.get("message", ""))) == text and _author(row) != part.address.chat:
                    return True
        return False if conversations else None


def _comment(told: Mapping[str, Any], side: Side) -> Comment:
    author, parent = told.get("from"), told.get(PARENT[side])
    named = author if isinstance(author, Mapping) else {}
    above = parent.get("id") if isinstance(parent, Mapping) else parent
    return Comment(
        str(told.get(TEXT[side]) or ""), str(named.get("name") or named.get("username") or ""), above and str(above)
    )


def _author(row: Mapping[str, Any]) -> str | None:
    author = row.get("from")
    return str(author.get("id")) if isinstance(author, Mapping) else None


def _given(answer: Mapping[str, Any], key: str) -> str:
    """The id in an answer. Raises Lost: there is none, so nobody knows what was made."""
    if not answer.get(key):
        raise Lost(f"Meta's answer has no {key!r}")
    return str(answer[key])


def _bare(text: str) -> str:
    """Meta changes white space at the ends of what is published."""
    return " ".join(text.split())
