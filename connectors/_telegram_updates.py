"""From an update of Telegram's Bot API, as JSON, to an event: pure, and indifferent to whatever it does not know."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assistant.bot.phrases import COMMANDS
from assistant.types import Address, Incoming, Kind
from connectors._telegram_files import attachments

LOG = logging.getLogger(__name__)

Json = Mapping[str, Any]

COMMAND = re.compile(r"/(?P<name>[A-Za-z0-9_]{1,32})(?:@(?P<bot>[A-Za-z0-9_]+))?(?=\s|$)")
"""A command, in a group often with the name of the bot it is for. core.telegram.org/bots/features#commands, 2026-06."""

GENERAL = "1"
"""The topic that every forum has; its messages name none. core.telegram.org/api/forum#forum-topics, 2026-06."""

ANONYMOUS = {"1087968824", "136817688"}
"""Accounts that stand for an anonymous administrator and for a channel: marked as bots, but people write through them."""

TAP = "callback:"
"""What the id of a tap begins with; the rest is Telegram's id of the callback query."""

MEMBERSHIP = {"kicked": "removed", "left": "removed"}
"""What the bot's status in a chat means where it is not a member."""


@dataclass(frozen=True, slots=True)
class Bot:
    """Who reads: the section's name, the bot's id, and its username where it is known (Telegram's end in "bot")."""

    connector: str
    account: str
    username: str | None = None


def read(update: Json, bot: Bot) -> Incoming | None:
    """The event of an update; None: of a kind that is not known, or not for the bot."""
    try:
        return next((reader(update, bot) for kind, reader in READERS.items() if kind in update), None)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        LOG.warning("update %s of Telegram is not understood and left out: %r", update.get("update_id"), error)
        return None


def _message(update: Json, bot: Bot) -> Incoming | None:
    message = update["message"]
    if "migrate_to_chat_id" in message or "migrate_from_chat_id" in message:
        return _migrated(update, message, bot)
    files = attachments(message)
    if not _readable(message, bot) or not ("text" in message or files):
        return None
    text = _text(message)
    if command := COMMAND.match(text):
        if not _is_ours(command, message, bot):
            return None
        name = f"/{command['name'].lower()}"
        return _event(update, message, bot, kind="command", text=name + text[command.end() :], attachments=files)
    if not _addressed(message, bot):
        return None
    kind: Kind = "media" if files else "text"
    return _event(update, message, bot, kind=kind, text=_spoken(message, bot), attachments=files)


def _edited(update: Json, bot: Bot) -> Incoming | None:
    message = update["edited_message"]
    files = attachments(message)
    moving = "location" in message  # a live location is an edit every few seconds
    if moving or COMMAND.match(_text(message)) or not ("text" in message or files):
        return None
    if not _readable(message, bot) or not _addressed(message, bot):
        return None
    about = _id(message)
    where = f"{about}:edit:{message.get('edit_date', message['date'])}"
    said = _spoken(message, bot)
    return _event(update, message, bot, kind="edit", id=where, text=said, attachments=files, reply_to=about)


def _button(update: Json, bot: Bot) -> Incoming | None:
    query = update["callback_query"]
    message = query.get("message")
    if message is None or "data" not in query:  # of an inline result or a game, which the bot does not offer
        return None
    event = {**message, "from": query["from"]}
    return _event(update, event, bot, kind="button", id=TAP + query["id"], text=query["data"], reply_to=_id(message))


def _reaction(update: Json, bot: Bot) -> Incoming:
    change = update["message_reaction"]
    emoji = [str(each.get("emoji", each.get("custom_emoji_id", each["type"]))) for each in change["new_reaction"]]
    who = change.get("user") or change["actor_chat"]
    where = f"{_id(change)}:reaction:{who['id']}:{change['date']}:{'+'.join(emoji)}"
    event = {**change, "from": who}
    return _event(update, event, bot, kind="reaction", id=where, text=" ".join(emoji), reply_to=_id(change))


def _member(update: Json, bot: Bot) -> Incoming | None:
    change = update["my_chat_member"]
    old, new = change["old_chat_member"]["status"], change["new_chat_member"]["status"]
    was, now = (MEMBERSHIP.get(status, "added") for status in (old, new))
    if change["chat"]["type"] == "channel" or was == now:
        return None
    private = {"removed": "blocked", "added": "unblocked"}
    text = private[now] if change["chat"]["type"] == "private" else now
    where = f"{change['chat']['id']}:member:{change['date']}:{old}:{new}"
    return _event(update, change, bot, kind="system", id=where, text=text)


READERS: Mapping[str, Callable[[Json, Bot], Incoming | None]] = {
    "message": _message,
    "edited_message": _edited,
    "callback_query": _button,
    "message_reaction": _reaction,
    "my_chat_member": _member,
}
"""One reader for each of the kinds that are asked for."""


