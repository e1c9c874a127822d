"""Webhooks of WhatsApp as Meta sends them, to build on."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from assistant.types import Incoming, Webhook
from connectors.whatsapp import WhatsApp

NUMBER = "120000000000001"
PHONE = "15550002222"
USER = "US.13491208655302741918"
PARENT = "US.ENT.11815799212886844830"
SECRET = "app-secret-of-the-tests"
WORD = "verify-token-of-the-tests"
TOKEN = "EAAaccess-token-of-the-tests"


def connector(**options: Any) -> WhatsApp:
    wanted = {"access_token": TOKEN, "phone_number_id": NUMBER, "app_secret": SECRET, "verify_token": WORD, **options}
    return WhatsApp(**wanted)


def message(type: str, content: Any = None, **fields: Any) -> dict[str, Any]:
    said = {} if content is None else {type: content}
    return {"from": PHONE, "id": "wamid.ONE", "timestamp": "1772998024", "type": type, **said, **fields}


def text(body: str = "hello", **fields: Any) -> dict[str, Any]:
    return message("text", {"body": body}, **fields)


def change(field: str = "messages", *, number: str = NUMBER, **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "15550001111", "phone_number_id": number}
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def body(*changes: dict[str, Any], object: str = "whatsapp_business_account") -> bytes:
    return json.dumps({"object": object, "entry": [{"id": "110000000000001", "changes": list(changes)}]}).encode()


def signed(content: bytes, secret: str = SECRET) -> Webhook:
    signature = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return Webhook(method="POST", headers={"X-Hub-Signature-256": f"sha256={signature}"}, body=content)


def parsed(*changes: dict[str, Any], **options: Any) -> list[Incoming]:
    return list(connector(**options).parse(signed(body(*changes))))


def one(item: dict[str, Any], **value: Any) -> Incoming:
    """The event of one message."""
    [event] = parsed(change(messages=[item], **value))
    return event
