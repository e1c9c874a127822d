"""The Send API of Messenger and of Instagram at the fake Graph server, private replies included."""

from __future__ import annotations

from typing import Any

from accounts import INSTAGRAM_ID, PAGE_ID
from graph_access import INSTAGRAM_SCOPED_ID, Host, without_capability
from graph_events import echo, messaging
from graph_page_shapes import INSTAGRAM_BYTES, Call, Message
from graph_people import People, buttons_of
from graph_refusal import Refusal, blocked, invalid, nobody, unknown, window_closed
from graph_shapes import read
from graph_whatsapp import Body, Deed
from graph_world import Comment, Media, Person, Shown, Surface

PRIVATE_REPLY = 7 * 86400.0
"""Seconds after a comment in which one private reply may be sent; messenger-platform/discovery/private-replies, 2026-04-16."""

HUMAN_AGENT = 6 * 86400.0
"""Seconds beyond the window in which a person, and no bot, may write with the tag; messenger-platform/policy."""

FILE_BYTES = {"image": 8, "audio": 25, "video": 25, "file": 25}
"""Megabytes of an upload; messenger-platform/reference/attachment-upload-api."""


def messages(people: People, host: Host, id: str, body: Body) -> Deed | Body:
    """`POST /{page-id}/messages` of graph.facebook.com, `POST /{me or id}/messages` of graph.instagram.com. Raises Refusal."""
    if host == "facebook" and id == INSTAGRAM_ID:
        raise without_capability()
    if id not in ((PAGE_ID,) if host == "facebook" else (INSTAGRAM_ID, INSTAGRAM_SCOPED_ID)):
        raise unknown(id, "post")
    call: Call = read(Call, body)
    comment = _comment(people, call)
    person = _person(people, host, call, comment)
    if call.message is None:
        return _act(people, person, call)
    _within_limits(people, person.surface, call, call.message)
    if person.blocked:
        raise blocked("comments" if comment else person.surface)
    beyond = HUMAN_AGENT if call.tag == "HUMAN_AGENT" else 0.0
    if comment is None and people.now() > person.open_until + beyond:
        raise window_closed(person.surface)
    return Deed(person.surface, person, lambda: _show(people, person, body, comment))


def conversations(people: People, asked: Body) -> Body:
    """`GET /{page-id}/conversations` with one person: the newest messages of the account first."""
    surface: Surface = "instagram" if asked.get("platform") == "instagram" else "messenger"
    person = people.people.get((surface, str(asked.get("user_id", ""))))
    if person is None or not (person.seen or person.wrote):
        return {"data": []}
    own = {"id": INSTAGRAM_ID if surface == "instagram" else PAGE_ID}
    shown = [{"id": each.id, "message": each.text, "from": own} for each in reversed(person.seen)]
    return {"data": [{"id": f"t_{person.ids[0]}", "messages": {"data": shown}}]}


def upload(people: People, fields: Body, file: Media | None) -> Body:
    """`POST /{page-id}/message_attachments`. Raises Refusal."""
    attachment = fields.get("message", {}).get("attachment", {}) if isinstance(fields.get("message"), dict) else {}
    kind = attachment.get("type")
    if kind not in FILE_BYTES:
        raise invalid("Param message.attachment.type must be one of {IMAGE, AUDIO, VIDEO, FILE}")
    if file is None and not attachment.get("payload", {}).get("url"):
        raise invalid("An incorrect number of files uploaded. Must upload exactly one file.", subcode=2018005)
    if file and len(file.data) > FILE_BYTES[kind] * 1024 * 1024:
        raise invalid("Attachment size exceeds allowable limit", subcode=2018047)
    kept = people.store(file.data if file else b"", file.name if file else "", file.mime_type if file else "")
    return {"attachment_id": kept.id}


def _comment(people: People, call: Call) -> Comment | None:
    """The comment that is replied to in private. Raises Refusal: too late, a second time, or to the account itself."""
    id = call.recipient.comment_id or call.recipient.post_id
    if id is None:
        return None
    comment = people.comment(id)
    if comment.replied:
        raise Refusal(400, 10900, "(#10900) Activity already replied to")
    if comment.author in (PAGE_ID, INSTAGRAM_ID) or people.now() > comment.at + PRIVATE_REPLY:
        raise blocked("comments")
    return comment


def _person(people: People, host: Host, call: Call, comment: Comment | None) -> Person:
    if comment:
        return people.known(comment.surface, comment.author)
    id = call.recipient.id or ""
    surfaces: tuple[Surface, ...] = ("messenger", "instagram") if host == "facebook" else ("instagram",)
    found = next((people.people[surface, id] for surface in surfaces if (surface, id) in people.people), None)
    if found is None:
        raise nobody("messenger")
    return found


def _within_limits(people: People, surface: Surface, call: Call, message: Message) -> None:
    if surface == "messenger" and call.messaging_type is None:
        raise invalid("The parameter messaging_type is required")
    if surface == "instagram" and message.text and len(message.text.encode()) > INSTAGRAM_BYTES:
        raise invalid("Length of param message[text] must be less than or equal to 1000", subcode=2534038)
    if surface == "instagram" and call.messaging_type == "MESSAGE_TAG" and call.tag != "HUMAN_AGENT":
        raise invalid("Param tag must be HUMAN_AGENT")
    saved = getattr(message.attachment.payload, "attachment_id", None) if message.attachment else None
    if message.attachment and message.attachment.type in FILE_BYTES:
        if (saved is None) == (getattr(message.attachment.payload, "url", None) is None):
            raise invalid("Param message.attachment.payload needs url or attachment_id", subcode=2018008)
        if saved is not None and saved not in people.media:
            raise invalid("Upload attachment failure: unknown attachment_id", subcode=2018074)


def _act(people: People, person: Person, call: Call) -> Body:
    """Typing, read, reactions: shown while the window is open."""
    if people.now() > person.open_until:
        raise window_closed(person.surface)
    match call.sender_action:
        case "typing_on":
            person.typings.append(people.now())
        case "mark_seen":
            person.read.extend(person.wrote)
        case "react" | "unreact" if call.payload:
            if call.payload.message_id not in person.wrote:
                raise invalid("Invalid message id", subcode=2018320)
            person.reactions.pop(call.payload.message_id, None)
            if call.payload.reaction:
                person.reactions[call.payload.message_id] = call.payload.reaction
    return {"recipient_id": person.ids[0]}


def _show(people: People, person: Person, body: Body, comment: Comment | None) -> Body:
    message = body["message"]
    payload = message.get("attachment", {}).get("payload", {})
    cards = "\n".join(f"{card['title']} {card.get('subtitle', '')}".strip() for card in payload.get("elements", ()))
    words = message.get("text") or payload.get("text") or cards
    labels = tuple(label for label, _ in buttons_of(body, person.surface))
    shown = Shown(people.message_id(person.surface), words, labels, body.get("reply_to", {}).get("mid"),
                  payload.get("url") or payload.get("attachment_id"), message.get("metadata"), "message",
                  people.now(), body)  # fmt: skip
    person.seen.append(shown)
    if comment:
        comment.replied = True
    if people.reports:
        _report(people, person, shown)
    return {"recipient_id": person.ids[0], "message_id": shown.id}


def _report(people: People, person: Person, shown: Shown) -> None:
    people.webhooks.put(echo(person, shown, people.now()))
    if person.surface == "messenger":
        told: dict[str, Any] = {"mids": [shown.id], "watermark": int(people.now() * 1000)}
        people.webhooks.put(messaging(person, people.now(), {"delivery": told}, lane=f"delivery:{shown.id}"))
