"""Who may call what at the fake Graph server: version, token, proof, and the ids that a token reaches.

developers.facebook.com/docs: graph-api/changelog/versions (2026-10-29), graph-api/guides/secure-requests (appsecret_proof),
instagram-platform (graph.instagram.com takes tokens of Instagram Login only).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from accounts import (
    APP_SECRET,
    INSTAGRAM_ID,
    INSTAGRAM_TOKEN,
    PAGE_ID,
    PAGE_TOKEN,
    PHONE_NUMBER_ID,
    WABA_ID,
    WHATSAPP_TOKEN,
)
from graph_refusal import Refusal

Host = Literal["facebook", "instagram"]

ENDS: dict[str, date | None] = {
    "v27.0": None,
    "v26.0": None,
    "v25.0": date(2028, 7, 29),
    "v24.0": date(2028, 2, 18),
    "v23.0": date(2027, 10, 8),
    "v22.0": date(2027, 5, 20),
    "v21.0": date(2027, 1, 21),
    "v20.0": date(2026, 9, 24),
    "v19.0": date(2026, 5, 21),
    "v17.0": date(2025, 9, 12),
}
"""Versions and their last days. Meta serves an ended one with the oldest that is left; here it is refused."""

SYSTEM_USER_ID = "140000000000001"
INSTAGRAM_SCOPED_ID = "25000000000000001"
"""Who `me` is for the tokens of WhatsApp and of Instagram Login; the second is not the id that webhooks have."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A token: where it is taken, who it is, and the ids it reaches beside that."""

    host: Host
    me: str
    reaches: frozenset[str]
    status: int


GRANTS = {
    WHATSAPP_TOKEN: Grant("facebook", SYSTEM_USER_ID, frozenset({WABA_ID, PHONE_NUMBER_ID}), 401),
    PAGE_TOKEN: Grant("facebook", PAGE_ID, frozenset({INSTAGRAM_ID}), 400),
    INSTAGRAM_TOKEN: Grant("instagram", INSTAGRAM_SCOPED_ID, frozenset({INSTAGRAM_ID}), 400),
}
"""Every token there is."""


def check_version(version: str) -> None:
    """Raises Refusal: there is none of that name, or it has ended."""
    today = datetime.now(UTC).date()
    if version not in ENDS:
        raise Refusal(400, 2500, f"Unknown path components: /{version}")
    ends = ENDS[version]
    if ends is not None and ends <= today:
        raise Refusal(400, 2635, f"(#2635) You are calling a version of the Graph API that ended: {version}")


def known(host: Host, token: str | None) -> Grant:
    """What a token is for. Raises Refusal: there is none, or it is taken elsewhere."""
    if not token:
        raise Refusal(400, 104, "An access token is required to request this resource.")
    grant = GRANTS.get(token)
    if grant is None or grant.host != host:
        raise Refusal(grant.status if grant else 401, 190, "Invalid OAuth access token - Cannot parse access token")
    return grant


def granted(host: Host, token: str | None, proof: str | None, *, secret: str = APP_SECRET) -> Grant:
    """What the caller may do. Raises Refusal: no token, a wrong one, or no proof that the caller knows the secret."""
    grant = known(host, token)
    expected = hmac.new(secret.encode(), (token or "").encode(), hashlib.sha256).hexdigest()
    if proof is None:
        message = "API calls from the server require an appsecret_proof argument"
        raise Refusal(400, 100, message, kind="GraphMethodException")
    if not re.fullmatch("[0-9a-f]{64}", proof) or not hmac.compare_digest(proof, expected):
        message = "Invalid appsecret_proof provided in the API argument"
        raise Refusal(400, 100, message, kind="GraphMethodException")
    return grant


def without_capability() -> Refusal:
    """A call on an edge that exists, by an application that may not."""
    return Refusal(400, 3, "(#3) Application does not have the capability to make this API call.")
