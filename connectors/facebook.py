"""Comments on a Facebook Page and on its Instagram account, answered in public or by a private message, by webhook."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from assistant.connector import Capabilities, Finding
from assistant.types import Incoming, Outgoing, Receipt, Webhook
from connectors._facebook_check import checked, identity
from connectors._facebook_choice import Way, choice
from connectors._facebook_limits import COMMENT_UNITS, INSTAGRAM_PRIVATE_RATE, SEND_RATE
from connectors._facebook_moderation import Moderation, Verdict
from connectors._facebook_replies import Replies, check, parted, split
from connectors._facebook_updates import Owner, comment_of, events
from connectors._meta_account import MetaAccount
from connectors._meta_options import FACEBOOK, disclosed, identifier

LOG = logging.getLogger(__name__)

PAGE = "the number under About, Page transparency; or GET /me/accounts"
INSTAGRAM = "GET /<page id>?fields=instagram_business_account"
APP = "the number at the top of the app's dashboard"


class Facebook(MetaAccount):
    """The comments of one Page.

    A conversation is what one person says below one post. Private messages that people write are not this connector's:
    those to the Page are `messenger`'s, those to the account `instagram`'s.

    Args:
        page_access_token: of the Page, with the permissions that the guide names.
        page_id: of the Page.
        app_secret: that webhooks are signed with, and calls are proven with.
        verify_token: a word of your own, entered at Meta beside the webhook's URL.
        instagram_account_id: of the Instagram account that is linked to the Page, to answer its comments too.
        replies: how comments are answered: "public", "private" or both. In private by default: what a model writes is
            read by one person, until the owner of the Page decides that everybody may.
        posts: ids of the posts and media below which comments are answered; None: all.
        follow_ups: answer comments below other comments too.
        moderation: a function, as "package.module:callable", that is given each comment (an `Incoming`) and says
            "answer", "ignore" or "hide"; None: every comment is answered.
        disclosure: what people are told before the first answer of a conversation; True: the bot's own sentence,
            False: nothing.
        app_id: of the app, for `doctor`: which of several apps has to be told of comments.
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
        instagram_account_id: str | int | None = None,
        replies: Sequence[Way] = ("private",),
        posts: Sequence[str | int] | None = None,
        follow_ups: bool = False,
        moderation: str | None = None,
        disclosure: str | bool | None = True,
        app_id: str | int | None = None,
        graph_base_url: str = FACEBOOK,
        graph_version: str | None = None,
        name: str = "facebook",
        unknown_sends: Literal["resend", "park"] | None = None,
    ) -> None:
        super().__init__(
            name=name, token=page_access_token, credential="page_access_token", app_secret=app_secret,
            verify_token=verify_token, base_url=graph_base_url, version=graph_version,
        )  # fmt: skip
        self.unknown_sends = unknown_sends
        self.disclosure = disclosed(disclosure)
        self._owner = Owner(
            name,
            identifier(page_id, name=name, key="page_id", where=PAGE),
            _optional(instagram_account_id, name, "instagram_account_id", INSTAGRAM),
        )
        self._app_id = _optional(app_id, name, "app_id", APP)
        self._choice = choice(replies, posts, follow_ups=follow_ups, name=name)
        self._moderation = Moderation(moderation, name=name) if moderation else None
        self._replies = Replies(self._graph, self._owner)
        slow = self._owner.instagram is not None and "private" in self._choice.ways
        self.capabilities = Capabilities(
            text_limit=COMMENT_UNITS,
            text_unit="utf16",
            threads=True,
            rates=(INSTAGRAM_PRIVATE_RATE if slow else SEND_RATE,),
            repeats="doubled",
        )

    def __repr__(self) -> str:
        return f"Facebook(name={self.name!r}, page_id={self._owner.page!r}, instagram_account_id={self._owner.instagram!r})"

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        """Every comment of other people. Raises InvalidWebhook: it is no webhook of Meta."""
        return events(webhook, self._owner)

    def replies(self, event: Incoming) -> Sequence[Way]:
        """How a comment is answered; why not in every way that is configured is logged."""
        ways, why = self._choice.of(event, self._owner, now=datetime.now(UTC))
        if why:
            answered = f"answered in {ways[0]} only" if ways else "not answered"
            LOG.info("%s: comment %s is %s: %s", self.name, comment_of(event), answered, why)
        return ways

    async def moderate(self, event: Incoming) -> Verdict:
        """What the configured function says of a comment. Raises ConfigurationError: it says something else."""
        if self._moderation is None:
            return "answer"
        verdict = await self._moderation.verdict(event)
        if verdict != "answer":
            LOG.info("%s: comment %s is not answered: moderation says %r", self.name, comment_of(event), verdict)
        return verdict

    async def hide(self, event: Incoming) -> None:
        """Take a comment out of sight of all but its author and their friends."""
        key = "hide" if self._owner.side(event.address) == "instagram" else "is_hidden"
        await self._graph.post(comment_of(event), {key: True}, may_double=True)
        LOG.info("%s: comment %s was hidden", self.name, comment_of(event))

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        """The same as messages that Meta takes; the parts of a private answer are numbered."""
        return split(outgoing, self._owner)

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Answer in public where the address has a thread, else in private.

        In public nothing is said by which the author of the comment could be found. What was begun is finished: a rate limit
        between two parts is waited for. Where that cannot be, the receipt names what arrived, and is "failed".
        """
        check(outgoing, name=self.name)
        return await self._delivered(await parted(outgoing, self._owner), self._replies.send, to=outgoing.address)

    async def was_sent(self, outgoing: Outgoing) -> bool | None:
        """Whether Meta shows the text of every part, below the comment or in the conversation; None: it cannot be seen."""
        found = [await self._replies.arrived(part) for part in await parted(outgoing, self._owner)]
        return None if None in found else all(found)

    async def check(self) -> Sequence[Finding]:
        """Version, token, Page, permissions, and whether comments are told of."""
        return await checked(self._graph, self._owner, ways=self._choice.ways, token=self._token, app_id=self._app_id)

    async def open(self, *, webhook_url: str | None) -> None:
        """Ask whose token it is."""
        called = await identity(self._owner).confirm(self._graph)
        LOG.info("%s: answers comments on the Page %r, %s", self.name, called, " and ".join(self._choice.ways))


def _optional(value: str | int | None, name: str, key: str, where: str) -> str | None:
    return None if value in (None, "") else identifier(str(value), name=name, key=key, where=where)
