"""Webhooks of Messenger and Instagram as Meta sends them, to build on."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from assistant.types import Webhook

PERSON = "200000000000001"
TIME = 1772998024000


def event(account: str, *, person: str = PERSON, at: int = TIME, ours: bool = False, **content: Any) -> dict[str, Any]:
    """One event; `ours`: from the account to the person."""
    sides = ({"id": account}, {"id": person}) if ours else ({"id": person}, {"id": account})
    return {"sender": sides[0], "recipient": sides[1], "timestamp": at, **content}


def body(object: str, account: str, *events: dict[str, Any], place: str = "messaging") -> bytes:
    return json.dumps({"object": object, "entry": [{"id": account, "time": TIME, place: list(events)}]}).encode()


def signed(content: bytes, secret: str) -> Webhook:
    signature = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return Webhook(method="POST", headers={"X-Hub-Signature-256": f"sha256={signature}"}, body=content)
