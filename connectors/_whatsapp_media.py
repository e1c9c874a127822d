"""Files on WhatsApp: which kind one goes out as, how it gets there, and how one that came is fetched."""

from __future__ import annotations

import os
from typing import Any

from assistant.errors import Rejected
from assistant.types import Attachment
from connectors._meta import Graph
from connectors._whatsapp_limits import MEDIA, NAME_CHARS, SUFFIXES

USUAL = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mpeg", "sticker": "image/webp"}
"""The type of a file of which neither its type nor its name is told; WhatsApp looks at the content anyway."""

BYTES = "application/octet-stream"
"""The same of a document."""


def sent_as(attachment: Attachment) -> str:
    """The type of message that takes a file: its own kind if WhatsApp takes it as such, else a document.

    Raises:
        Rejected: it is no file, it has no content, or it is larger than any document.
    """
    if attachment.kind not in MEDIA:
        raise Rejected(f"an attachment of kind {attachment.kind!r} cannot be sent to WhatsApp")
    if attachment.data is None and not attachment.file_id and not attachment.url:
        raise Rejected(f"attachment {attachment.name!r} has no data, no file_id and no url")
    size = len(attachment.data) if attachment.data is not None else attachment.size or 0
    for kind in (attachment.kind, "document"):
        medium = MEDIA[kind]
        if size <= medium.max_bytes and (not medium.types or _type(attachment) in medium.types):
            return kind
    raise Rejected(
        f"attachment {attachment.name!r} has {size} bytes; WhatsApp takes {MEDIA['document'].max_bytes} at most"
    )


async def reference(attachment: Attachment, graph: Graph, *, number: str) -> dict[str, str]:
    """How a message names a file: by its address, or by the id it gets when it is uploaded. Raises as `Graph`."""
    if attachment.data is None:
        return {"id": attachment.file_id} if attachment.file_id else {"link": attachment.url or ""}
    kind = sent_as(attachment)
    found = await graph.upload(
        f"{number}/media",
        data=attachment.data,
        name=attachment.name or kind,
        mime_type=_type(attachment),
        fields={"messaging_product": "whatsapp", "type": _type(attachment)},
    )
    return {"id": _text(found, "id", graph.name)}


def medium(attachment: Attachment, at: dict[str, str], caption: str) -> dict[str, Any]:
    """The message of a file that is to be found `at`, with a text under it (the empty one: none)."""
    kind = sent_as(attachment)
    named = {"filename": attachment.name[-NAME_CHARS:]} if kind == "document" and attachment.name else {}
    return {"type": kind, kind: {**at, **named, **({"caption": caption} if caption else {})}}


async def fetched(attachment: Attachment, graph: Graph, *, max_bytes: int) -> bytes:
    """The content of a file that came. Raises as `Graph`, and Rejected: larger than `max_bytes`, or no file."""
    if attachment.file_id is None:
        raise Rejected(f"{graph.name}: an attachment of kind {attachment.kind!r} has no file to fetch")
    too_large = Rejected(f"{graph.name}: the file is larger than {max_bytes} bytes")
    if (attachment.size or 0) > max_bytes:
        raise too_large
    found = await graph.get(attachment.file_id)
    size = found.get("file_size")
    if isinstance(size, int) and size > max_bytes:
        raise too_large
    return await graph.download(_text(found, "url", graph.name), max_bytes=max_bytes, private=True)


def _type(attachment: Attachment) -> str:
    """Its type, by what is said of it, by its name, or by its kind."""
    if attachment.mime_type:
        return attachment.mime_type.partition(";")[0].strip().lower()
    suffix = os.path.splitext(attachment.name or "")[1].lower()
    return SUFFIXES.get(suffix) or USUAL.get(attachment.kind, BYTES)


def _text(found: dict[str, Any], key: str, name: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise Rejected(f"{name}: WhatsApp's answer about a file has no {key!r}")
    return value
