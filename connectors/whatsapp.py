"""WhatsApp by Meta's Cloud API: one telephone number, by webhook."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal

from assistant.connector import Capabilities, Finding, Holder
from assistant.errors import AssistantError, Rejected
from assistant.types import Address, Attachment, Incoming, Outgoing, Receipt, Webhook
from connectors._meta import Lost
from connectors._meta_account import MetaAccount
from connectors._meta_options import FACEBOOK, identifier, require
from connectors._meta_webhooks import read
from connectors._whatsapp_check import checked
from connectors._whatsapp_limits import RATES, ROWS, TEXT_CHARS, TITLE_CHARS, TYPING_SECONDS
from connectors._whatsapp_media import fetched, reference
from connectors._whatsapp_messages import (
    Body,
    Style,
    bodies,
    check,
    envelope,
    is_rest,
    keyed,
    message_id,
    parted,
    split,
)
from connectors._whatsapp_template import configured
from connectors._whatsapp_updates import OBJECT, OPENING, Number, holder, window
from connectors._whatsapp_updates import read as events_of

LOG = logging.getLogger(__name__)

REMEMBERED = 10_000
"""Chats of which the last message is known, to show typing where nobody says about what."""


class WhatsApp(MetaAccount):
    """One number.

    Args:
        access_token: of a system user, with whatsapp_business_messaging and whatsapp_business_management.
        phone_number_id: of the number, as API Setup shows it; not the number itself.
        app_secret: that webhooks are signed with, and calls are proven with.
        verify_token: a word of your own, entered at Meta beside the webhook's URL.
        business_account_id: of the WhatsApp Business Account; for `doctor` only.
        template: name of a template that is sent where the window is closed; None: such answers are refused.
        template_language: its language as WhatsApp Manager has it, such as "en_US".
        template_parameter: the gap in its body that takes the answer, "1" or its name; None: it has none.
        link_previews: let WhatsApp show what a link in an answer leads to.
        mark_read: show people that their message was taken.
        menu: what is written on the button that opens a list, where buttons are more than three.
        graph_base_url: where the Graph API is; another for a server of one's own.
        graph_version: such as "v26.0"; None: the newest known.
        unknown_sends: as `inbox.unknown_sends`, for this connector; None: that.

    Raises:
        ConfigurationError: an option that is missing or cannot be; no secret is in the message.
    """

    def __init__(
        self,
        *,
        access_token: str | None = None,
        phone_number_id: str | int = "",
        app_secret: str | None = None,
        verify_token: str | None = None,
        business_account_id: str | int | None = None,
        template: str | None = None,
        template_language: str | None = None,
        template_parameter: str | int | None = None,
        link_previews: bool = False,
        mark_read: bool = True,
        menu: str = "☰",
        graph_base_url: str = FACEBOOK,
        graph_version: str | None = None,
        name: str = "whatsapp",
        unknown_sends: Literal["resend", "park"] | None = None,
    ) -> None:
        super().__init__(
            name=name, token=access_token, credential="access_token", app_secret=app_secret, verify_token=verify_token,
            base_url=graph_base_url, version=graph_version,
        )  # fmt: skip
        self.unknown_sends = unknown_sends
        self.capabilities = Capabilities(
            text_limit=TEXT_CHARS, text_unit="utf16", typing_seconds=TYPING_SECONDS, media=True, buttons=ROWS,
            reactions=True, rates=RATES, reports=True, repeats="doubled",
        )  # fmt: skip
        require(1 <= len(menu.strip()) <= TITLE_CHARS, f"connectors.{name}.menu has 1 to {TITLE_CHARS} characters")
        self._number = Number(name, _identifier(phone_number_id, name, "phone_number_id"))
        self._business = business_account_id and _identifier(business_account_id, name, "business_account_id")
        gap = None if template_parameter is None else str(template_parameter)
        self._template = configured(template, template_language, gap, section=name)
        self._style = Style(link_previews, menu)
        self._mark_read = mark_read
        self._last: OrderedDict[str, str] = OrderedDict()

    def __repr__(self) -> str:
        return f"WhatsApp(name={self.name!r}, phone_number_id={self._number.id!r})"

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        """Every event of this number. Raises InvalidWebhook: it is no webhook of Meta."""
        events = events_of(read(webhook, object=OBJECT), self._number)
        for event in events:
            self._remember(event)
        return events

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        """The same as messages that WhatsApp takes."""
        return split(outgoing, self._style)

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Send a message.

        What was begun is finished: a rate limit between two messages of a long text is waited for. Where that cannot
        be, the receipt names what arrived, and is "failed".
        """
        check(outgoing, self._style)
        return await self._delivered(await self._made(outgoing), self._posted, to=outgoing.address)

    async def send_beyond(self, outgoing: Outgoing) -> Receipt:
        """Send the template in place of a message. One without a gap stands for all parts of an answer, and is sent with the
        first. Raises Rejected: none is configured, or the text does not fit into it."""
        if self._template is None:
            raise Rejected(
                f"{self.name}: 24 hours after a person's last message WhatsApp takes templates only, and none is configured: "
                f"set connectors.{self.name}.template and connectors.{self.name}.template_language"
            )
        if self._template.parameter is None and is_rest(outgoing):
            return Receipt(())
        body = {**envelope(outgoing.address), **keyed(outgoing.key), **self._template.message(outgoing)}
        return await self._delivered([body], self._posted, to=outgoing.address)

    def window(self, event: Incoming) -> float:
        """24 hours from a message of the person."""
        return window(event)

    def holder(self, event: Incoming) -> Holder | None:
        """A person who wrote by the app on a telephone, or Meta's own agent."""
        return holder(event)

    async def typing(self, address: Address, *, about: str | None = None) -> None:
        """Show that somebody writes, and that the message was read. Where it is not known which, nothing is shown."""
        if found := message_id(about) or self._last.get(address.chat):
            await self._seen(found, typing_indicator={"type": "text"})

    async def acknowledge(self, events: Sequence[Incoming]) -> None:
        """Show that messages were read, with the last of a chat all before it; not those that somebody else answers."""
        own = [event for event in events if event.kind in OPENING and not event.raw.get("standby")]
        last = {event.address: message_id(event.id) for event in own} if self._mark_read else {}
        for found in filter(None, last.values()):
            try:
                await self._seen(found)
            except AssistantError as error:
                LOG.debug("%s: a message was not marked as read: %s", self.name, error)

    async def fetch(self, attachment: Attachment, *, max_bytes: int) -> bytes:
        """The content of a file that somebody sent."""
        return await fetched(attachment, self._graph, max_bytes=max_bytes)

    async def react(self, address: Address, message_id: str, emoji: str | None) -> None:
        """React to a message, or take it back."""
        reaction = {"message_id": message_id.partition(":")[0], "emoji": emoji or ""}
        body = {**envelope(address), "type": "reaction", "reaction": reaction}
        await self._graph.post(f"{self._number.id}/messages", body, may_double=True)

    async def open(self, *, webhook_url: str | None) -> None:
        """Ask Meta for the number, which proves token, app secret and id. The URL is registered at Meta by hand."""
        await self._graph.get(self._number.id, fields="display_phone_number")
        if webhook_url is not None:
            LOG.info("%s: the callback URL to enter at Meta is %s", self.name, webhook_url)

    async def check(self) -> Sequence[Finding]:
        """The version, the token, the number, permissions, the subscription, the template, and WhatsApp's policy."""
        return await checked(
            self._graph, number=self._number.id, business=self._business or None, template=self._template,
            token=self._token,
        )  # fmt: skip

    def _remember(self, event: Incoming) -> None:
        found = message_id(event.id) if event.kind in OPENING else None
        for chat in (event.address.chat, *event.aliases) if found else ():
            self._last[chat] = found or ""
            self._last.move_to_end(chat)
        while len(self._last) > REMEMBERED:
            self._last.popitem(last=False)

    async def _made(self, outgoing: Outgoing) -> list[Body]:
        """What is posted for a message; its files are uploaded before anything of it is sent."""
        made: list[Body] = []
        for part in await parted(outgoing, self._style):
            at = [await reference(each, self._graph, number=self._number.id) for each in part.attachments]
            made += bodies(part, self._style, at)
        return made

    async def _posted(self, body: Body, *, begun: bool) -> str:
        """Post a message; its id. Raises Lost."""
        post = self._graph.finish if begun else self._graph.post
        return _id(await post(f"{self._number.id}/messages", body))

    async def _seen(self, message: str, **more: Any) -> None:
        body = {"messaging_product": "whatsapp", "status": "read", "message_id": message, **more}
        await self._graph.post(f"{self._number.id}/messages", body, may_double=True)


def _id(answer: dict[str, Any]) -> str:
    """The id of a message that was taken. Raises Lost: the answer names none, so that nobody knows."""
    messages = answer.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    if not isinstance(first, dict) or not isinstance(first.get("id"), str):
        raise Lost("Meta's answer names no message")
    return str(first["id"])


def _identifier(value: str | int, name: str, key: str) -> str:
    where = "API Setup of WhatsApp in the app's dashboard shows it, below the number"
    return identifier(value, name=name, key=key, where=where)
