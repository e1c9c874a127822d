"""What `POST /{phone-number-id}/messages` of the Cloud API takes, with its limits.

Meta's OpenAPI of the Business Messaging API, v23.0, for the shapes; its pages (developers.facebook.com, documentation,
business-messaging/whatsapp: messages, interactive-reply-buttons-messages, interactive-list-messages, business-scoped-user-ids,
typing-indicators; 2026-03 to 2026-08) for lengths, `recipient` and typing. `recipient_type` is demanded as the OpenAPI does,
though the server of Meta takes its absence.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from graph_shapes import (
    Shape,
    UpTo20,
    UpTo24,
    UpTo60,
    UpTo64,
    UpTo72,
    UpTo100,
    UpTo200,
    UpTo240,
    UpTo256,
    UpTo512,
    UpTo1000,
    UpTo1024,
    UpTo4096,
    Url,
)
from pydantic import Field, StringConstraints, model_validator

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{5,20}$")]
BusinessScoped = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$")]
Wamid = Annotated[str, StringConstraints(max_length=512, pattern=r"^wamid\.")]
Emoji = Annotated[str, StringConstraints(max_length=20)]
Id256 = Annotated[str, StringConstraints(max_length=256, pattern=r"^\S(.*\S)?$")]
Title20 = Annotated[str, StringConstraints(max_length=20, pattern=r"^\S(.*\S)?$")]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,4})?$")]
TemplateName = Annotated[str, StringConstraints(max_length=512, pattern=r"^[a-z0-9_]+$")]


class Text(Shape):
    """Free text."""

    body: UpTo4096
    preview_url: bool = False


class File(Shape):
    """A file by id or by link."""

    id: UpTo64 | None = None
    link: Url | None = None

    @model_validator(mode="after")
    def _one(self) -> File:
        if (self.id is None) == (self.link is None):
            raise ValueError("exactly one of id and link")
        return self


class Captioned(File):
    """An image or a video."""

    caption: UpTo1024 | None = None


class Document(Captioned):
    """A document."""

    filename: UpTo240 | None = None


class Audio(File):
    """A voice message or music."""

    voice: bool = False


class Location(Shape):
    """A place."""

    latitude: float | int | str
    longitude: float | int | str
    name: UpTo1000 | None = None
    address: UpTo1000 | None = None


class Name(Shape):
    """Of a contact; one part beside the whole is demanded."""

    formatted_name: UpTo1000
    first_name: str | None = None
    last_name: str | None = None
    middle_name: str | None = None
    prefix: str | None = None
    suffix: str | None = None

    @model_validator(mode="after")
    def _parts(self) -> Name:
        if not any((self.first_name, self.last_name, self.middle_name, self.prefix, self.suffix)):
            raise ValueError("one more part of the name is required")
        return self


class Contact(Shape):
    """A person's card."""

    name: Name
    phones: list[dict[str, str]] = Field(default_factory=list)
    emails: list[dict[str, str]] = Field(default_factory=list)
    urls: list[dict[str, str]] = Field(default_factory=list)
    addresses: list[dict[str, str]] = Field(default_factory=list)
    org: dict[str, str] | None = None
    birthday: str | None = None


class Reaction(Shape):
    """An emoji at a message; "" takes it back."""

    message_id: Wamid
    emoji: Emoji


class Words(Shape):
    """A text of an interactive message."""

    text: UpTo1024


class ListWords(Shape):
    """The text over a list."""

    text: UpTo4096


class Footer(Shape):
    """The small text below."""

    text: UpTo60


class Header(Shape):
    """What is above: a text or a file."""

    type: Literal["text", "image", "video", "document"]
    text: UpTo60 | None = None
    image: File | None = None
    video: File | None = None
    document: Document | None = None

    @model_validator(mode="after")
    def _own(self) -> Header:
        given = [key for key in ("text", "image", "video", "document") if getattr(self, key) is not None]
        if given != [self.type]:
            raise ValueError(f"a header of type {self.type} has {self.type} and nothing else")
        return self


class Reply(Shape):
    """What a button says and gives back."""

    id: Id256
    title: Title20


class ReplyButton(Shape):
    """A button."""

    type: Literal["reply"]
    reply: Reply


class Buttons(Shape):
    """Up to three, each with an id and a title of its own."""

    buttons: Annotated[list[ReplyButton], Field(min_length=1, max_length=3)]

    @model_validator(mode="after")
    def _different(self) -> Buttons:
        for key in ("id", "title"):
            values = [getattr(button.reply, key) for button in self.buttons]
            if len(set(values)) < len(values):
                raise ValueError(f"buttons have the same {key}")
        return self


