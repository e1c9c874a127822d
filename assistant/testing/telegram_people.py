"""What people do on the fake Telegram: write, tap, send files, react, block; each becomes the update Telegram would send."""

from __future__ import annotations

import re
import time
from typing import Any

from assistant.testing.telegram_markup import units
from assistant.testing.telegram_refusal import Refusal
from assistant.testing.telegram_world import Chat, Post, StoredFile, World

SPECIAL = re.compile(r"(?<!\S)/\w+(?:@\w+)?|(?<!\w)@\w+|https?://\S+")
"""What Telegram marks in a text by itself: commands, mentions, links."""


class People(World):
    """The people's side. `chat` is a chat's id; `user` a person's, by default the one of the private chat, else 42."""

    def user_says(self, chat: int, text: str, *, user: int | None = None, name: str = "Ann", reply_to: int | None = None,
                  thread: int | None = None, language: str = "en", **more: Any) -> int:  # fmt: skip
        """Somebody writes; the id of the message. `more` are further fields of the Bot API's `Message`."""
        place = self.chat(chat)
        message: dict[str, Any] = {"from": _person(place, user, name, language), "text": text, **more}
        if entities := self._entities(text):
            message["entities"] = entities
        return self._comes(place, message, reply_to, thread)

    def edits(self, chat: int, message_id: int, text: str) -> None:
        """Somebody changes a message."""
        post = self.posts[chat, message_id]
        post.message = {**post.message, "text": text, "edit_date": int(time.time())}
        post.texts.append(text)
        self.updates.add("edited_message", post.message)

    def sends_document(self, chat: int, data: bytes, *, name: str = "note.txt", mime_type: str = "text/plain",
                       caption: str = "", size: int | None = None, user: int | None = None) -> int:  # fmt: skip
        """Somebody sends a file; `size` is told in its place. The id of the message."""
        stored = self.store(data, name, mime_type)
        place = self.chat(chat)
        message = {"from": _person(place, user, "Ann", "en"), "document": described(stored, size=size)}
        return self._comes(place, message | ({"caption": caption} if caption else {}), None, None)

    def sends_photo(self, chat: int, data: bytes, *, caption: str = "", user: int | None = None) -> int:
        """Somebody sends a picture, in two sizes as Telegram keeps it."""
        small, large = (self.store(data, "photo.jpg", "image/jpeg", kind="photos") for _ in range(2))
        place = self.chat(chat)
        sizes = [_photo(small, 90), _photo(large, 1280)]
        message = {"from": _person(place, user, "Ann", "en"), "photo": sizes}
        return self._comes(place, message | ({"caption": caption} if caption else {}), None, None)

    def sends_voice(self, chat: int, data: bytes, *, seconds: int = 3, user: int | None = None) -> int:
        """Somebody speaks."""
        stored = self.store(data, "voice.oga", "audio/ogg", kind="voice")
        voice = {key: value for key, value in described(stored).items() if key != "file_name"}
        place = self.chat(chat)
        message = {"from": _person(place, user, "Ann", "en"), "voice": voice | {"duration": seconds}}
        return self._comes(place, message, None, None)

    def taps(self, chat: int, message_id: int, button: str, *, user: int | None = None, language: str = "en") -> str:
        """Somebody taps the button with this label or data; the id of the callback query.

        Raises:
            ValueError: the message has no such button now.
        """
        post = self.posts[chat, message_id]
        found = [known for known in post.buttons if button in (known["text"], known.get("callback_data"))]
        if not found or "callback_data" not in found[0]:
            raise ValueError(f"message {message_id} in chat {chat} has no button {button!r} to tap: {post.buttons}")
        query = f"tap-{chat}-{message_id}-{len(self.open_taps) + len(self.answered_taps) + 1}"
        self.open_taps.add(query)
        self.updates.add("callback_query", {
            "id": query, "from": _person(self.chat(chat), user, "Ann", language), "message": post.message,
            "chat_instance": f"instance-{chat}", "data": found[0]["callback_data"],
        })  # fmt: skip
        return query

    def reacts(
        self, chat: int, message_id: int, emoji: str | None, *, before: str | None = None, user: int | None = None
    ) -> None:
        """Somebody reacts to a message, or takes it back with None."""
        place = self.chat(chat)
        given = {"old_reaction": _reaction(before), "new_reaction": _reaction(emoji)}
        who = {"user": _person(place, user, "Ann", "en"), "date": int(time.time())}
        self.updates.add("message_reaction", {"chat": place.to_dict(), "message_id": message_id, **who, **given})

    def block(self, chat: int) -> None:
        """The person blocks the bot: every call to them is 403 until `unblock`; in a group the bot is thrown out."""
        place = self.chat(chat)
        words = "bot was kicked from the group chat" if place.is_group else "bot was blocked by the user"
        place.refusal = Refusal(403, f"Forbidden: {words}")
        self._membership(place, "member", "kicked")

    def unblock(self, chat: int) -> None:
        """The person lets the bot in again."""
        place = self.chat(chat)
        place.refusal = None
        self._membership(place, "kicked", "member")

    def migrates(self, chat: int) -> int:
        """The group becomes a supergroup; its new id. Calls to the old one are told so."""
        old = self.chat(chat)
        new = self.chat(-1000000000000 + chat, title=old.title)
        self._comes(old, {"migrate_to_chat_id": new.id, "from": _person(old, None, "Ann", "en")}, None, None)
        words = "Bad Request: group chat was upgraded to a supergroup chat"
        old.refusal = Refusal(400, words, migrate_to_chat_id=new.id)
        self._comes(new, {"migrate_from_chat_id": old.id, "from": _person(new, None, "Ann", "en")}, None, None)
        return new.id

    def _membership(self, chat: Chat, before: str, now: str) -> None:
        member = {"user": self.bot, "until_date": 0} if now == "kicked" else {"user": self.bot}
        self.updates.add("my_chat_member", {
            "chat": chat.to_dict(), "from": _person(chat, None, "Ann", "en"), "date": int(time.time()),
            "old_chat_member": {"user": self.bot, "status": before} | ({"until_date": 0} if before == "kicked" else {}),
            "new_chat_member": {**member, "status": now},
        })  # fmt: skip

    def _entities(self, text: str) -> list[dict[str, Any]]:
        kinds = {"/": "bot_command", "@": "mention", "h": "url"}
        return [
            {"type": kinds[found[0][0]], "offset": units(text[: found.start()]), "length": units(found[0])}
            for found in SPECIAL.finditer(text)
        ]

    def _comes(self, chat: Chat, message: dict[str, Any], reply_to: int | None, thread: int | None) -> int:
        replied = self.posts.get((chat.id, reply_to or 0))
        if replied:
            message["reply_to_message"] = {k: v for k, v in replied.message.items() if k != "reply_to_message"}
        if thread is not None:
            chat.topics.add(thread)
            message |= {"message_thread_id": thread, "is_topic_message": True}
        post = self.post(chat, message)
        if self._bot_sees(chat, post, replied):
            self.updates.add("message", post.message)
        return post.message_id

    def _bot_sees(self, chat: Chat, post: Post, replied: Post | None) -> bool:
        if not (chat.is_group and self.privacy) or ("text" not in post.message and "caption" not in post.message):
            return True
        named = f"@{self.bot['username']}".lower() in post.text.lower()
        command = post.text.startswith("/") and "@" not in post.text.split()[0]
        return named or command or bool(replied and replied.by_bot)


def described(stored: StoredFile, *, size: int | None = None) -> dict[str, Any]:
    """A `Document` of the Bot API."""
    return {"file_id": stored.id, "file_unique_id": f"u-{stored.id}", "file_name": stored.name,
            "mime_type": stored.mime_type, "file_size": len(stored.data) if size is None else size}  # fmt: skip


def _photo(stored: StoredFile, side: int) -> dict[str, Any]:
    return {"file_id": stored.id, "file_unique_id": f"u-{stored.id}", "width": side, "height": side,
            "file_size": len(stored.data)}  # fmt: skip


def _person(chat: Chat, user: int | None, name: str, language: str) -> dict[str, Any]:
    known = user if user is not None else chat.id if chat.id > 0 else 42
    return {"id": known, "is_bot": False, "first_name": name, "language_code": language}


def _reaction(emoji: str | None) -> list[dict[str, str]]:
    return [{"type": "emoji", "emoji": emoji}] if emoji else []
