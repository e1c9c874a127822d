"""Events in the words of Meta's webhooks; values only.

developers.facebook.com: whatsapp webhooks reference messages (text, interactive, statuses), business-scoped-user-ids;
messenger-platform/reference/webhook-events; instagram-platform/webhooks; graph-api/webhooks/reference/page, field feed.
"""

from __future__ import annotations

from typing import Any

from accounts import APP_ID, INSTAGRAM_ID, PAGE_ID, PHONE_NUMBER, PHONE_NUMBER_ID, WABA_ID
from graph_webhooks import Event
from graph_world import Comment, Person, Shown, Surface

ACCOUNTS: dict[Surface, tuple[str, str]] = {"messenger": ("page", PAGE_ID), "instagram": ("instagram", INSTAGRAM_ID)}
"""The object of the webhooks of a surface, and the id of the account."""


def phone_of(person: Person) -> str | None:
    """The telephone number of a person on WhatsApp, if it is told."""
    return next((id for id in person.ids if id.isdigit()), None)


def user_id_of(person: Person) -> str | None:
    """The business-scoped id of a person on WhatsApp, if there is one."""
    return next((id for id in person.ids if not id.isdigit()), None)


def _lane(person: Person) -> str:
    return f"{person.surface}:{person.ids[0]}"


def cloud(field: str, value: dict[str, Any], lane: str) -> Event:
    """A change of the WhatsApp number."""
    told = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": PHONE_NUMBER, "phone_number_id": PHONE_NUMBER_ID},
        **value,
    }
    return Event("whatsapp_business_account", WABA_ID, "changes", {"field": field, "value": told}, lane)


def whatsapp_message(person: Person, id: str, at: float, content: dict[str, Any], *, field: str = "messages") -> Event:
    """What somebody wrote."""
    phone, user_id = phone_of(person), user_id_of(person)
    contact: dict[str, Any] = {"profile": {"name": person.name}}
    message: dict[str, Any] = {"id": id, "timestamp": str(int(at)), **content}
    if phone:
        contact["wa_id"], message["from"] = phone, phone
    if user_id:
        contact["user_id"], message["from_user_id"] = user_id, user_id
    return cloud(field, {"contacts": [contact], "messages": [message]}, _lane(person))


def whatsapp_status(person: Person, shown: Shown, status: str, at: float, error: dict[str, Any] | None = None) -> Event:
    """What became of a message."""
    phone, user_id = phone_of(person), user_id_of(person)
    told: dict[str, Any] = {"id": shown.id, "status": status, "timestamp": str(int(at))}
    if phone:
        told["recipient_id"] = phone
    if user_id:
        told["recipient_user_id"] = user_id
    if shown.key is not None:
        told["biz_opaque_callback_data"] = shown.key
    if error:
        told["errors"] = [error]
    else:
        told["pricing"] = {
            "billable": False,
            "pricing_model": "PMP",
            "category": "service",
            "type": "free_customer_service",
        }
    return cloud("messages", {"statuses": [told]}, f"status:{shown.id}")


def messaging(person: Person, at: float, content: dict[str, Any], *, place: str = "messaging", lane: str = "",
              from_us: bool = False) -> Event:  # fmt: skip
    """An event of a conversation with the Page or the Instagram account."""
    object, account = ACCOUNTS[person.surface]
    two = ({"id": account}, {"id": person.ids[0]}) if from_us else ({"id": person.ids[0]}, {"id": account})
    body = {"sender": two[0], "recipient": two[1], "timestamp": int(at * 1000), **content}
    return Event(object, account, place, body, lane or _lane(person))


def echo(person: Person, shown: Shown, at: float, *, app_id: str | None = APP_ID) -> Event:
    """A message of the account, told to the application."""
    message: dict[str, Any] = {"mid": shown.id, "is_echo": True}
    if shown.text:
        message["text"] = shown.text
    if app_id:
        message["app_id"] = int(app_id)
    if shown.key is not None:
        message["metadata"] = shown.key
    return messaging(person, at, {"message": message}, lane=f"echo:{shown.id}", from_us=True)


def commented(comment: Comment, name: str, verb: str = "add") -> Event:
    """A comment on the Page or under a medium of the Instagram account."""
    if comment.surface == "instagram":
        value: dict[str, Any] = {
            "id": comment.id,
            "from": {"id": comment.author, "username": name},
            "media": {"id": comment.post, "media_product_type": "FEED"},
            "text": comment.text,
            **({"parent_id": comment.parent} if comment.parent else {}),
        }
        return Event("instagram", INSTAGRAM_ID, "changes", {"field": "comments", "value": value}, f"c:{comment.author}")
    value = {
        "item": "comment",
        "verb": verb,
        "comment_id": comment.id,
        "post_id": comment.post,
        "parent_id": comment.parent or comment.post,
        "from": {"id": comment.author, "name": name},
        "message": comment.text,
        "created_time": int(comment.at),
        "post": {"id": comment.post, "status_type": "mobile_status_update", "is_published": True},
    }
    return Event("page", PAGE_ID, "changes", {"field": "feed", "value": value}, f"c:{comment.author}")
