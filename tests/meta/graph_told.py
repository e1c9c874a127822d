"""A webhook's body as something that happened at the fake Graph server: what it tells of is known, and may be answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from accounts import INSTAGRAM_ID, PAGE_ID
from graph_people import People
from graph_world import Comment, Surface


def told(people: People, body: bytes) -> None:
    """Let everybody in the body have written it, now; what is no webhook of Meta is passed over."""
    try:
        read = json.loads(body)
    except ValueError:
        return
    for entry in read.get("entry", ()) if isinstance(read, dict) else ():
        for event in [*entry.get("messaging", ()), *entry.get("standby", ())]:
            _messaging(people, "instagram" if read["object"] == "instagram" else "messenger", event)
        for change in entry.get("changes", ()):
            _changed(people, read["object"], change.get("field", ""), change.get("value", {}))


def _messaging(people: People, surface: Surface, event: Mapping[str, Any]) -> None:
    sender = event.get("sender", {}).get("id")
    if not sender or sender in (PAGE_ID, INSTAGRAM_ID):
        return
    person = people.person(surface, sender)
    people.opened(person)
    for key in ("message", "postback", "reaction"):
        if mid := event.get(key, {}).get("mid"):
            person.wrote[mid] = event[key].get("text", "")


def _changed(people: People, object: str, field: str, value: Mapping[str, Any]) -> None:
    if object == "whatsapp_business_account":
        _cloud(people, value)
    elif object == "page" and field == "feed" and value.get("item") == "comment":
        parent = value.get("parent_id") if value.get("parent_id") != value.get("post_id") else None
        _commented(people, "messenger", value.get("comment_id"), value.get("from", {}).get("id"), value.get("post_id"), parent, value.get("message", ""))  # fmt: skip
    elif object == "instagram" and field in ("comments", "live_comments"):
        _commented(people, "instagram", value.get("id"), value.get("from", {}).get("id"), value.get("media", {}).get("id"), value.get("parent_id"), value.get("text", ""))  # fmt: skip


def _cloud(people: People, value: Mapping[str, Any]) -> None:
    contacts = {
        key: each for each in value.get("contacts", ()) for key in (each.get("wa_id"), each.get("user_id")) if key
    }
    for message in value.get("messages", ()):
        ids = [id for id in (message.get("from_user_id"), message.get("from")) if id]
        contact: Mapping[str, Any] = next((contacts[id] for id in ids if id in contacts), {})
        ids += [id for id in (contact.get("user_id"), contact.get("wa_id")) if id and id not in ids]
        if new := message.get("system", {}).get("wa_id"):
            ids.append(new)
        if ids:
            person = people.person("whatsapp", *ids)
            people.opened(person)
            person.wrote[message.get("id", "")] = message.get("text", {}).get("body", "")


def _commented(people: People, surface: Literal["messenger", "instagram"], id: str | None, author: str | None,
               post: str | None, parent: str | None, text: str) -> None:  # fmt: skip
    if not id or not author or id in people.comments:
        return
    if post and post not in people.comments:
        people.comments[post] = Comment(post, surface, PAGE_ID if surface == "messenger" else INSTAGRAM_ID, "", 0.0)
    people.comments[id] = Comment(id, surface, author, text, people.now(), post, parent)
    if author not in (PAGE_ID, INSTAGRAM_ID):
        people.person(surface, author)
