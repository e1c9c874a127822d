"""Files that come with a message of Telegram, and how those that go out are sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from assistant.types import Attachment

FileKind = Literal["image", "audio", "video", "document", "sticker"]

FIELDS: Mapping[str, tuple[FileKind, str | None]] = {
    "animation": ("video", "video/mp4"),
    "audio": ("audio", None),
    "document": ("document", None),
    "sticker": ("sticker", None),
    "video": ("video", None),
    "video_note": ("video", "video/mp4"),
    "voice": ("audio", "audio/ogg"),
}
"""Fields of a message that hold a file, its kind, and its type where Telegram need not say it."""


def attachments(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The files, the place and the contact of a message; of a photo the largest size."""
    return (*_files(message), *_places(message))


def _files(message: Mapping[str, Any]) -> Iterator[Attachment]:
    if sizes := message.get("photo"):
        largest = max(sizes, key=lambda size: size.get("width", 0) * size.get("height", 0))
        yield _file("image", largest, "image/jpeg")
    for field, (kind, mime_type) in FIELDS.items():
        if field in message and not (field == "document" and "animation" in message):  # the same file twice
            yield _file(kind, message[field], _sticker_type(message[field]) if kind == "sticker" else mime_type)


def _file(kind: FileKind, file: Mapping[str, Any], mime_type: str | None) -> Attachment:
    return Attachment(
        kind,
        file_id=file["file_id"],
        name=file.get("file_name"),
        mime_type=file.get("mime_type", mime_type),
        size=file.get("file_size"),
    )


def _sticker_type(sticker: Mapping[str, Any]) -> str:
    if sticker.get("is_animated"):
        return "application/x-tgsticker"
    return "video/webm" if sticker.get("is_video") else "image/webp"


def _places(message: Mapping[str, Any]) -> Iterator[Attachment]:
    if place := message.get("location"):
        name = (message.get("venue") or {}).get("title")
        yield Attachment("location", url=f"geo:{place['latitude']},{place['longitude']}", name=name)
    if contact := message.get("contact"):
        name = " ".join(filter(None, (contact.get("first_name"), contact.get("last_name"))))
        yield Attachment("contact", url=f"tel:{contact['phone_number']}", name=name or None)
