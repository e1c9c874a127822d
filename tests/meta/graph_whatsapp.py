"""The Cloud API's messages and media at the fake Graph server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graph_events import phone_of, user_id_of, whatsapp_status
from graph_people import People, buttons_of
from graph_refusal import RE_ENGAGEMENT, blocked, invalid, nobody, unknown, whatsapp, window_closed
from graph_shapes import read
from graph_whatsapp_shapes import Message, Read
from graph_world import Media, Person, Shown
from whatsapp_contract import complaints

Body = dict[str, Any]

MEGABYTE = 1024 * 1024
SIZES = {"image": 5, "audio": 16, "video": 16, "text": 100, "application": 100}
"""Megabytes of a file; documentation/business-messaging/whatsapp/business-phone-numbers/media, 2026-06."""

KINDS = {"image/jpeg", "image/png", "image/webp", "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg",
         "video/mp4", "video/3gpp", "text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel",
         "application/vnd.ms-powerpoint", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
         "application/vnd.openxmlformats-officedocument.presentationml.presentation",
         "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}  # fmt: skip
"""What may be uploaded, same page."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that people will see: for whom, and what does it."""

    surface: str
    person: Person | None
    do: Callable[[], Body]


def messages(people: People, body: Body, *, window_errors: str = "refuse") -> Deed | Body:
    """`POST /{phone-number-id}/messages`. Raises Refusal."""
    if "status" in body:
        return _read(people, read(Read, body, cloud_api=True))
    message: Message = read(Message, body, cloud_api=True)
    if found := complaints(body):
        raise invalid(f"not in the contract: {'; '.join(found)}")
    person = _recipient(people, message)
    _file_is_there(people, body.get(message.type, {}))
    late = message.type != "template" and people.now() > person.open_until
    if message.template:
        _template_is_there(people, body["template"])
    if person.blocked:
        raise blocked("whatsapp")
    if late and window_errors == "refuse":
        raise window_closed("whatsapp")
    if message.reaction:
        return Deed("whatsapp", person, lambda: _react(people, person, body))
    return Deed("whatsapp", person, lambda: _show(people, person, message, body, late=late))


def upload(people: People, fields: Body, file: Media | None) -> Body:
    """`POST /{phone-number-id}/media`. Raises Refusal."""
    if fields.get("messaging_product") != "whatsapp":
        raise invalid("The parameter messaging_product is required.")
    if file is None:
        raise invalid("The parameter file is required.")
    kind = file.mime_type.partition(";")[0]
    if kind not in KINDS:
        message = f"Param file must be a file with one of the following types: {', '.join(sorted(KINDS))}. Received file of type '{kind}'."  # fmt: skip
        raise invalid(message)
    if len(file.data) > SIZES[kind.partition("/")[0]] * MEGABYTE:
        raise whatsapp(131053, "Media upload error", "The file is too large.")
    return {"id": people.store(file.data, file.name, file.mime_type).id}


def media(people: People, id: str, url: str) -> Body:
    """`GET /{media-id}`: where the file is, for five minutes."""
    kept = people.media.get(id)
    if kept is None:
        raise unknown(id)
    digest = hashlib.sha256(kept.data).hexdigest()
    return {"messaging_product": "whatsapp", "url": f"{url}/whatsapp_business/attachments/?mid={id}", "id": id,
            "mime_type": kept.mime_type, "sha256": digest, "file_size": len(kept.data)}  # fmt: skip


def _recipient(people: People, message: Message) -> Person:
    """Who gets it; where both are given the number counts."""
    id = message.to.lstrip("+") if message.to else message.recipient or ""
    return people.known("whatsapp", id)


def _read(people: People, call: Read) -> Body:
    person = next((each for each in people.people.values() if call.message_id in each.wrote), None)
    if person is None:
        raise whatsapp(131009, "Parameter value is not valid", "message_id is no message that was received")
    person.read.append(call.message_id)
    if call.typing_indicator:
        person.typings.append(people.now())
    return {"success": True}


def _file_is_there(people: People, content: Any) -> None:
    if isinstance(content, dict) and "id" in content and content["id"] not in people.media:
        raise invalid(f"Param id is not a valid whatsapp business account media attachment ID: {content['id']!r}")


def _template_is_there(people: People, template: Body) -> None:
    name, code = template["name"], template["language"]["code"]
    wanted = people.templates.get((name, code))
    if wanted is None:
        details = f"template name ({name}) does not exist in {code}"
        raise whatsapp(132001, "Template name does not exist in the translation", details, status=404)
    bodies = [part.get("parameters", []) for part in template.get("components", ()) if part["type"] == "body"]
    given = sum(map(len, bodies))
    if given != wanted:
        details = (
            f"body: number of localizable_params ({given}) does not match the expected number of params ({wanted})"
        )
        raise whatsapp(132000, "Number of parameters does not match the expected number of params", details)


def _answer(person: Person, body: Body, id: str) -> Body:
    told = {"input": body.get("to") or body.get("recipient")}
    if phone := phone_of(person):
        told["wa_id"] = phone
    if user_id := user_id_of(person):
        told["user_id"] = user_id
    return {"messaging_product": "whatsapp", "contacts": [told], "messages": [{"id": id}]}


def _react(people: People, person: Person, body: Body) -> Body:
    reaction = body["reaction"]
    if reaction["message_id"] not in person.wrote and reaction["message_id"] not in {each.id for each in person.seen}:
        raise nobody("whatsapp")
    if reaction["emoji"]:
        person.reactions[reaction["message_id"]] = reaction["emoji"]
    else:
        person.reactions.pop(reaction["message_id"], None)
    return _answer(person, body, people.message_id("whatsapp"))


def _show(people: People, person: Person, message: Message, body: Body, *, late: bool) -> Body:
    content = body[message.type]
    words = (
        content.get("body", content.get("caption", "")) if message.type != "interactive" else content["body"]["text"]
    )
    labels = tuple(label for label, _ in buttons_of(body, "whatsapp"))
    answered = message.context.message_id if message.context else None
    shown = Shown(people.message_id("whatsapp"), words, labels, answered,
                  content.get("id") or content.get("link"), body.get("biz_opaque_callback_data"), message.type,
                  people.now(), body)  # fmt: skip
    if not late:
        person.seen.append(shown)
    if people.reports:
        _report(people, person, shown, late=late)
    return _answer(person, body, shown.id)


def _report(people: People, person: Person, shown: Shown, *, late: bool) -> None:
    if late:
        error = {"code": 131047, "title": "Re-engagement message", "message": "Re-engagement message",
                 "error_data": {"details": RE_ENGAGEMENT},
                 "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"}  # fmt: skip
        people.webhooks.put(whatsapp_status(person, shown, "failed", people.now(), error))
        return
    for status in ("sent", "delivered"):
        people.webhooks.put(whatsapp_status(person, shown, status, people.now()))
