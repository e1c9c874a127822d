"""What can be read of the accounts and of the application at the fake Graph server, and who is subscribed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts import (
    APP_ID,
    INSTAGRAM_ID,
    INSTAGRAM_TOKEN,
    PAGE_ID,
    PAGE_TOKEN,
    PHONE_NUMBER,
    PHONE_NUMBER_ID,
    WABA_ID,
    WHATSAPP_TOKEN,
)
from graph_access import INSTAGRAM_SCOPED_ID, SYSTEM_USER_ID
from graph_refusal import Refusal, invalid, unknown
from graph_world import World

NODES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    SYSTEM_USER_ID: ("User", {"id": SYSTEM_USER_ID, "name": "System user"}, ("id", "name")),
    WABA_ID: (
        "WhatsAppBusinessAccount",
        {"id": WABA_ID, "name": "Test account", "currency": "EUR", "timezone_id": "1",
         "account_review_status": "APPROVED"},
        ("id", "name", "currency", "timezone_id"),
    ),
    PHONE_NUMBER_ID: (
        "WhatsAppBusinessPhoneNumber",
        {"id": PHONE_NUMBER_ID, "display_phone_number": f"+{PHONE_NUMBER}", "verified_name": "Test bot",
         "quality_rating": "GREEN", "code_verification_status": "VERIFIED", "name_status": "APPROVED",
         "platform_type": "CLOUD_API", "status": "CONNECTED", "throughput": {"level": "STANDARD"},
         "is_official_business_account": False, "messaging_limit_tier": "TIER_1K"},
        ("verified_name", "code_verification_status", "display_phone_number", "quality_rating", "platform_type", "id"),
    ),
    PAGE_ID: (
        "Page",
        {"id": PAGE_ID, "name": "Test page", "username": "test.page", "category": "Shop", "is_published": True,
         "instagram_business_account": {"id": INSTAGRAM_ID}},
        ("id", "name"),
    ),
    INSTAGRAM_ID: (
        "IGUser",
        {"id": INSTAGRAM_ID, "username": "test_account", "name": "Test account"},
        ("id", "username"),
    ),
    INSTAGRAM_SCOPED_ID: (
        "IGUser",
        {"id": INSTAGRAM_SCOPED_ID, "user_id": INSTAGRAM_ID, "username": "test_account", "name": "Test account",
         "account_type": "BUSINESS"},
        ("id",),
    ),
}  # fmt: skip
"""Id to the name of its type, its fields, and those that are given where none are asked for."""

SCOPES = {
    WHATSAPP_TOKEN: ("whatsapp_business_messaging", "whatsapp_business_management"),
    PAGE_TOKEN: ("pages_messaging", "pages_manage_metadata", "pages_read_engagement", "pages_manage_engagement",
                 "pages_read_user_content", "pages_show_list", "instagram_basic", "instagram_manage_messages",
                 "instagram_manage_comments"),
    INSTAGRAM_TOKEN: ("instagram_business_basic", "instagram_business_manage_messages",
                      "instagram_business_manage_comments"),
}  # fmt: skip
"""Permissions of each token; a test may take some away."""


def node(id: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """The fields of an object. Raises Refusal: there is no such object, or no such field."""
    if id not in NODES:
        raise unknown(id)
    kind, fields, shown = NODES[id]
    names = [name.partition("{")[0] for name in asked["fields"].split(",")] if asked.get("fields") else list(shown)
    for name in names:
        if name not in fields:
            raise Refusal(400, 100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({kind})")
    return {name: fields[name] for name in dict.fromkeys([*names, "id"])}


class Subscriptions:
    """Which fields of each account the application is told."""

    def __init__(self) -> None:
        self.fields: dict[str, list[str]] = {}

    def read(self, id: str) -> dict[str, Any]:
        """The application, where it is subscribed."""
        told: dict[str, Any] = {"id": APP_ID, "name": "Test application", "subscribed_fields": self.fields.get(id)}
        if id == WABA_ID:
            told = {
                "whatsapp_business_api_data": {"id": APP_ID, "name": "Test application", "link": "https://example.org"}
            }
        return {"data": [told] if id in self.fields else []}

    def subscribe(self, id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to tell; a Page and an Instagram account want to know which fields."""
        fields = asked.get("subscribed_fields", "" if id != WABA_ID else "messages")
        names = fields if isinstance(fields, list) else [name for name in str(fields).split(",") if name]
        if not names:
            raise invalid("The parameter subscribed_fields is required")
        self.fields[id] = names
        return {"success": True}

    def end(self, id: str) -> dict[str, Any]:
        """Tell nothing any more."""
        self.fields.pop(id, None)
        return {"success": True}


def debug_token(token: str | None, *, ids: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """What is known of a token."""
    if token not in SCOPES:
        return {
            "data": {"is_valid": False, "error": {"code": 190, "message": "Invalid OAuth access token."}, "scopes": []}
        }
    targets = [
        {"scope": scope, **({"target_ids": ids[scope]} if ids and scope in ids else {})} for scope in SCOPES[token]
    ]
    return {"data": {"app_id": APP_ID, "is_valid": True, "type": "SYSTEM_USER" if token == WHATSAPP_TOKEN else "PAGE",
                     "expires_at": 0, "data_access_expires_at": 0, "scopes": list(SCOPES[token]),
                     "granular_scopes": targets, "application": "Test application"}}  # fmt: skip


def templates(world: World) -> dict[str, Any]:
    """The message templates of the WhatsApp account."""
    rows = [
        {"name": name, "language": language, "status": "APPROVED", "category": "UTILITY", "id": str(index)}
        for index, (name, language) in enumerate(world.templates, 1)
    ]
    return {"data": rows, "paging": {"cursors": {"before": "MAZDZD", "after": "MjQZD"}}}
