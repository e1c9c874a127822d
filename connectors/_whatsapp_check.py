"""What `assistant doctor` finds out about a number of WhatsApp: it looks, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime

from assistant.connector import Finding
from assistant.errors import AssistantError
from connectors._meta import Graph
from connectors._meta_versions import finding
from connectors._meta_webhooks import rows
from connectors._whatsapp_template import Template

NUMBER_FIELDS = ("display_phone_number", "verified_name", "quality_rating", "name_status", "code_verification_status")
"""…/whatsapp/reference/whatsapp-business-phone-number/whatsapp-business-phone-number-api, 2026-05."""

POLICY = Finding(
    "warn",
    "WhatsApp forbids assistants for everything: since 2026-01-15 a business may have one for its own customers and its "
    "own matters only (WhatsApp Business Solution Terms, AI Providers)",
    "keep the documents to your business, leave answers to what is in them, and say in bot.greeting what it is for",
)
"""Stated every time: no call can tell what the bot is used for."""


async def checked(graph: Graph, *, number: str, business: str | None, template: Template | None) -> list[Finding]:
    """Everything there is to say of the connector; raises nothing."""
    today = datetime.now(UTC).date()
    found = [finding(graph.version, today), await _number(graph, number)]
    if found[-1].status != "fail":
        found += [each async for each in _account(graph, number, business, template)]
    return [*found, POLICY]


async def _number(graph: Graph, number: str) -> Finding:
    try:
        told = await graph.get(number, fields=NUMBER_FIELDS)
    except AssistantError as error:
        return _failed(graph, error)
    who = f"{told.get('display_phone_number', number)} ({told.get('verified_name', 'without a name')})"
    quality = str(told.get("quality_rating", "UNKNOWN"))
    if quality == "RED":
        return Finding("warn", f"the token and the app secret are accepted for {who}, whose quality is {quality}",
                       "people block or report the number: answer less, and only those who wrote")  # fmt: skip
    return Finding("ok", f"the token and the app secret are accepted for {who}, quality {quality}")


def _failed(graph: Graph, error: AssistantError) -> Finding:
    section = f"connectors.{graph.name}"
    if "appsecret_proof" in str(error):
        remedy = f"set {section}.app_secret to the secret of the app that the token is of (App settings, Basic)"
        return Finding("fail", f"the app secret is of another app than the token: {error}", remedy)
    remedy = (
        f"check {section}.access_token and {section}.phone_number_id against WhatsApp, API Setup in the app's dashboard"
    )
    return Finding("fail", str(error), remedy)


async def _account(
    graph: Graph, number: str, business: str | None, template: Template | None
) -> AsyncIterator[Finding]:
    section = f"connectors.{graph.name}"
    if business is None:
        yield Finding(
            "warn", f"whether webhooks are subscribed is not known, as {section}.business_account_id is not set",
            "set it to the WhatsApp Business Account ID of API Setup",
        )  # fmt: skip
    for look in (_belongs, _subscribed) if business else ():
        yield await _tried(look(graph, business or "", number))
    if template is None:
        yield Finding(
            "warn", f"{section}.template is not set: an answer that is ready 24 hours after the question is not sent",
            "have a template approved in WhatsApp Manager, and set template and template_language",
        )  # fmt: skip
    elif business:
        yield await _tried(_approved(graph, business, template))


async def _tried(look: Awaitable[Finding]) -> Finding:
    try:
        return await look
    except AssistantError as error:
        return Finding(
            "fail", str(error), "the token needs whatsapp_business_management, and the account assigned to its user"
        )


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
