"""Messages that go out to Messenger and Instagram: from an `Outgoing` to the bodies of the calls that send it.

Choices are quick replies; where one opens a page, up to three are buttons that stay, and more than three pages are cards.
Citations are left in the text: a card would cut their titles, and take them away from the sentences that they prove.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from assistant.connector import parts
from assistant.errors import Rejected
from assistant.markup import utf8, utf16
from assistant.types import Button, Outgoing
from connectors._messaging_files import check_file
from connectors._messaging_limits import (
    CARD_TITLE,
    CARDS,
    PAYLOAD,
    QUICK_REPLIES,
    TEMPLATE_BUTTONS,
    TEMPLATE_TEXT,
    TITLE,
    Surface,
)
from connectors._messaging_stamps import message_id, stamp
from connectors._meta_text import plain, plain_parts, unhurried

LOG = logging.getLogger(__name__)

Body = dict[str, Any]


def split(outgoing: Outgoing, surface: Surface) -> tuple[Outgoing, ...]:
    """The same as messages of the platform; the last is short enough for the buttons under it."""
    texts = _pieces(outgoing.text, surface.text_limit, surface)
    if _stays(outgoing.buttons):
        texts[-1:] = _pieces(texts[-1], min(TEMPLATE_TEXT, surface.text_limit), surface)
    return tuple(parts(outgoing, texts))


async def parted(outgoing: Outgoing, surface: Surface) -> tuple[Outgoing, ...]:
    """`split`, beside the event loop where it may take long."""
    return await unhurried(lambda: split(outgoing, surface), outgoing.text)


def check(outgoing: Outgoing, surface: Surface) -> None:
    """Raises Rejected: what no part of it could be sent with, before any is."""
    if not outgoing.text.strip() and not outgoing.attachments:
        raise Rejected(f"a message to {surface.title} has no text and no attachment")
    for attachment in outgoing.attachments:
        check_file(attachment, surface)
    buttons = _shown(outgoing.buttons)
    links = sum(button.url is not None for button in buttons)
    if len(buttons) > QUICK_REPLIES:
        raise Rejected(f"a message of {surface.title} has {QUICK_REPLIES} buttons at most, not {len(buttons)}")
    if links and len(buttons) > (CARDS if links == len(buttons) else TEMPLATE_BUTTONS):
        raise Rejected(
            f"a message of {surface.title} has {TEMPLATE_BUTTONS} buttons at most where one opens a page, "
            f"and {CARDS} where all do, not {len(buttons)}"
        )
    if links and not outgoing.text.strip():
        raise Rejected(f"buttons of {surface.title} that open a page need a text above them")
    for button in buttons:
        _check_button(button)


def bodies(outgoing: Outgoing, surface: Surface, files: Sequence[Mapping[str, Any]]) -> list[Body]:
    """What is posted for a part, one after the other: each of `files`, the text, cards."""
    messages: list[Body] = [{"attachment": dict(file)} for file in files]
    buttons = _shown(outgoing.buttons)
    text = visible(outgoing.text)
    if _stays(buttons):
        template = {"template_type": "button", "text": text, "buttons": [_button(each) for each in buttons]}
        messages.append({"attachment": {"type": "template", "payload": template}})
    elif text:
        messages.append({"text": text})
    if buttons and all(button.url for button in buttons) and not _stays(buttons):
        cards = {"template_type": "generic", "elements": [_card(each) for each in buttons]}
        messages.append({"attachment": {"type": "template", "payload": cards}})
    elif buttons and not _stays(buttons):
        messages[-1]["quick_replies"] = [_quick(each) for each in buttons]
    return [_enveloped(message, outgoing, surface, index, len(messages)) for index, message in enumerate(messages)]


def to(chat: str) -> Body:
    """The part of a body that names the person."""
    return {"recipient": {"id": chat}}


def visible(text: str) -> str:
    """What people see of Markdown; the text itself where that is nothing."""
    return plain(text) or text.strip()


def _enveloped(message: Body, outgoing: Outgoing, surface: Surface, index: int, count: int) -> Body:
    body = to(outgoing.address.chat)
    if surface.typed:
        body["messaging_type"] = "RESPONSE"
    replied = message_id(outgoing.reply_to)
    if replied and not index:
        body["reply_to"] = {"mid": replied}
    mark = stamp(outgoing.key, ahead=count - 1 - index)
    return {**body, "message": {**message, "metadata": mark} if mark else message}


def _pieces(text: str, limit: int, surface: Surface) -> list[str]:
    """Markdown pieces that fit; one of which nothing is visible is shown as it is written, in stretches that fit anyhow."""
    size = utf8 if surface.unit == "bytes" else utf16
    found = plain_parts(text, limit=limit, unit=surface.unit)
    if len(found) > 1 or size(visible(found[0])) <= limit:
        return found
    width = limit // 4
    stretches = (text[start : start + width] for start in range(0, len(text), width))
    return [stretch for stretch in stretches if stretch.strip()] or [text]


def _stays(buttons: Sequence[Button]) -> bool:
    """Whether buttons are of the kind that stays: one of a few opens a page."""
    shown = _shown(buttons)
    return any(button.url for button in shown) and len(shown) <= TEMPLATE_BUTTONS


def _shown(buttons: Sequence[Button]) -> list[Button]:
    """Without those that open what is no web page: Meta refuses the whole message for one."""
    return [button for button in buttons if button.url is None or _is_page(button.url)]


def _is_page(url: str) -> bool:
    try:
        good = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:  # "http://[" and the like
        good = False
    if not good:
        LOG.warning("a button with the URL %r is left out: Meta takes web pages only", url)
    return good


def _check_button(button: Button) -> None:
    if not button.label.strip():
        raise Rejected("a button has no label")
    if button.url is None and not 1 <= len(_data(button)) <= PAYLOAD:
        raise Rejected(f"data of the button {button.label!r} has {len(_data(button))} characters, not 1 to {PAYLOAD}")


def _data(button: Button) -> str:
    return button.label if button.data is None else button.data


def _quick(button: Button) -> Body:
    return {"content_type": "text", "title": _fitted(button.label, TITLE), "payload": _data(button)}


def _button(button: Button) -> Body:
    title = _fitted(button.label, TITLE)
    if button.url is not None:
        return {"type": "web_url", "title": title, "url": button.url}
    return {"type": "postback", "title": title, "payload": _data(button)}


def _card(button: Button) -> Body:
    return {
        "title": _fitted(button.label, CARD_TITLE),
        "default_action": {"type": "web_url", "url": button.url},
        "subtitle": _fitted(urlsplit(button.url or "").hostname or "", CARD_TITLE),
    }


def _fitted(label: str, limit: int) -> str:
    """A label with an ellipsis where Meta would cut it without one."""
    if utf16(label) <= limit:
        return label
    while utf16(label) >= limit:
        label = label[:-1]
    return f"{label}…"
