"""What Messenger and Instagram share: conversations of a Page or an account with single people, by webhook."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal

from assistant.connector import Capabilities, Finding, Holder
from assistant.errors import AssistantError, Rejected
from assistant.types import Address, Attachment, Incoming, Outgoing, Receipt, Webhook
from connectors._messaging_bodies import Body, bodies, check, parted, split, to
from connectors._messaging_check import Identity, checked
from connectors._messaging_files import reference
from connectors._messaging_holders import OPENING, holder, window
from connectors._messaging_limits import QUICK_REPLIES, RATES, TYPING_SECONDS, Surface
from connectors._messaging_updates import Account
from connectors._messaging_updates import read as events_of
from connectors._meta import Lost
from connectors._meta_account import MetaAccount
from connectors._meta_errors import code_of
from connectors._meta_options import disclosed
from connectors._meta_webhooks import read

LOG = logging.getLogger(__name__)

INVALID = 100
"""Meta's code of a call with something in it that is not there, such as a message that was unsent."""


class Messaging(MetaAccount):
    """One account of one of the two.

    Args:
        surface: which of the two.
        account: who reads.
        identity: whose messages are sent, and where that is asked.
        disclosure: what people are told of the bot; True: the bot's own sentence.
        reactions: whether the bot can react.
        unknown_sends: as `inbox.unknown_sends`, for this connector; None: that.
        access: of `MetaAccount`, all but what `account` and `identity` have.
    """

    def __init__(
        self,
        *,
        surface: Surface,
        account: Account,
        identity: Identity,
        disclosure: str | bool | None,
        reactions: bool,
        unknown_sends: Literal["resend", "park"] | None,
        **access: Any,
    ) -> None:
        super().__init__(name=account.connector, credential=identity.token_key, **access)
        self.unknown_sends = unknown_sends
        self.disclosure = disclosed(disclosure)
        self.capabilities = Capabilities(
            text_limit=surface.text_limit, text_unit=surface.unit, typing_seconds=TYPING_SECONDS, media=True,
            buttons=QUICK_REPLIES, reactions=reactions, rates=RATES, reports=True, repeats="doubled",
        )  # fmt: skip
        self._surface, self._account, self._identity = surface, account, identity

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, account={self._account.id!r})"

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        """Every event of this account's conversations. Raises InvalidWebhook: it is no webhook of Meta."""
        return events_of(read(webhook, object=self._surface.object), self._account)

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        """The same as messages that the platform takes."""
        return split(outgoing, self._surface)

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Send a message.

        What was begun is finished: a rate limit between two messages of a long text is waited for. Where that cannot
        be, the receipt names what arrived, and is "failed".
        """
        check(outgoing, self._surface)
        return await self._delivered(await self._made(outgoing), self._posted, to=outgoing.address)

    async def send_beyond(self, outgoing: Outgoing) -> Receipt:
        """Raises Rejected: there is nothing that a bot may send outside the window."""
        raise Rejected(
            f"{self.name}: {self._surface.title} takes messages of a bot for 24 hours after the person did something, and 7 days "
            f"after an ad led into the conversation; they are over, and only a person of yours may still answer in Meta's inbox, "
            f"for 7 days"
        )

    def window(self, event: Incoming) -> float:
        """24 hours from a deed of the person; 7 days after an ad."""
        return window(event)

    def holder(self, event: Incoming) -> Holder | None:
        """A person who writes in Meta's inbox, or another application."""
        return holder(event, self._account.app_id)

    async def typing(self, address: Address, *, about: str | None = None) -> None:
        """Show that somebody writes."""
        await self._act(address.chat, "typing_on")

    async def acknowledge(self, events: Sequence[Incoming]) -> None:
        """Show that messages were seen; not those that somebody else answers. Raises nothing."""
        own = [event for event in events if event.kind in OPENING and not event.raw.get("standby")]
        for chat in dict.fromkeys(event.address.chat for event in own):
            try:
                await self._act(chat, "mark_seen")
            except AssistantError as error:
                LOG.debug("%s: a message was not marked as seen: %s", self.name, error)

    async def fetch(self, attachment: Attachment, *, max_bytes: int) -> bytes:
        """The content of a file that somebody sent."""
        if not attachment.url or attachment.kind in ("location", "contact"):
            raise Rejected(f"{self.name}: an attachment of kind {attachment.kind!r} has no file to fetch")
        return await self._graph.download(attachment.url, max_bytes=max_bytes)

    async def open(self, *, webhook_url: str | None) -> None:
        """Ask Meta whose token it is. The URL and the fields of webhooks are registered at Meta by hand.

        Raises:
            ConfigurationError: it is that of another account.
            Rejected, TransientError: as `send`.
        """
        await self._identity.confirm(self._graph)
        if webhook_url is not None:
            LOG.info("%s: the callback URL to enter at Meta is %s", self.name, webhook_url)

    async def check(self) -> Sequence[Finding]:
        """The version, the token, the account, permissions, and the fields that its webhooks have."""
        return await checked(self._graph, self._identity, app_id=self._account.app_id, token=self._token)

    async def _act(self, chat: str, action: str, **more: Any) -> None:
        """Show something that is no message; twice is as once."""
        body = {**to(chat), "sender_action": action, **more}
        await self._graph.post(self._identity.messages, body, may_double=True)

    async def _made(self, outgoing: Outgoing) -> list[Body]:
        """What is posted for a message; its files are uploaded before anything of it is sent."""
        made: list[Body] = []
        for part in await parted(outgoing, self._surface):
            files = [
                await reference(each, self._graph, path=self._identity.uploads, surface=self._surface)
                for each in part.attachments
            ]
            made += bodies(part, self._surface, files)
        return made

    async def _posted(self, body: Body, *, begun: bool) -> str:
        """Post a message; its id. Raises Lost."""
        post = self._graph.finish if begun else self._graph.post
        while True:
            try:
                return _id(await post(self._identity.messages, body))
            except Rejected as refused:
                if "reply_to" not in body or code_of(refused)[0] != INVALID:
                    raise
                LOG.info(
                    "%s: the message that is answered may be gone, so the answer is sent by itself: %s",
                    self.name,
                    refused,
                )
                body = {key: value for key, value in body.items() if key != "reply_to"}


def _id(answer: dict[str, Any]) -> str:
    """The id of a message that was taken. Raises Lost: the answer names none, so that nobody knows."""
    if not isinstance(answer.get("message_id"), str):
        raise Lost("Meta's answer names no message")
    return str(answer["message_id"])
