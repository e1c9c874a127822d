"""Messages as JSON, as the inbox stores them; read with defaults, so that what an older version stored stays readable."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from assistant.types import Address, Attachment, Button, Incoming, Outgoing

Json = dict[str, Any]


def incoming_to_json(message: Incoming) -> Json:
    """What `incoming_from_json` reads; values that are empty are left out."""
    return _full(
        {
            "id": message.id,
            "address": _address_to_json(message.address),
            "sender": message.sender,
            "kind": message.kind,
            "text": message.text,
            "sent_at": message.sent_at.isoformat(),
            "order": message.order,
            "reply_to": message.reply_to,
            "attachments": [_attachment_to_json(attachment) for attachment in message.attachments],
            "raw": dict(message.raw),
            "aliases": list(message.aliases),
        }
    )


def incoming_from_json(record: Mapping[str, Any]) -> Incoming:
    """A stored message; a field that a version did not know yet has its default."""
    return Incoming(
        id=record.get("id", ""),
        address=_address_from_json(record["address"]),
        sender=record.get("sender", ""),
        kind=record.get("kind", "text"),
        text=record.get("text", ""),
        sent_at=_time(record.get("sent_at")),
        order=record.get("order", ""),
        reply_to=record.get("reply_to"),
        attachments=tuple(_attachment_from_json(each) for each in record.get("attachments", ())),
        raw=record.get("raw", {}),
        aliases=tuple(record.get("aliases", ())),
    )


def readable(record: Any) -> Incoming | None:
    """A stored message; None where what is stored is none: one row must not be in the way of the others."""
    try:
        return incoming_from_json(record)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def outgoing_to_json(message: Outgoing) -> Json:
    """What `outgoing_from_json` reads; values that are empty are left out."""
    buttons = [_full({"label": button.label, "data": button.data, "url": button.url}) for button in message.buttons]
    return _full(
        {
            "address": _address_to_json(message.address),
            "text": message.text,
            "reply_to": message.reply_to,
            "buttons": buttons,
            "attachments": [_attachment_to_json(attachment) for attachment in message.attachments],
            "key": message.key,
        }
    )


def outgoing_from_json(record: Mapping[str, Any]) -> Outgoing:
    """A stored part of an answer."""
    buttons = (Button(each.get("label", ""), each.get("data"), each.get("url")) for each in record.get("buttons", ()))
    return Outgoing(
        address=_address_from_json(record["address"]),
        text=record.get("text", ""),
        reply_to=record.get("reply_to"),
        buttons=tuple(buttons),
        attachments=tuple(_attachment_from_json(each) for each in record.get("attachments", ())),
        key=record.get("key"),
    )


def _address_to_json(address: Address) -> Json:
    where = {"connector": address.connector, "account": address.account, "chat": address.chat}
    return {**where, "thread": address.thread} if address.thread is not None else where


def _address_from_json(record: Mapping[str, Any]) -> Address:
    return Address(record["connector"], record.get("account", ""), record.get("chat", ""), record.get("thread"))


def _attachment_to_json(attachment: Attachment) -> Json:
    data = None if attachment.data is None else base64.b64encode(attachment.data).decode("ascii")
    about = {"name": attachment.name, "mime_type": attachment.mime_type, "size": attachment.size}
    where = {"url": attachment.url, "file_id": attachment.file_id, "data": data}
    return {"kind": attachment.kind, **{key: value for key, value in (where | about).items() if value is not None}}


def _attachment_from_json(record: Mapping[str, Any]) -> Attachment:
    data = record.get("data")
    return Attachment(
        kind=record["kind"],
        url=record.get("url"),
        file_id=record.get("file_id"),
        data=None if data is None else base64.b64decode(data),
        name=record.get("name"),
        mime_type=record.get("mime_type"),
        size=record.get("size"),
    )


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.fromtimestamp(0, UTC)


def _full(record: Json) -> Json:
    full = {key: value for key, value in record.items() if value not in (None, "", [], {})}
    text = json.dumps(full, ensure_ascii=False, default=str)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character, which no database can hold
        return dict(json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")))
    return full
