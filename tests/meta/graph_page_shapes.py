"""What the Send API of Messenger and of Instagram takes, with its limits.

developers.facebook.com/docs: messenger-platform/reference/send-api, send-messages/{quick-replies,template/button,
template/generic} (2026-04-22), graph-api/reference/page/messages; instagram-platform, messaging-api and the limit of 1000 bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from graph_shapes import (
    Shape,
    UpTo20,
    UpTo30,
    UpTo64,
    UpTo80,
    UpTo128,
    UpTo512,
    UpTo640,
    UpTo999,
    UpTo1000,
    UpTo2000,
    Url,
)
from pydantic import Field, model_validator

INSTAGRAM_BYTES = 1000
"""UTF-8 bytes of a text on Instagram."""


class Recipient(Shape):
    """Exactly one of these."""

    id: UpTo64 | None = None
    comment_id: UpTo128 | None = None
    post_id: UpTo128 | None = None

    @model_validator(mode="after")
    def _one(self) -> Recipient:
        if sum(each is not None for each in (self.id, self.comment_id, self.post_id)) != 1:
            raise ValueError("exactly one of id, comment_id and post_id")
        return self


class LinkButton(Shape):
    """Opens a page."""

    type: Literal["web_url"]
    title: UpTo20
    url: Url


class PostbackButton(Shape):
    """Gives its payload back."""

    type: Literal["postback"]
    title: UpTo20
    payload: UpTo1000


Button = Annotated[LinkButton | PostbackButton, Field(discriminator="type")]
Three = Annotated[list[Button], Field(min_length=1, max_length=3)]


class ButtonTemplate(Shape):
    """A text over buttons."""

    template_type: Literal["button"]
    text: UpTo640
    buttons: Three


class Open(Shape):
    """What a tap on the card does."""

    type: Literal["web_url"]
    url: Url


class Element(Shape):
    """A card; a title alone is not enough."""

    title: UpTo80
    subtitle: UpTo80 | None = None
    image_url: Url | None = None
    default_action: Open | None = None
    buttons: Three | None = None

    @model_validator(mode="after")
    def _more(self) -> Element:
        if not any((self.subtitle, self.image_url, self.default_action, self.buttons)):
            raise ValueError("a card needs one property beside its title")
        return self


class GenericTemplate(Shape):
    """Cards side by side."""

    template_type: Literal["generic"]
    elements: Annotated[list[Element], Field(min_length=1, max_length=10)]


class Saved(Shape):
    """A file by URL or by id."""

    url: Url | None = None
    attachment_id: UpTo64 | None = None
    is_reusable: bool = False


class FileAttachment(Shape):
    """A file."""

    type: Literal["image", "audio", "video", "file"]
    payload: Saved


class TemplateAttachment(Shape):
    """A template."""

    type: Literal["template"]
    payload: Annotated[ButtonTemplate | GenericTemplate, Field(discriminator="template_type")]


class QuickReply(Shape):
    """A choice that vanishes when it is taken; phone and e-mail are not asked for here."""

    content_type: Literal["text"]
    title: UpTo20
    payload: UpTo1000
    image_url: Url | None = None


class Message(Shape):
    """Text or an attachment."""

    text: UpTo2000 | None = None
    attachment: Annotated[FileAttachment | TemplateAttachment, Field(discriminator="type")] | None = None
    quick_replies: Annotated[list[QuickReply], Field(min_length=1, max_length=13)] | None = None
    metadata: UpTo999 | None = None

    @model_validator(mode="after")
    def _one(self) -> Message:
        if (self.text is None) == (self.attachment is None):
            raise ValueError("exactly one of text and attachment")
        return self


class Answered(Shape):
    """The message that is answered."""

    mid: UpTo512


class Reacted(Shape):
    """The message that is reacted to, and how; no reaction where it is taken back."""

    message_id: UpTo512
    reaction: UpTo30 | None = None


class Call(Shape):
    """One call: a message, or an action such as typing."""

    recipient: Recipient
    messaging_type: Literal["RESPONSE", "UPDATE", "MESSAGE_TAG"] | None = None
    tag: Literal["HUMAN_AGENT", "ACCOUNT_UPDATE", "CONFIRMED_EVENT_UPDATE", "POST_PURCHASE_UPDATE"] | None = None
    message: Message | None = None
    reply_to: Answered | None = None
    sender_action: Literal["typing_on", "typing_off", "mark_seen", "react", "unreact"] | None = None
    payload: Reacted | None = None

    @model_validator(mode="after")
    def _whole(self) -> Call:
        if (self.message is None) == (self.sender_action is None):
            raise ValueError("exactly one of message and sender_action")
        if (self.payload is None) != (self.sender_action not in ("react", "unreact")):
            raise ValueError("react and unreact have a payload, nothing else has")
        if self.sender_action == "react" and not (self.payload and self.payload.reaction):
            raise ValueError("react has a reaction")
        if (self.tag is None) != (self.messaging_type != "MESSAGE_TAG"):
            raise ValueError("a tag goes with MESSAGE_TAG")
        return self
