"""What Telegram allows: limits, rates and the kinds of updates the connector asks for."""

from __future__ import annotations

from assistant.connector import Rate

TEXT_UNITS = 4096
"""UTF-16 code units of a message after its markup is read. core.telegram.org/bots/api#sendmessage, 2026-06."""

CAPTION_UNITS = 1024
"""The same for the text under a file. core.telegram.org/bots/api#senddocument, 2026-06."""

ENTITIES = 100
"""Links and styles of a message; the rest of them is dropped. limits.tginfo.me, 2026-06."""

CALLBACK_BYTES = 64
"""Bytes of a button's data. core.telegram.org/bots/api#inlinekeyboardbutton, 2026-06."""

BUTTONS = 100
"""Buttons under one message. limits.tginfo.me, 2026-06."""

PHOTO_BYTES = 10 * 1024 * 1024
"""Size of a picture that a bot can send as one. core.telegram.org/bots/api#sendphoto, 2026-06."""

TYPING_SECONDS = 5.0
"""How long a chat action is shown. core.telegram.org/bots/api#sendchataction, 2026-06."""

RATES = (Rate(3, 3.0, "chat"), Rate(20, 60.0, "group"), Rate(30, 1.0, "account"))
"""One message a second in a chat with short bursts, 20 a minute in a group, 30 a second in all.
core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this, 2026-06."""

PREVIEW_SECONDS = 1.1
"""Pause between two updates of a preview in a private chat: just under a message a second."""

GROUP_PREVIEW_SECONDS = 3.1
"""The same in a group: just under 20 a minute."""

DRAFT_SECONDS = 20.0
"""After this long a draft is shown again, for Telegram takes it away after 30. core.telegram.org/bots/api#sendmessagedraft."""

UPDATES = ("message", "edited_message", "callback_query", "message_reaction", "my_chat_member")
"""Kinds of updates that are asked for; Telegram sends reactions only where they are named."""
