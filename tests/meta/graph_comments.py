"""Public comments at the fake Graph server: answers to them, and taking them out of sight.

developers.facebook.com/docs: graph-api/reference/object/comments and comment, instagram-platform/reference/ig-comment and
its replies. Instagram's rules of a comment (300 characters, 4 hashtags, 1 link, not all capitals): its page on comments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from accounts import INSTAGRAM_ID, PAGE_ID
from graph_people import People
from graph_refusal import invalid, unknown
from graph_whatsapp import Body, Deed
from graph_world import Comment

PAGE_CHARACTERS = 8000
INSTAGRAM_CHARACTERS = 300
"""Most characters of a comment."""

NAMED = {"messenger": "name", "instagram": "username"}
"""What the author of a comment is called by."""


def answer(people: People, id: str, edge: str, asked: Mapping[str, Any]) -> Deed:
    """`POST /{comment or post}/comments` on the Page, `POST /{comment}/replies` on Instagram. Raises Refusal."""
    above = people.comment(id)
    if edge != _edge(above):
        raise unknown(id, "post")
    text = asked.get("message")
    if not isinstance(text, str) or not text.strip():
        raise invalid("Param message must be non-empty")
    if set(asked) - {"message", "attachment_url"}:
        raise invalid(f"Unexpected keys {sorted(set(asked) - {'message', 'attachment_url'})}")
    _within_limits(above, text)
    return Deed("comments", None, lambda: _show(people, above, text))


def change(people: People, id: str, asked: Mapping[str, Any]) -> Body:
    """`POST /{comment}`: hide it (`is_hidden` on the Page, `hide` on Instagram) or show it again. Raises Refusal."""
    comment = people.comment(id)
    key = "is_hidden" if comment.surface == "messenger" else "hide"
    value = asked.get(key)
    if set(asked) != {key} or str(value).lower() not in ("true", "false"):
        raise invalid(f"Param {key} must be a boolean")
    if comment.author in (PAGE_ID, INSTAGRAM_ID):
        raise invalid("A comment of the account itself cannot be hidden")
    comment.hidden = str(value).lower() == "true"
    return {"success": True}


def delete(people: People, id: str) -> Body:
    """`DELETE /{comment}`."""
    people.comment(id).deleted = True
    return {"success": True}


def read(people: People, id: str, asked: Mapping[str, Any]) -> Body:
    """`GET /{comment}`: the fields that are asked for; empty ones are left out, as Meta does. Raises Refusal."""
    comment = people.comment(id)
    person = people.people.get((comment.surface, comment.author))
    own = comment.author in (PAGE_ID, INSTAGRAM_ID)
    name = {"id": comment.author, NAMED[comment.surface]: person.name if person else "Test page"}
    both = {"id": comment.id, "from": name}
    fields: Body = {**both, "message": comment.text, "is_hidden": comment.hidden, "can_hide": not own,
                    "can_reply_privately": not own and not comment.replied, "created_time": _date(comment.at),
                    "parent": {"id": comment.parent} if comment.parent else None}  # fmt: skip
    if comment.surface == "instagram":
        fields = {**both, "text": comment.text, "hidden": comment.hidden, "parent_id": comment.parent,
                  "username": name["username"], "timestamp": _date(comment.at), "media": {"id": comment.post}}  # fmt: skip
    shown = "id,message" if comment.surface == "messenger" else "id,text"
    wanted = [each.partition("{")[0] for each in str(asked.get("fields") or shown).split(",")]
    for each in wanted:
        if each not in fields:
            raise invalid(f"Tried accessing nonexisting field ({each}) on node type (Comment)")
    return {each: fields[each] for each in dict.fromkeys([*wanted, "id"]) if fields[each] is not None}


def below(people: People, id: str, edge: str, asked: Mapping[str, Any]) -> Body:
    """`GET /{post or comment}/comments`, `GET /{Instagram comment}/replies`: what stands right below, a page at a time."""
    above = people.comment(id)
    if edge != _edge(above):
        raise unknown(f"{id}/{edge}")
    found = [each for each in people.comments.values() if not each.deleted and _is_below(each, above)]
    if asked.get("order") == "reverse_chronological" and above.surface == "messenger":
        found.reverse()
    start, limit = int(asked.get("after") or 0), min(int(asked.get("limit") or 25), 100)
    told: Body = {"data": [read(people, each.id, asked) for each in found[start : start + limit]]}
    if start + limit < len(found):
        told["paging"] = {"cursors": {"after": str(start + limit)}, "next": "https://graph.example/next"}
    return told


def _edge(above: Comment) -> str:
    return "comments" if above.surface == "messenger" or above.post is None else "replies"


def _is_below(comment: Comment, above: Comment) -> bool:
    return comment.parent == above.id if above.post else comment.post == above.id and not comment.parent


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _within_limits(above: Comment, text: str) -> None:
    if above.surface == "messenger":
        if len(text) > PAGE_CHARACTERS:
            raise invalid(f"Param message must be at most {PAGE_CHARACTERS} characters long")
        return
    links, tags = re.findall(r"https?://", text), re.findall(r"#\w", text)
    shouted = text.isupper() and sum(map(str.isalpha, text)) > 1
    if len(text) > INSTAGRAM_CHARACTERS or len(links) > 1 or len(tags) > 4 or shouted:
        raise invalid("The comment must have at most 300 characters, 4 hashtags and 1 link, and not only capitals")


def _show(people: People, above: Comment, text: str) -> Body:
    own = PAGE_ID if above.surface == "messenger" else INSTAGRAM_ID
    post = above.post or above.id
    made = people.comments_on(post, text, author=own, surface=above.surface, name="Test page",
                              parent=above.id if above.post else None)  # fmt: skip
    return {"id": made.id}
