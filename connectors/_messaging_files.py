"""Files of Messenger and Instagram: those that come with a message, and how those that go out are referred to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from assistant.errors import Rejected, TransientError
from assistant.types import Attachment
from connectors._messaging_limits import FILE_BYTES, MIB, Surface
from connectors._meta import Graph
from connectors._meta_webhooks import rows

FileKind = Literal["image", "audio", "video", "document", "sticker"]

KINDS: Mapping[str, FileKind] = MappingProxyType(
    {
        "image": "image",
        "audio": "audio",
        "video": "video",
        "file": "document",
        "sticker": "sticker",
        "share": "image",
        "ig_post": "image",
        "post": "image",
        "story": "image",
        "story_mention": "image",
        "ig_story": "image",
        "reel": "video",
        "ig_reel": "video",
    }
)
"""Types of attachments that are files, and what they are taken for: of a post or a story the picture of it.
…/messenger-platform/webhooks/webhook-events/messages, 2026-08; …/instagram-messaging/webhooks, 2026-11."""

FIELD = "filedata"
"""The field of a form that has the file. …/messenger-platform/reference/attachment-upload-api, 2026-11."""

TYPES: Mapping[str, str] = MappingProxyType({"image": "image", "audio": "audio", "video": "video", "document": "file"})
"""Kinds of attachments that can be sent, and what Meta calls them."""

MIME_TYPES: Mapping[str, str] = MappingProxyType(
    {"image": "image/jpeg", "audio": "audio/mp4", "video": "video/mp4", "file": "application/octet-stream"}
)
"""What a file is taken for that does not say."""


def attachments(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The files and places of a message, in order; what is only told of, such as a link, is no file."""
    return tuple(each for told in rows(message, "attachments") for each in _attachment(told))


def linked(message: Mapping[str, Any]) -> str:
    """What a shared link says, title above address: the text of a message that has no other."""
    told = [each for each in rows(message, "attachments") if each.get("type") == "fallback"]
    lines = [each.get(key) or _payload(each).get(key) for each in told for key in ("title", "url")]
    return "\n".join(line for line in lines if isinstance(line, str) and line)


def _attachment(told: Mapping[str, Any]) -> Iterator[Attachment]:
    payload, type = _payload(told), told.get("type")
    if type == "location" and isinstance(place := payload.get("coordinates"), Mapping):
        yield Attachment("location", url=f"geo:{float(place['lat'])},{float(place['long'])}", name=_title(told))
    kind = KINDS.get(type) if isinstance(type, str) else None
    url = payload.get("url")
    if kind is None or not isinstance(url, str) or not url:
        return
    kind = "sticker" if "sticker_id" in payload else kind
    yield Attachment(kind, url=url, name=_file_name(url) if kind == "document" else _title(payload))


def _payload(told: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = told.get("payload")
    return payload if isinstance(payload, Mapping) else {}


def _title(told: Mapping[str, Any]) -> str | None:
    title = told.get("title")
    return title if isinstance(title, str) and title else None


def _file_name(url: str) -> str | None:
    """Meta tells the name of a file in its address only."""
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    return last if "." in last.strip(".") else None


def check_file(attachment: Attachment, surface: Surface) -> None:
    """Raises Rejected: it cannot be sent."""
    type = TYPES.get(attachment.kind)
    if type is None:
        raise Rejected(f"an attachment of kind {attachment.kind!r} cannot be sent to {surface.title}")
    if attachment.data is None and not (attachment.url or attachment.file_id):
        raise Rejected(f"attachment {attachment.name!r} has no data, no file_id and no url")
    if len(attachment.data or b"") > FILE_BYTES[type]:
        limit = FILE_BYTES[type] // MIB
        raise Rejected(f"attachment {attachment.name!r} is larger than the {limit} MiB that {surface.title} takes")


async def reference(attachment: Attachment, graph: Graph, *, path: str | None, surface: Surface) -> dict[str, Any]:
    """The part of a message that shows a file; one that is data is uploaded first, to `path`.

    Raises:
        Rejected: there is no `path`, or Meta does not take the file.
        TransientError: try again.
    """
    type = TYPES[attachment.kind]
    if attachment.data is None:
        saved: dict[str, Any] = {"attachment_id": attachment.file_id} if attachment.file_id else {"url": attachment.url}
        return {"type": type, "payload": saved}
    if path is None:
        raise Rejected(
            f"{graph.name}: {surface.title} with its own login takes no uploads: give attachment {attachment.name!r} a "
            f"public url, or set connectors.{graph.name}.login to 'page'"
        )
    wanted = f'{{"attachment":{{"type":"{type}","payload":{{"is_reusable":true}}}}}}'
    fields = {"message": wanted, **({} if surface.typed else {"platform": "instagram"})}
    answer = await graph.upload(
        path, data=attachment.data, name=attachment.name or type, fields=fields,
        mime_type=attachment.mime_type or MIME_TYPES[type], field=FIELD,
    )  # fmt: skip
    if not answer.get("attachment_id"):
        raise TransientError(f"{graph.name}: Meta took the file {attachment.name!r} and gave it no id")
    return {"type": type, "payload": {"attachment_id": str(answer["attachment_id"])}}
