"""What WhatsApp allows: lengths, rates, the window, and the files it takes, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from assistant.connector import Rate

TEXT_CHARS = 4096
"""Characters of a text. developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages, 2026-05."""

CAPTION_CHARS = 1024
"""Characters under a picture, a film or a document. …/whatsapp/messages/image-messages, 2026-05."""

INTERACTIVE_CHARS = 1024
"""Characters above buttons or a list. …/whatsapp/messages/interactive-reply-buttons-messages, 2026-05."""

REPLY_BUTTONS = 3
TITLE_CHARS = 20
BUTTON_BYTES = 256
"""Buttons under a message, what is written on one, and what it carries; the titles of a message differ. Same page."""

ROWS = 10
ROW_CHARS = 24
ROW_DETAIL_CHARS = 72
ROW_BYTES = 200
"""Rows of a list, what is written in one, what is written below that, and what a row carries.
…/whatsapp/messages/interactive-list-messages, 2026-08."""

KEY_CHARS = 512
"""Of `biz_opaque_callback_data`, which comes back with what became of a message. …/whatsapp/changelog, 2024-02."""

TEMPLATE_CHARS = 1024
"""Characters of a template's body, its parameters filled in. …/whatsapp/templates/components, 2026-05."""

TYPING_SECONDS = 25.0
"""How long typing is shown, or until a message arrives. …/whatsapp/typing-indicators, 2026-06-17."""

RATES = (Rate(1, 6.0, "chat"), Rate(80, 1.0, "account"))
"""Messages to one person, beyond which error 131056 comes, and of one number, beyond which 130429 comes.
…/whatsapp/throughput, 2026-05-21."""

WINDOW_SECONDS = 24 * 3600.0
"""How long after a person's message anything but a template may be sent. …/whatsapp/messages/send-messages, 2026-05-21.

The 72 hours that a click on an advertisement opens are of the price list: within them nothing costs, but without a message
of the person in the last 24 hours only templates go through. support.myoperator.com on free entry points, 2025-09.
"""


@dataclass(frozen=True, slots=True)
class Medium:
    """What WhatsApp takes as one kind of file; no `types`: any."""

    max_bytes: int
    types: frozenset[str]
    caption: bool = True


MIB = 1024 * 1024

MEDIA: Mapping[str, Medium] = MappingProxyType(
    {
        "image": Medium(5 * MIB, frozenset({"image/jpeg", "image/png"})),
        "video": Medium(16 * MIB, frozenset({"video/mp4", "video/3gpp"})),
        "audio": Medium(
            16 * MIB, frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}), caption=False
        ),
        "sticker": Medium(500 * 1024, frozenset({"image/webp"}), caption=False),
        "document": Medium(100 * MIB, frozenset()),
    }
)
"""The kinds of files that can be sent; whatever does not fit its own is sent as a document.
…/whatsapp/business-phone-numbers/media, 2026-05; docs.aws.amazon.com/social-messaging supported-media-types, 2026."""

NAME_CHARS = 240
"""Characters of a document's name; the end of a longer one is sent. …/whatsapp/messages/document-messages, 2026-05."""

SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        ".aac": "audio/aac",
        ".amr": "audio/amr",
        ".m4a": "audio/mp4",
        ".mp3": "audio/mpeg",
        ".ogg": "audio/ogg",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".png": "image/png",
        ".webp": "image/webp",
        ".mp4": "video/mp4",
        ".3gp": "video/3gpp",
        ".txt": "text/plain",
        ".pdf": "application/pdf",
        ".doc": "application/msword",
        ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ".xls": "application/vnd.ms-excel",
        ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ".ppt": "application/vnd.ms-powerpoint",
        ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    }
)
"""Types that WhatsApp names, by the end of a file's name. Same pages."""
