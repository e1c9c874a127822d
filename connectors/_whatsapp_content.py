"""What a message of WhatsApp says: from the object of its type to kind, text and attachments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from assistant.types import Attachment, Kind
from connectors._meta_commands import command

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What was said. `about` is the message concerned, where it is not the one replied to; `id` where it is not the message's."""

    kind: Kind
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    about: str | None = None
    id: str | None = None


def content(message: Json) -> Content:
    """What a message says. One that WhatsApp or this module does not know is a medium without a file: it can be answered,
    not read.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not what its type promises.
    """
    reader = READERS.get(message["type"])
    return reader(message) if reader else Content("media")


def _text(message: Json) -> Content:
    text = message["text"]["body"]
    if not isinstance(text, str):
        raise TypeError(f"the body of a text is {type(text).__name__}")
    typed = command(text)
    return Content("command", typed) if typed else Content("text", text)


def _file(kind: Literal["image", "audio", "video", "document", "sticker"]) -> Callable[[Json], Content]:
    def read(message: Json) -> Content:
        file = message[kind]
        name = file.get("filename")
        found = Attachment(kind, file_id=str(file["id"]), name=name and str(name), mime_type=file.get("mime_type"))
        return Content("media", str(file.get("caption") or ""), (found,))

    return read


def _location(message: Json) -> Content:
    place = message["location"]
    name = ", ".join(str(place[key]) for key in ("name", "address") if place.get(key))
    where = f"geo:{float(place['latitude'])},{float(place['longitude'])}"
    return Content("media", "", (Attachment("location", url=where, name=name or None),))


def _contacts(message: Json) -> Content:
    return Content("media", "", tuple(_cards(message["contacts"])))


def _cards(cards: list[Json]) -> Iterator[Attachment]:
    """A card without a number and an e-mail address is none that can be written down."""
    for card in cards:
        phones = [str(phone["phone"]) for phone in card.get("phones", ()) if phone.get("phone")]
        mails = [str(mail["email"]) for mail in card.get("emails", ()) if mail.get("email")]
        name = (card.get("name") or {}).get("formatted_name")
        links = [f"tel:{phone}" for phone in phones] + [f"mailto:{mail}" for mail in mails]
        if links:
            yield Attachment("contact", url=links[0], name=name and str(name))


def _template_button(message: Json) -> Content:
    button = message["button"]
    return Content("button", str(button.get("payload") or button["text"]))


def _interactive(message: Json) -> Content:
    reply = message["interactive"]
    kind = reply["type"]
    if kind in ("button_reply", "list_reply"):
        return Content("button", str(reply[kind]["id"]))
    return Content("button", _form(reply[kind])) if kind == "nfm_reply" else Content("media")


def _form(reply: Json) -> str:
    """What was entered into a form (a Flow), a line for each field."""
    entered = json.loads(reply["response_json"])
    fields = entered if isinstance(entered, dict) else {}
    return "\n".join(f"{key}: {value}" for key, value in fields.items() if key != "flow_token") or str(reply["body"])


def _reaction(message: Json) -> Content:
    reaction = message["reaction"]
    return Content("reaction", str(reaction.get("emoji") or ""), about=str(reaction["message_id"]))


def _order(message: Json) -> Content:
    return Content("media", str(message["order"].get("text") or ""))


def _edit(message: Json) -> Content:
    about = str(message["edit"]["original_message_id"])
    said = content(message["edit"]["message"])
    return replace(said, kind="edit", about=about, id=f"{about}:edit:{int(message['timestamp'])}")


def _revoke(message: Json) -> Content:
    about = str(message["revoke"]["original_message_id"])
    return Content("delete", about=about, id=f"{about}:delete")


def _welcome(message: Json) -> Content:
    """A chat was opened that has nothing in it yet."""
    return Content("command", "/start")


READERS: Mapping[str, Callable[[Json], Content]] = {
    "text": _text,
    "image": _file("image"),
    "audio": _file("audio"),
    "video": _file("video"),
    "document": _file("document"),
    "sticker": _file("sticker"),
    "location": _location,
    "contacts": _contacts,
    "button": _template_button,
    "interactive": _interactive,
    "reaction": _reaction,
    "order": _order,
    "edit": _edit,
    "revoke": _revoke,
    "request_welcome": _welcome,
}
"""One reader for each type of a message. developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/
messages, 2026-08; `system`, which says who somebody is, is read in `_whatsapp_updates`."""
