"""Comments as Meta tells of them, to build on.

Shapes: developers.facebook.com/docs/graph-api/webhooks/reference/page (field feed) and …/reference/instagram (comments,
live_comments), developers.facebook.com/docs/instagram-platform/webhooks/examples (the second shape of an entry), 2026-11.
No recorded ones of comments are published; ids have the form of real ones, and belong to nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from accounts import APP_SECRET, INSTAGRAM_ID, PAGE_ID, PAGE_TOKEN, VERIFY_TOKEN

from assistant.types import Incoming, Webhook
from connectors.facebook import Facebook

ANN, BEN = "5100000000000001", "5100000000000002"
POST, OTHER = f"{PAGE_ID}_122100000000001", f"{PAGE_ID}_122100000000009"
COMMENT, REPLY = "122100000000001_700000000000001", "122100000000001_700000000000002"
AT = 1_793_000_000
MEDIUM, IG_ANN, IG_COMMENT = "18000000000000001", "6100000000000001", "17900000000000001"
SECRETS = {"page_access_token": PAGE_TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN}


def feed(
    text: str | None = "When do you open?", *, verb: str | None = "add", author: Any = ANN, **fields: Any
) -> dict[str, Any]:
    """A comment on the Page; a field that is None is left out."""
    value = {
        "item": "comment", "verb": verb, "comment_id": COMMENT, "post_id": POST, "parent_id": POST,
        "from": {"id": author, "name": "Ann Example"}, "message": text, "created_time": AT,
        "post": {"id": POST, "status_type": "mobile_status_update", "is_published": True, "promotion_status": "inactive"},
        **fields,
    }  # fmt: skip
    return {"field": "feed", "value": {key: value for key, value in value.items() if value is not None}}


def instagram(
    text: str = "Do you ship?", *, field: str = "comments", author: str = IG_ANN, **fields: Any
) -> dict[str, Any]:
    """A comment on the Instagram account."""
    value = {"id": IG_COMMENT, "from": {"id": author, "username": "ann.example"}, "text": text,
             "media": {"id": MEDIUM, "media_product_type": "FEED"}, **fields}  # fmt: skip
    return {"field": field, "value": value}


def entry(*changes: dict[str, Any], id: str = PAGE_ID, time: int = AT, **more: Any) -> dict[str, Any]:
    return {"id": id, "time": time, **({"changes": list(changes)} if changes else {}), **more}


def body(*changes: dict[str, Any]) -> bytes:
    """Changes of the Page, or of the account where the first is of Instagram."""
    on_page = changes[0]["field"] not in ("comments", "live_comments", "mentions")
    object, id = ("page", PAGE_ID) if on_page else ("instagram", INSTAGRAM_ID)
    return json.dumps({"object": object, "entry": [entry(*changes, id=id)]}).encode()


def signed(content: bytes, secret: str = APP_SECRET) -> Webhook:
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return Webhook(method="POST", headers={"X-Hub-Signature-256": f"sha256={digest}"}, body=content)


def facebook(**options: Any) -> Facebook:
    return Facebook(**{"page_id": PAGE_ID, "instagram_account_id": INSTAGRAM_ID, **SECRETS, **options})


def parsed(*changes: dict[str, Any], **options: Any) -> list[Incoming]:
    return list(facebook(**options).parse(signed(body(*changes))))
