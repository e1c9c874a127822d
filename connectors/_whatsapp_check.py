"""What `assistant doctor` finds out about a number of WhatsApp: it looks, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from assistant.connector import Finding
from assistant.errors import AssistantError
from connectors._meta import Graph
from connectors._meta_findings import permissions, tried, unaccepted
from connectors._meta_versions import finding
from connectors._meta_webhooks import rows
from connectors._whatsapp_template import Template

NUMBER_FIELDS = ("display_phone_number", "verified_name", "quality_rating", "name_status", "code_verification_status")
"""…/whatsapp/reference/whatsapp-business-phone-number/whatsapp-business-phone-number-api, 2026-05."""

PERMISSIONS = ("whatsapp_business_messaging", "whatsapp_business_management")
"""What the token needs: the first to send, the second to look at the account."""

MANAGEMENT = "the token needs whatsapp_business_management, and the account assigned to its user"

POLICY = Finding(
    "warn",
    "WhatsApp's terms forbid general-purpose assistants since 2026-01-15: a business may have one for its own customers "
    "and matters (WhatsApp Business Solution Terms, AI Providers)",
    "keep the documents to your business, leave answers to what is in them, and say in bot.greeting what it is for",
)
"""Stated every time: no call can tell what the bot is used for."""


async def checked(
    graph: Graph, *, number: str, business: str | None, template: Template | None, token: str
) -> list[Finding]:
    """Everything there is to say of the connector; raises nothing."""
    found = [finding(graph.version, datetime.now(UTC).date())]
    try:
        found.append(await _number(graph, number))
    except AssistantError as error:
        return [*found, unaccepted(graph, error, credential="access_token", key="phone_number_id"), POLICY]
    found.append(await permissions(graph, PERMISSIONS, token=token))
    return [*found, *[each async for each in _account(graph, number, business, template)], POLICY]


async def _number(graph: Graph, number: str) -> Finding:
    told = await graph.get(number, fields=NUMBER_FIELDS)
    who = f"{told.get('display_phone_number', number)} ({told.get('verified_name', 'without a name')})"
    quality = str(told.get("quality_rating", "UNKNOWN"))
    if quality == "RED":
        return Finding("warn", f"the token and the app secret are accepted for {who}, whose quality is {quality}",
                       "people block or report the number: answer less, and only those who wrote")  # fmt: skip
    return Finding("ok", f"the token and the app secret are accepted for {who}, quality {quality}")


async def _account(
    graph: Graph, number: str, business: str | None, template: Template | None
) -> AsyncIterator[Finding]:
    section = f"connectors.{graph.name}"
    if business is None:
        yield Finding(
            "warn", f"whether webhooks are subscribed is not known, as {section}.business_account_id is not set",
            "set it to the WhatsApp Business Account ID of API Setup",
        )  # fmt: skip
    wrong = f"check {section}.business_account_id: it is the WhatsApp Business Account ID of API Setup"
    for look in (_belongs, _subscribed) if business else ():
        yield await tried(look(graph, business or "", number), MANAGEMENT, wrong=wrong)
    if template is None:
        yield Finding(
            "warn", f"{section}.template is not set: an answer that is ready 24 hours after the question is not sent",
            "have a template approved in WhatsApp Manager, and set template and template_language",
        )  # fmt: skip
    elif business:
        yield await tried(_approved(graph, business, template), MANAGEMENT, wrong=wrong)


async def _belongs(graph: Graph, business: str, number: str) -> Finding:
    numbers = [str(row.get("id")) for row in rows(await graph.get(f"{business}/phone_numbers", fields="id"), "data")]
    if number in numbers:
        return Finding("ok", f"the number belongs to the business account {business}")
    return Finding("fail", f"the business account {business} has no number {number}",
                   f"check connectors.{graph.name}.business_account_id and phone_number_id: both are under API Setup")  # fmt: skip


async def _subscribed(graph: Graph, business: str, number: str) -> Finding:
    if rows(await graph.get(f"{business}/subscribed_apps"), "data"):
        return Finding("ok", f"an app is subscribed to the business account {business}")
    return Finding("fail", f"no app is subscribed to the business account {business}, so no message arrives",
                   f"POST /{business}/subscribed_apps with the token, and subscribe to the field messages")  # fmt: skip


async def _approved(graph: Graph, business: str, template: Template) -> Finding:
    told = await graph.get(f"{business}/message_templates", name=template.name, fields="name,language,status")
    states = [
        str(row.get("status"))
        for row in rows(told, "data")
        if row.get("name") == template.name and row.get("language") == template.language
    ]
    what = f"the template {template.name!r} in {template.language!r}"
    if "APPROVED" in states:
        return Finding("ok", f"{what} is approved")
    return Finding("fail", f"{what} is {states[0] if states else 'not there'}", "see its state in WhatsApp Manager")