class ButtonMessage(Shape):
    """Reply buttons."""

    type: Literal["button"]
    body: Words
    action: Buttons
    header: Header | None = None
    footer: Footer | None = None


class Row(Shape):
    """A line of a list."""

    id: UpTo200
    title: UpTo24
    description: UpTo72 | None = None


class Section(Shape):
    """Rows under a title."""

    rows: Annotated[list[Row], Field(min_length=1)]
    title: UpTo24 | None = None


class Sections(Shape):
    """Up to ten rows in all; several sections have titles."""

    button: UpTo20
    sections: Annotated[list[Section], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _rows(self) -> Sections:
        ids = [row.id for section in self.sections for row in section.rows]
        if len(ids) > 10 or len(set(ids)) < len(ids):
            raise ValueError("at most 10 rows, each with an id of its own")
        if len(self.sections) > 1 and not all(section.title for section in self.sections):
            raise ValueError("several sections need titles")
        return self


class ListMessage(Shape):
    """A list to choose from."""

    type: Literal["list"]
    body: ListWords
    action: Sections
    header: Header | None = None
    footer: Footer | None = None


class Link(Shape):
    """Where a button leads."""

    display_text: UpTo20
    url: Url


class OpenLink(Shape):
    """One button that opens a page."""

    name: Literal["cta_url"]
    parameters: Link


class LinkMessage(Shape):
    """A text with a button that opens a page."""

    type: Literal["cta_url"]
    body: Words
    action: OpenLink
    header: Header | None = None
    footer: Footer | None = None


class Language(Shape):
    """Of a template."""

    code: Locale
    policy: Literal["deterministic"] | None = None


class Parameter(Shape):
    """What a template is filled with."""

    type: Literal["text", "payload", "currency", "date_time", "image", "video", "document"]
    text: UpTo1024 | None = None
    parameter_name: UpTo100 | None = None
    payload: UpTo256 | None = None
    currency: dict[str, Any] | None = None
    date_time: dict[str, Any] | None = None
    image: File | None = None
    video: File | None = None
    document: Document | None = None

    @model_validator(mode="after")
    def _own(self) -> Parameter:
        if getattr(self, self.type) is None:
            raise ValueError(f"a parameter of type {self.type} has {self.type}")
        return self


class Component(Shape):
    """A part of a template."""

    type: Literal["header", "body", "button"]
    parameters: list[Parameter] = Field(default_factory=list)
    sub_type: Literal["quick_reply", "url", "copy_code"] | None = None
    index: str | int | None = None

    @model_validator(mode="after")
    def _button(self) -> Component:
        if self.type == "button" and (self.sub_type is None or self.index is None):
            raise ValueError("a button has sub_type and index")
        return self


class Template(Shape):
    """A message that was approved beforehand."""

    name: TemplateName
    language: Language
    components: list[Component] = Field(default_factory=list)


class Context(Shape):
    """The message that is answered."""

    message_id: Wamid


class Message(Shape):
    """Something to send; exactly the field named by `type` is there."""

    messaging_product: Literal["whatsapp"]
    recipient_type: Literal["individual"]
    type: Literal["text", "image", "video", "audio", "document", "sticker", "location", "contacts", "reaction",
                  "interactive", "template"]  # fmt: skip
    to: Phone | None = None
    recipient: BusinessScoped | None = None
    context: Context | None = None
    biz_opaque_callback_data: UpTo512 | None = None
    text: Text | None = None
    image: Captioned | None = None
    video: Captioned | None = None
    audio: Audio | None = None
    document: Document | None = None
    sticker: File | None = None
    location: Location | None = None
    contacts: Annotated[list[Contact], Field(min_length=1)] | None = None
    reaction: Reaction | None = None
    interactive: Annotated[ButtonMessage | ListMessage | LinkMessage, Field(discriminator="type")] | None = None
    template: Template | None = None

    @model_validator(mode="after")
    def _whole(self) -> Message:
        if self.to is None and self.recipient is None:
            raise ValueError("to or recipient is required")
        kinds = set(type(self).model_fields) - {"messaging_product", "recipient_type", "type", "to", "recipient",
                                                "context", "biz_opaque_callback_data"}  # fmt: skip
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if given != [self.type]:
            raise ValueError(f"a message of type {self.type} has {self.type} and nothing else, not {sorted(given)}")
        return self


class Typing(Shape):
    """The typing indicator."""

    type: Literal["text"]


class Read(Shape):
    """A message that was read, and perhaps that an answer is being written."""

    messaging_product: Literal["whatsapp"]
    status: Literal["read"]
    message_id: Wamid
    typing_indicator: Typing | None = None
