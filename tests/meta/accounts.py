"""Ids, tokens and secrets of the one application and the four accounts that the fake Graph server knows."""

from __future__ import annotations

APP_ID = "500000000000001"
APP_SECRET = "app-secret-of-the-fake-graph"
VERIFY_TOKEN = "verify-token-of-the-fake-graph"
"""What the application's dashboard holds: the secret that signs, and the word of the webhook's handshake."""

WABA_ID = "110000000000001"
PHONE_NUMBER_ID = "120000000000001"
PHONE_NUMBER = "15550001111"
WHATSAPP_TOKEN = "EAAwhatsapp-token-of-the-fake-graph"
"""The WhatsApp Business account, its one number, and a system user's token for both."""

PAGE_ID = "130000000000001"
PAGE_TOKEN = "EAApage-token-of-the-fake-graph"
"""The Facebook Page, with Messenger; the same token serves the Instagram account that is linked to it."""

INSTAGRAM_ID = "17841400000000001"
INSTAGRAM_TOKEN = "IGAAinstagram-token-of-the-fake-graph"
"""The Instagram professional account, and its token of Instagram Login, which graph.instagram.com takes only."""

INBOX_APP_ID = "263902037430900"
"""The Page inbox: `app_id` of what a person writes there."""