def _migrated(update: Json, message: Json, bot: Bot) -> Incoming:
    """A group became a supergroup, which has another id, and says so in both: the conversation is where it is now.
    core.telegram.org/bots/api#message, 2026-06."""
    told, here = ("migrate_to_chat_id", "migrate_from_chat_id"), message["chat"]["id"]
    to = int(message.get(told[0], here))
    old = here if told[0] in message else int(message[told[1]])
    where = Address(bot.connector, bot.account, str(to))
    what = f"migrated_to:{to}" if told[0] in message else f"migrated_from:{old}"
    return _event(update, message, bot, kind="system", address=where, text=what, aliases=(str(old),))


def _event(update: Json, message: Json, bot: Bot, *, kind: Kind, **fields: Any) -> Incoming:
    """`message` has the chat, who it is from, the date and the message it replies to."""
    sender = message.get("from") or message.get("sender_chat") or message["chat"]
    known = {"id": _id(message), "reply_to": _replied(message)} if "message_id" in message else {}
    return Incoming(**{
        "address": Address(bot.connector, bot.account, str(message["chat"]["id"]), _thread(message)),
        "sender": str(sender["id"]),
        "kind": kind,
        "sent_at": datetime.fromtimestamp(message["date"], UTC),
        "order": f"{update['update_id']:015d}",
        "raw": update,
        **known,
        **fields,
    })  # fmt: skip


def _id(message: Json) -> str:
    return f"{message['chat']['id']}:{message['message_id']}"


def _thread(message: Json) -> str | None:
    if message.get("is_topic_message"):  # elsewhere message_thread_id only tells which thread of replies it is in
        return str(message["message_thread_id"])
    return GENERAL if message["chat"].get("is_forum") and "new_reaction" not in message else None


def _replied(message: Json) -> str | None:
    reply = _reply(message)
    return _id(reply) if reply else None


def _reply(message: Json) -> Json | None:
    """What the person replied to; in a topic every message seems to reply to the one that opened it."""
    reply: Json | None = message.get("reply_to_message")
    if reply and message.get("is_topic_message") and reply.get("message_id") == message["message_thread_id"]:
        return None
    return reply


def _readable(message: Json, bot: Bot) -> bool:
    """Whether a person wrote it, to be read by the bot."""
    sender = message.get("from", {})
    robot = sender.get("is_bot") and str(sender.get("id")) not in ANONYMOUS
    return message["chat"]["type"] != "channel" and not robot and not message.get("is_automatic_forward")


def _is_ours(command: re.Match[str], message: Json, bot: Bot) -> bool:
    """Whether a command is for this bot; in a group, one that names no bot and is not known is another's."""
    if command["bot"]:
        return _is_name_of(bot, command["bot"])
    return message["chat"]["type"] == "private" or command["name"].lower() in COMMANDS


def _is_name_of(bot: Bot, name: str) -> bool:
    """While the bot's own name is not known yet, that of any bot: rather answered once too often than lost."""
    return name.lower() == bot.username.lower() if bot.username else name.lower().endswith("bot")


def _addressed(message: Json, bot: Bot) -> bool:
    """In a group: the bot is mentioned, or what is replied to is the bot's."""
    if message["chat"]["type"] == "private":
        return True
    reply = _reply(message)
    replied = reply is not None and str((reply.get("from") or {}).get("id")) == bot.account
    return replied or any(True for _ in _mentions(message, bot))


def _text(message: Json) -> str:
    return str(message.get("text", message.get("caption", "")))


def _mentions(message: Json, bot: Bot) -> Iterator[tuple[int, int]]:
    """Start and end, in UTF-16 code units, of every mention of the bot."""
    text = _text(message).encode("utf-16-le")
    for entity in message.get("entities", message.get("caption_entities", ())):
        start, end = entity["offset"], entity["offset"] + entity["length"]
        named = text[2 * start : 2 * end].decode("utf-16-le", "replace")
        by_name = entity["type"] == "mention" and _is_name_of(bot, named.removeprefix("@"))
        by_id = entity["type"] == "text_mention" and str(entity["user"]["id"]) == bot.account
        if by_name or by_id:
            yield start, end


def _spoken(message: Json, bot: Bot) -> str:
    """The text without the mentions that only say whom it is for; a mention alone stays."""
    if message["chat"]["type"] == "private":
        return _text(message)
    text = _text(message)
    for start, end in reversed(list(_mentions(message, bot))):
        units = text.encode("utf-16-le")
        head, tail = (part.decode("utf-16-le", "replace") for part in (units[: 2 * start], units[2 * end :]))
        text = head + tail.removeprefix(" ") if head else tail.lstrip(" ,:")
    return text.strip() or _text(message)
