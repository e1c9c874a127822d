"""Instagram: people who write to a professional account, by webhook; with Instagram's own login or that of the Page."""

from __future__ import annotations

from typing import Literal

from connectors._messaging import Messaging
from connectors._messaging_check import Identity
from connectors._messaging_limits import ACCOUNT_FIELDS, ACCOUNT_PERMISSIONS, INSTAGRAM, LINKED_PERMISSIONS
from connectors._messaging_updates import Account
from connectors._meta_options import FACEBOOK, identifier, require
from connectors._meta_options import INSTAGRAM as INSTAGRAM_HOST

WHERE = (
    "it is `user_id` of GET /me?fields=user_id with Instagram Login, and `id` of the Page's instagram_business_account"
)
PAGE = "Page settings, Transparency of the Page shows it as Page ID"
APP = "the app's dashboard at developers.facebook.com shows it as App ID, that of Instagram under Instagram, API setup"


class Instagram(Messaging):
    """One professional account.

    Bots cannot react there: Meta takes a heart alone.

    Args:
        access_token: of the account, or of the Page that it is linked to.
        account_id: of the account, as webhooks have it.
        login: whose token it is: "instagram", the account's own; "page", that of the Page.
        page_id: of the Page, where `login` is "page": its messages go out through it.
        app_secret: that webhooks are signed with, and calls are proven with; where `login` is "instagram", the one that the
            dashboard calls the Instagram app secret.
        verify_token: a word of your own, entered at Meta beside the webhook's URL.
        app_id: of the app; tells its own messages and hand-overs from those of others.
        disclosure: what people are told before the first answer; True: the bot's own sentence, False: nothing.
        graph_base_url: where the Graph API is; None: graph.instagram.com or graph.facebook.com, by `login`.
        graph_version: such as "v26.0"; None: the newest known.
        unknown_sends: as `inbox.unknown_sends`, for this connector; None: that.

    Raises:
        ConfigurationError: an option that is missing or cannot be; no secret is in the message.
    """

    def __init__(
        self,
        *,
        access_token: str | None = None,
        account_id: str | int = "",
        login: Literal["instagram", "page"] = "instagram",
        page_id: str | int | None = None,
        app_secret: str | None = None,
        verify_token: str | None = None,
        app_id: str | int | None = None,
        disclosure: str | bool | None = True,
        graph_base_url: str | None = None,
        graph_version: str | None = None,
        name: str = "instagram",
        unknown_sends: Literal["resend", "park"] | None = None,
    ) -> None:
        account = identifier(account_id, name=name, key="account_id", where=WHERE)
        app = None if app_id is None else identifier(app_id, name=name, key="app_id", where=APP)
        identity = _identity(account, login, page_id, name)
        host = INSTAGRAM_HOST if login == "instagram" else FACEBOOK
        super().__init__(
            surface=INSTAGRAM, account=Account(name, account, app), identity=identity, disclosure=disclosure, reactions=False,
            unknown_sends=unknown_sends, token=access_token, app_secret=app_secret, verify_token=verify_token,
            base_url=graph_base_url or host, version=graph_version,
        )  # fmt: skip


def _identity(account: str, login: str, page_id: str | int | None, name: str) -> Identity:
    section = f"connectors.{name}"
    require(login in ("instagram", "page"), f"{section}.login is {login!r}, not 'instagram' or 'page'")
    if login == "instagram":
        require(page_id is None, f"{section}.page_id goes with login = 'page' only: leave it out, or set that")
        return Identity(
            account, "account_id", "access_token", node="me", field="user_id", sender="me", uploads=None,
            fields=ACCOUNT_FIELDS, needs=ACCOUNT_PERMISSIONS,
        )  # fmt: skip
    wrong = f"{section}.page_id is not set, and with login = 'page' messages go out through the Page: {PAGE}"
    require(page_id is not None, wrong)
    page = identifier(page_id or "", name=name, key="page_id", where=PAGE)
    return Identity(
        account, "account_id", "access_token", node=page, field="instagram_business_account", sender=page,
        uploads=f"{page}/message_attachments", fields=None, needs=LINKED_PERMISSIONS, node_key="page_id",
    )  # fmt: skip
