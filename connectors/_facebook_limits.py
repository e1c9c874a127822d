"""What Meta allows of comments and of private replies to them, as data."""

from __future__ import annotations

from assistant.connector import Rate

COMMENT_UNITS = 8000
"""UTF-16 code units of a comment on a Page. Meta names no limit; this is where its clients stop, 2026-07."""

INSTAGRAM_COMMENT_UNITS = 300
INSTAGRAM_COMMENT_TAGS = 4
INSTAGRAM_COMMENT_LINKS = 1
"""UTF-16 code units, hashtags and links of a comment on Instagram, which may not be all capitals either.

Meta's page on comments of Instagram media; its clients take 2200 characters, 2026-07.
"""

PRIVATE_UNITS = 2000
"""UTF-16 code units of a message. …/messenger-platform/reference/send-api, 2026-04-22."""

INSTAGRAM_PRIVATE_BYTES = 1000
"""UTF-8 bytes of a message. …/instagram-platform/instagram-api-with-instagram-login/messaging-api, 2026-07."""

PRIVATE_SECONDS = 7 * 24 * 3600.0
"""After a comment, in which one private reply may be sent. On a live video only while it is broadcast.

…/messenger-platform/discovery/private-replies, 2026-04-16; …/instagram-platform/private-replies, 2026-06-30.
"""

INSTAGRAM_PRIVATE_RATE = Rate(750, 3600.0, "account")
"""Private replies to comments on posts and reels of Instagram, for each Page."""

SEND_RATE = Rate(300, 1.0, "account")
"""Messages of text for each Page. Both: …/messenger-platform/overview/rate-limiting, 2026-03-23."""
