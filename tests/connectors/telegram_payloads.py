"""Updates of Telegram as its Bot API sends them, to build on."""

from __future__ import annotations

import json
from typing import Any

from assistant.types import Incoming, Webhook
from connectors.telegram import Telegram

TOKEN = "700000001:a-token-of-the-tests"
ANN = {"id": 5, "is_bot": False, "first_name": "Ann", "language_code": "en"}
BOT = {"id": 700000001, "is_bot": True, "first_name": "Test bot", "username": "test_bot"}
PRIVATE = {"id": 5, "type": "private", "first_name": "Ann"}
GROUP = {"id": -900, "type": "group", "title": "Group"}
FORUM = {"id": -100901, "type": "supergroup", "title": "Forum", "is_forum": True}


def message(chat: dict[str, Any] = PRIVATE, **fields: Any) -> dict[str, Any]:
    return {"message_id": 133, "date": 1767224888, "chat": chat, "from": ANN, **fields}


def marked(kind: str, text: str, part: str, **more: Any) -> dict[str, Any]:
    """A text with an entity around `part`, counted in UTF-16 code units."""
    offset, length = (len(piece.encode("utf-16-le")) // 2 for piece in (text[: text.index(part)], part))
    return {"text": text, "entities": [{"type": kind, "offset": offset, "length": length, **more}]}


def webhook(kind: str, content: Any, *, update_id: int = 1001, **headers: str) -> Webhook:
    body = json.dumps({"update_id": update_id, kind: content}).encode()
    return Webhook(method="POST", headers=headers, body=body)


def parsed(kind: str, content: Any, **options: Any) -> list[Incoming]:
    return list(Telegram(token=TOKEN, **{"username": "test_bot", **options}).parse(webhook(kind, content)))
