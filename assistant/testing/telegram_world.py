"""Chats, messages and files of the fake Telegram, as JSON objects of the Bot API."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.testing.telegram_refusal import Refusal, bad
from assistant.testing.telegram_updates import Updates
from assistant.testing.telegram_webhook import Delivery

BOT = {"id": 700000001, "is_bot": True, "first_name": "Test bot", "username": "test_bot"}
"""Who the bot is."""

DOWNLOAD_LIMIT = 20 * 1024 * 1024
"""Bytes a bot may download. core.telegram.org/bots/api#getfile, 2026-06."""


@dataclass(slots=True)
class Chat:
    """A private chat, a group, a supergroup or a forum, and how it stands with the bot."""

    id: int
    type: str
    title: str = ""
    forum: bool = False
    refusal: Refusal | None = None
    topics: set[int] = field(default_factory=set)
    last_id: int = 0

    @property
    def is_group(self) -> bool:
        return self.type in ("group", "supergroup")

    def to_dict(self) -> dict[str, Any]:
        """A `Chat` of the Bot API."""
        if not self.is_group:
            return {"id": self.id, "type": self.type, "first_name": self.title or "Ann"}
        return {"id": self.id, "type": self.type, "title": self.title or "Group"} | (
            {"is_forum": True} if self.forum else {}
        )


@dataclass(slots=True)
class Post:
    """A message in a chat: `message` as the Bot API has it now; `texts` all it ever said, oldest first.

    `message_id`, `text`, `entities`, `buttons`, `reply_to` and `thread` read the message.
    """

    message: dict[str, Any]
    texts: list[str] = field(default_factory=list)
    by_bot: bool = False
    deleted: bool = False
    reactions: tuple[str, ...] = ()

    @property
    def message_id(self) -> int:
        return int(self.message["message_id"])

    @property
    def text(self) -> str:
        return str(self.message.get("text", self.message.get("caption", "")))

    @property
    def entities(self) -> Sequence[dict[str, Any]]:
        return tuple(self.message.get("entities", self.message.get("caption_entities", ())))

    @property
    def buttons(self) -> tuple[dict[str, Any], ...]:
        """Buttons of the inline keyboard, row by row."""
        keyboard = self.message.get("reply_markup", {}).get("inline_keyboard", ())
        return tuple(button for row in keyboard for button in row)

    @property
    def reply_to(self) -> int | None:
        replied: int | None = self.message.get("reply_to_message", {}).get("message_id")
        return replied

    @property
    def thread(self) -> int | None:
        return self.message.get("message_thread_id")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file at Telegram."""

    id: str
    name: str
    data: bytes = field(repr=False)
    mime_type: str
    path: str


class World:
    """Everything the fake remembers.

    Args:
        privacy: whether the bot sees of groups only commands, mentions and replies to it, as BotFather sets by default.
        open_chats: a chat nobody wrote in exists as soon as the bot writes to it, topics too; else "chat not found".
        retry_seconds: the pause before a webhook is posted again; see `Delivery`.
    """

    def __init__(self, *, privacy: bool = True, open_chats: bool = False, retry_seconds: float = 0.1) -> None:
        self.privacy, self.open_chats = privacy, open_chats
        self.bot = dict(BOT)
        self.chats: dict[int, Chat] = {}
        self.posts: dict[tuple[int, int], Post] = {}
        self.files: dict[str, StoredFile] = {}
        self.drafts: dict[int, list[str]] = {}
        self.screens: dict[tuple[int, int | None], list[str]] = {}
        self.actions: dict[int, list[str]] = {}
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.open_taps: set[str] = set()
        self.answered_taps: dict[str, str] = {}
        self.updates = Updates()
        self.delivery = Delivery(self.updates, retry_seconds=retry_seconds)

    def chat(self, chat_id: int, *, kind: str | None = None, title: str = "", forum: bool = False) -> Chat:
        """The chat with this id, made if it is new: positive ids are people, others groups, -100… supergroups."""
        if chat_id not in self.chats:
            guessed = "private" if chat_id > 0 else "supergroup" if str(chat_id).startswith("-100") else "group"
            self.chats[chat_id] = Chat(chat_id, kind or guessed, title, forum)
        return self.chats[chat_id]

    def reachable(self, chat_id: Any, thread: int | None = None, *, general: bool = False) -> Chat:
        """The chat of a call. Raises Refusal: unknown, blocked, migrated, or without that topic."""
        if self.open_chats and isinstance(chat_id, int):
            place = self.chat(chat_id)
            place.forum = place.forum or thread is not None
            place.topics |= {thread} if thread else set()
        chat = self.chats.get(chat_id) if isinstance(chat_id, int) else None
        if chat is None:
            raise bad("chat not found")
        if chat.refusal:
            raise chat.refusal
        if thread is not None and not (chat.forum and (thread in chat.topics or (general and thread == 1))):
            raise bad("message thread not found")  # the topic "General" has no thread to send to
        return chat

    def post(self, chat: Chat, message: dict[str, Any], *, by_bot: bool = False) -> Post:
        """Put a message into a chat, with its id and date."""
        chat.last_id += 1
        known = {"message_id": chat.last_id, "date": int(time.time()), "chat": chat.to_dict(), **message}
        post = Post(known, [], by_bot)
        post.texts.append(post.text)
        self.posts[chat.id, chat.last_id] = post
        if by_bot:
            self.show(chat.id, post.thread, post.text)
        return post

    def show(self, chat_id: int, thread: int | None, text: str) -> None:
        """Remember that this text of the bot was on the screen."""
        self.screens.setdefault((chat_id, thread), []).append(text)

    def set_webhook(self, url: str, secret: str, *, drop: bool = False) -> None:
        """What setWebhook and, with an empty URL, deleteWebhook do."""
        if drop:
            self.updates.pending.clear()
        self.updates.webhook_url = url
        self.delivery.secret = secret
        self.delivery.restart()

    def found(self, chat_id: int, message_id: int | None, missing: str) -> Post:
        """The message of a call. Raises Refusal: there is none."""
        post = self.posts.get((chat_id, message_id or 0))
        if post is None or post.deleted:
            raise bad(missing)
        return post

    def store(self, data: bytes, name: str, mime_type: str, *, kind: str = "documents") -> StoredFile:
        """Keep a file; its id and download path."""
        number = len(self.files) + 1
        suffix = f".{name.rsplit('.', 1)[1]}" if "." in name else ""
        stored = StoredFile(f"file-{number}-id", name, data, mime_type, f"{kind}/file_{number}{suffix}")
        self.files[stored.id] = stored
        return stored
