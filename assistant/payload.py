"""What the `verify` and `parse` of a connector begin with: a proof compared in constant time, and bytes read as JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from pydantic_core import from_json

from assistant.errors import InvalidWebhook
from assistant.types import Webhook


def check_signature(webhook: Webhook, *, header: str, secret: str, prefix: str = "") -> None:
    """Compare a header with the HMAC-SHA256 of the raw body, in hexadecimal after `prefix`.

    Raises:
        InvalidWebhook: there is no secret, no such header, or it is of another body or another secret.
    """
    signature = hmac.new(secret.encode(), webhook.body, hashlib.sha256).hexdigest()
    _compare(webhook, header, secret, prefix + signature)


def check_word(webhook: Webhook, *, header: str, secret: str) -> None:
    """Compare a header with the secret that the platform was told to send in it.

    Raises:
        InvalidWebhook: there is no secret, no such header, or it holds something else.
    """
    _compare(webhook, header, secret, secret)


def read_json(webhook: Webhook) -> Any:
    """The body as JSON; halves of a surrogate pair, which cannot be stored, become a question mark.

    Raises:
        InvalidWebhook: it is not JSON, is nested beyond 200 levels, or has a number of thousands of digits.
    """
    try:
        return from_json(webhook.body, allow_inf_nan=False)
    except ValueError:
        return _repaired(webhook.body)


def _compare(webhook: Webhook, header: str, secret: str, expected: str) -> None:
    given = webhook.headers.get(header, "")
    if not secret or not hmac.compare_digest(given.encode(errors="replace"), expected.encode()):
        raise InvalidWebhook(f"header {header!r} does not prove where the request comes from")


def _repaired(body: bytes) -> Any:
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
        return from_json(text.encode(errors="replace"), allow_inf_nan=False)
    except (ValueError, RecursionError):
        raise InvalidWebhook("the body is not JSON that can be read") from None
