"""WhatsApp at the fake Graph server as the contract suite of connectors wants to see a platform."""

from __future__ import annotations

import re
from collections.abc import Sequence

from graph_platform import GraphPlatform

from assistant.testing.platform import Sent
from assistant.types import Address, Attachment

STYLES = re.compile(r"(?<!\w)([*_~])(?=\S)(?P<styled>[^\n]*?\S)\1(?!\w)")
FENCE = re.compile(r"```(.*?)```", re.DOTALL)
QUOTE = re.compile(r"^> ", re.MULTILINE)
"""Marks that WhatsApp takes out: *bold*, _italic_, ~struck~, ```code```, `code`, > quotes; faq.whatsapp.com, 2026."""


class WhatsAppPlatform(GraphPlatform):
    """People on WhatsApp; a chat is a telephone number or a business-scoped id."""

    surface = "whatsapp"

    def messages(self, address: Address) -> Sequence[Sent]:
        """What the person has on the screen from the number."""
        return [Sent(read(shown.text), len(shown.text), shown.id, shown.buttons) for shown in self.person(address).seen]

    def add_file(self, data: bytes, *, name: str) -> Attachment:
        """A document that a person sent."""
        kept = self.graph.store(data, name, "application/octet-stream")
        return Attachment("document", file_id=kept.id, name=name, mime_type=kept.mime_type)


def read(text: str) -> str:
    """A text as it is seen, without marks; code is left as it is."""
    pieces = FENCE.split(text)
    return "".join(piece if number % 2 else _styled(piece) for number, piece in enumerate(pieces))


def _styled(text: str) -> str:
    pieces = re.split(r"`([^`\n]+)`", QUOTE.sub("", text))
    return "".join(piece if number % 2 else _unmarked(piece) for number, piece in enumerate(pieces))


def _unmarked(text: str) -> str:
    while (bare := STYLES.sub(r"\g<styled>", text)) != text:
        text = bare
    return text
