"""Messenger: people who write to a Facebook Page, by webhook."""

from __future__ import annotations

from typing import Literal

from assistant.errors import Rejected
from assistant.types import Address
from connectors._messaging import Messaging
from connectors._messaging_check import Identity
from connectors._messaging_limits import MESSENGER, PAGE_FIELDS, PAGE_PERMISSIONS
from connectors._messaging_stamps import message_id as mid_of
from connectors._messaging_updates import Account
from connectors._meta_options import FACEBOOK, identifier

WHERE = "Page settings, Transparency of the Page shows it as Page ID"
APP = "the app's dashboard at developers.facebook.com shows it as App ID"


class Messenger(Messaging):
    """One Page.

    Args:
        page_access_token: of the Page, with pages_messaging and pages_manage_metadata.
        page_id: of the Page.
        app_secret: that webhooks are signed with, and calls are proven with.
        verify_token: a word of your own, entered at Meta beside the webhook's URL.
        app_id: of the app; tells its own messages and hand-overs from those of others.
        disclosure: what people are told before the first answer; True: the bot's own sentence, False: nothing.
        graph_base_url: where the Graph API is; another for a server of one's own.
        graph_version: such as "v26.0"; None: the newest known.
        unknown_sends: as `inbox.unknown_sends`, for this connector; None: that.

    Raises:
        ConfigurationError: an option that is missing or cannot be; no secret is in the message.
    """

    def __init__(
        self,
        *,
        page_access_token: str | None = None,
        page_id: str | int = "",
        app_secret: str | None = None,
        verify_token: str | None = None,
        app_id: str | int | None = None,
        disclosure: str | bool | None = True,
        graph_base_url: str = FACEBOOK,
        graph_version: str | None = None,
        name: str = "messenger",
        unknown_sends: Literal["resend", "park"] | None = None,
    ) -> None:
        page = identifier(page_id, name=name, key="page_id", where=WHERE)
        app = None if app_id is None else identifier(app_id, name=name, key="app_id", where=APP)
        identity = Identity(
            page, "page_id", "page_access_token", node="me", field="id", sender=page,
            uploads=f"{page}/message_attachments", fields=PAGE_FIELDS, needs=PAGE_PERMISSIONS,
        )  # fmt: skip
        super().__init__(
            surface=MESSENGER, account=Account(name, page, app), identity=identity, disclosure=disclosure, reactions=True,
            unknown_sends=unknown_sends, token=page_access_token, app_secret=app_secret, verify_token=verify_token,
            base_url=graph_base_url, version=graph_version,
        )  # fmt: skip

    async def react(self, address: Address, message_id: str, emoji: str | None) -> None:
        """React to a message, or take it back."""
        mid = mid_of(message_id)
        if mid is None:
            raise Rejected(f"{self.name}: {message_id!r} is no message")
        told = {"message_id": mid, "reaction": emoji} if emoji else {"message_id": mid}
        await self._act(address.chat, "react" if emoji else "unreact", payload=told)
