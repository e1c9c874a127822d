"""What Messenger and Instagram allow: limits, rates, windows and the fields of webhooks that the connectors read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from assistant.connector import Rate

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Surface:
    """One of the two.

    Attributes:
        title: its name, for messages.
        object: `object` of its webhooks.
        text_limit: length of a text in `unit`.
        typed: whether a message says that it is a response (`messaging_type`).
    """

    title: str
    object: str
    text_limit: int
    unit: Literal["characters", "bytes"]
    typed: bool


MESSENGER = Surface("Messenger", "page", 2000, "characters", typed=True)
"""…/messenger-platform/reference/send-api, 2026-05."""

INSTAGRAM = Surface("Instagram", "instagram", 1000, "bytes", typed=False)
"""…/instagram-messaging/features/send-message, 2026-07-02: 1000 bytes of UTF-8."""

QUICK_REPLIES, TITLE, PAYLOAD = 13, 20, 1000
"""Quick replies under a message, characters of what is on one, and of what it gives back.
…/messenger-platform/send-messages/quick-replies, 2026-04-22."""

TEMPLATE_TEXT, TEMPLATE_BUTTONS = 640, 3
"""Characters of the text above buttons that stay, and how many. …/send-messages/template/button, 2026-04-22."""

CARDS, CARD_TITLE = 10, 80
"""Cards side by side, and characters of the title of one. …/send-messages/template/generic, 2026-04-22."""

METADATA = 1000
"""Characters that a message can be stamped with. …/messenger-platform/reference/send-api, 2026-05."""

FILE_BYTES: Mapping[str, int] = MappingProxyType(
    {"image": 8 * MIB, "audio": 25 * MIB, "video": 25 * MIB, "file": 25 * MIB}
)
"""Size of a file that is sent. …/instagram-messaging/features/attachment-upload, 2026-04-01."""

TYPING_SECONDS = 20.0
"""How long typing is shown. …/messenger-platform/send-messages/sender-actions, 2026-01-21."""

RATES = (Rate(5, 5.0, "chat"), Rate(300, 1.0, "account"))
"""300 texts a second of a Page or an account (…/messenger-platform/overview/rate-limiting, 2026-03-23). There is a limit of each
conversation too, whose figure Meta keeps to itself: a message a second, with short bursts, is what a person could send."""

WINDOW = 24 * 3600.0
"""Seconds in which a person who did something may be written to. …/messenger-platform/policy, 2026-09-28."""

AD_WINDOW = 7 * 24 * 3600.0
"""The same after an ad that leads into the conversation. …/messenger-platform/policy, 2026-09-28."""

INBOXES = frozenset({"263902037430900", "1217981644879628"})
"""Applications by which people of the business write: the inboxes of the Page and of Instagram.
…/messenger-platform/handover-protocol, 2026-11."""

PAGE_PERMISSIONS = ("pages_messaging", "pages_manage_metadata")
LINKED_PERMISSIONS = ("instagram_basic", "instagram_manage_messages")
ACCOUNT_PERMISSIONS = ("instagram_business_basic", "instagram_business_manage_messages")
"""What tokens need: of a Page, of the Page for its Instagram account, and of the account with Instagram Login.
developers.facebook.com/docs/messenger-platform/instagram/overview; …/instagram-api-with-instagram-login/messaging-api, 2026-11."""

PAGE_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "messages": "nothing arrives",
        "messaging_postbacks": "taps on buttons do not arrive",
        "message_echoes": "the bot does not notice that a person of yours answers, nor which of its own messages arrived",
        "message_deliveries": "what was delivered is not known",
        "message_reactions": "reactions do not arrive",
        "message_edits": "edits do not arrive",
        "messaging_referrals": "who comes by a link or an ad in a conversation that was begun is not noticed",
        "messaging_handovers": "the bot does not notice that another application takes or gives a conversation",
        "standby": "the bot does not see what is said while another application answers",
    }
)
"""Fields of a Page's webhooks, and what goes without each. …/messenger-platform/webhooks/webhook-events, 2024-06-26."""

ACCOUNT_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "messages": "nothing arrives",
        "messaging_postbacks": "taps on buttons do not arrive",
        "message_reactions": "reactions do not arrive",
        "messaging_seen": "what was read is not known",
        "messaging_referral": "who comes by a link in a conversation that was begun is not noticed",
        "messaging_handover": "the bot does not notice that another application takes or gives a conversation",
        "standby": "the bot does not see what is said while another application answers",
    }
)
"""The same of an Instagram account; echoes are part of `messages`. …/instagram-messaging/webhooks, 2026-11."""
