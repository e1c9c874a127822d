"""Webhooks of Meta, the same for its four surfaces: signature, handshake, and the entries of one object."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from assistant.errors import InvalidWebhook
from assistant.payload import check_signature, read_json
from assistant.types import Webhook

CALLBACK = "meta"
"""`callback` of the four connectors: one application of Meta sends the events of all its surfaces to one URL."""

HEADER = "X-Hub-Signature-256"
"""developers.facebook.com/docs/graph-api/webhooks/getting-started, 2026-11. The older SHA-1 header is never read."""

CHALLENGE = re.compile(r"[A-Za-z0-9_.-]{1,256}")
"""What Meta sends to be echoed; nothing that a browser could take for a page is."""


MILLISECONDS = 10**11
"""From here on a time is not in seconds, as which it would be in the year 5138: Meta writes both."""

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError, RecursionError)
"""What reading an event raises that is not as it should be; it is left out, and the others of its batch are read."""


def verify(webhook: Webhook, *, app_secret: str) -> None:
    """Compare the signature with that of the raw body, by HMAC-SHA256 and no other whatever the header names.

    Raises:
        InvalidWebhook: another secret or another body, or there is no secret to compare with.
    """
    try:
        check_signature(webhook, header=HEADER, secret=app_secret, prefix="sha256=")
    except InvalidWebhook as error:
        hint = ": is app_secret that of the app that sends?" if webhook.headers.get(HEADER) else ""
        raise InvalidWebhook(f"{error}{hint}") from None


def handshake(webhook: Webhook, *, verify_token: str) -> str:
    """The challenge of a GET by which Meta proves a URL.

    Raises:
        InvalidWebhook: it is no such request, or it has another token.
    """
    query = webhook.query
    given = query.get("hub.verify_token", "")
    same = hmac.compare_digest(given.encode(errors="replace"), verify_token.encode(errors="replace"))
    challenge = query.get("hub.challenge", "")
    if not verify_token or not same or query.get("hub.mode") != "subscribe" or not CHALLENGE.fullmatch(challenge):
        raise InvalidWebhook("the query does not prove that Meta asks: hub.mode, hub.verify_token or hub.challenge")
    return challenge


def read(webhook: Webhook, *, object: str) -> list[dict[str, Any]]:
    """Every entry of a request that is about `object`; none where it is about another.

    Raises:
        InvalidWebhook: the body is not JSON, or no object of JSON.
    """
    body = read_json(webhook)
    if not isinstance(body, dict) or not isinstance(body.get("object"), str):
        raise InvalidWebhook("the body has no `object`, so it is no webhook of Meta")
    return rows(body, "entry") if body["object"] == object else []


def rows(value: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The members of the list at `key` that are objects; none where there is no list."""
    found = value.get(key)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def moment(time: Any) -> datetime:
    """A time of Meta's, in seconds or milliseconds, as a number or in digits. Raises one of `MALFORMED`: it is none."""
    if isinstance(time, bool):
        raise TypeError(f"{time!r} is no time")
    number = int(time)
    return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS else number, UTC)
