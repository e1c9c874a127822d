"""What `assistant doctor` finds out about a Page and its comments: it looks, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from assistant.connector import Finding
from connectors._facebook_choice import Way
from connectors._facebook_updates import Owner
from connectors._messaging_check import Identity, accepted
from connectors._meta import Graph
from connectors._meta_findings import permissions, tried
from connectors._meta_versions import finding
from connectors._meta_webhooks import rows

READING = ("pages_read_engagement", "pages_read_user_content")
PUBLIC, PRIVATE = ("pages_manage_engagement",), ("pages_messaging",)
INSTAGRAM = ("instagram_basic", "instagram_manage_comments")
INSTAGRAM_PRIVATE = ("instagram_manage_messages",)
"""Permissions. …/pages-api/comments-mentions, 2026-04-16; …/messenger-platform/discovery/private-replies, 2026-04-16;
…/instagram-platform/comment-moderation, 2026-07."""

FEED = "feed"


def needed(ways: Iterable[Way], owner: Owner) -> list[str]:
    """The permissions that the configuration needs; hiding a comment needs that of public answers too."""
    found = [*READING, *PUBLIC, *(PRIVATE if "private" in ways else ())]
    if owner.instagram:
        found += [*INSTAGRAM, *(INSTAGRAM_PRIVATE if "private" in ways else ())]
    return found


def identity(owner: Owner) -> Identity:
    """Whose the token has to be: the Page's own."""
    return Identity(
        owner.page, "page_id", "page_access_token", node="me", field="id", sender=owner.page, uploads=None,
        fields={FEED: "no comment arrives"},
    )  # fmt: skip


async def checked(graph: Graph, owner: Owner, *, ways: Iterable[Way], token: str, app_id: str | None) -> list[Finding]:
    """Everything there is to say of the connector; raises nothing."""
    found = [finding(graph.version, datetime.now(UTC).date()), await accepted(graph, identity(owner))]
    if found[-1].status != "ok":
        return found
    found.append(await permissions(graph, needed(ways, owner), token=token))
    found.append(await tried(_subscribed(graph, owner, app_id), "the token needs pages_manage_metadata"))
    if owner.instagram:
        found.append(await tried(_instagram(graph, owner), "the token needs instagram_basic"))
    return found


async def _subscribed(graph: Graph, owner: Owner, app_id: str | None) -> Finding:
    apps = [
        app
        for app in rows(await graph.get(f"{owner.page}/subscribed_apps"), "data")
        if app_id in (None, str(app.get("id")))
    ]
    if any(FEED in (app.get("subscribed_fields") or ()) for app in apps):
        return Finding("ok", f"the Page tells the app of its {FEED}")
    remedy = (
        f"POST /{owner.page}/subscribed_apps with the Page's token and all fields that are wanted, {FEED} among them: "
        "the call replaces those that are there"
    )
    return Finding("fail", f"the Page does not tell the app of its {FEED}, so no comment arrives", remedy)


async def _instagram(graph: Graph, owner: Owner) -> Finding:
    told = await graph.get(owner.page, fields=["instagram_business_account"])
    linked: Any = told.get("instagram_business_account")
    if isinstance(linked, dict) and str(linked.get("id")) == owner.instagram:
        return Finding("ok", f"the Instagram account {owner.instagram} is linked to the Page")
    other = f"is linked to {linked.get('id')}" if isinstance(linked, dict) else "has no Instagram account"
    return Finding(
        "fail",
        f"the Page {other}, not to connectors.{owner.connector}.instagram_account_id",
        "correct it, or link them",
    )
