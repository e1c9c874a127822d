"""What each call of the Bot API does to the fake's world, and the refusals Telegram has for it."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assistant.testing.telegram_markup import parse, units
from assistant.testing.telegram_people import described
from assistant.testing.telegram_refusal import Refusal, bad
from assistant.testing.telegram_updates import REPLACED
from assistant.testing.telegram_world import DOWNLOAD_LIMIT, Chat, Post, World

ACTIONS = ("typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
           "choose_sticker", "find_location", "record_video_note", "upload_video_note")  # fmt: skip

EMOJI = frozenset(
    "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾😡"
)
"""What a bot may react with, of one code point. core.telegram.org/bots/api#reactiontypeemoji, 2026-06."""

UNCHANGED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)
UPLOAD_LIMIT = 50 * 1024 * 1024
"""Bytes a bot may upload."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart request."""

    name: str
    mime_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that was read: parameters with their types, files by the name of their part."""

    world: World
    parameters: Mapping[str, Any]
    files: Mapping[str, Upload] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.parameters.get(name)


Method = Callable[[Asked], Awaitable[Any]]


async def get_me(asked: Asked) -> Any:
    more = {"can_join_groups": True, "can_read_all_group_messages": not asked.world.privacy}
    return {**asked.world.bot, **more}


async def get_updates(asked: Asked) -> Any:
    updates = asked.world.updates
    if asked["allowed_updates"] is not None and not updates.webhook_url:
        updates.allowed = asked["allowed_updates"]
    return await updates.poll(asked["offset"] or 0, asked["limit"] or 100, min(asked["timeout"] or 0, 50))


async def set_webhook(asked: Asked) -> Any:
    url, secret = asked["url"], asked["secret_token"] or ""
    if url and not re.match(r"https://|http://(127\.0\.0\.1|localhost)[:/]", url):
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
        raise bad("secret token contains unallowed characters")
    asked.world.set_webhook(url, secret, drop=bool(asked["drop_pending_updates"]))
    asked.world.updates.allowed = asked["allowed_updates"] or ()
    asked.world.updates.end_poll(REPLACED)
    return True


async def delete_webhook(asked: Asked) -> Any:
    asked.world.set_webhook("", "", drop=bool(asked["drop_pending_updates"]))
    return True


async def get_webhook_info(asked: Asked) -> Any:
    updates = asked.world.updates
    known = {"url": updates.webhook_url, "has_custom_certificate": False, "pending_update_count": len(updates.pending)}
    return known | asked.world.delivery.error | ({"allowed_updates": list(updates.allowed)} if updates.allowed else {})


async def send_message(asked: Asked) -> Any:
    chat = _destination(asked)
    text, entities = _text(asked, "text", "entities")
    return _sent(asked, chat, {"text": text} | ({"entities": entities} if entities else {}))


async def send_message_draft(asked: Asked) -> Any:
    chat = _destination(asked)
    if chat.is_group:
        raise bad("TEXTDRAFT_PEER_INVALID")
    if not asked["draft_id"]:
        raise bad("RANDOM_ID_INVALID")
    text, _ = _text(asked, "text", "entities", empty=True)
    asked.world.drafts.setdefault(chat.id, []).append(text)
    asked.world.show(chat.id, asked["message_thread_id"], text)
    return True


async def edit_message_text(asked: Asked) -> Any:
    post = _own(asked, "message to edit not found", "message can't be edited")
    text, entities = _text(asked, "text", "entities")
    changed = {key: value for key, value in post.message.items() if key not in ("entities", "reply_markup")}
    changed |= {"text": text} | ({"entities": entities} if entities else {}) | _keyboard(asked)
    return _changed(asked, post, changed)


async def edit_message_reply_markup(asked: Asked) -> Any:
    post = _own(asked, "message to edit not found", "message can't be edited")
    return _changed(asked, post, {k: v for k, v in post.message.items() if k != "reply_markup"} | _keyboard(asked))


async def send_chat_action(asked: Asked) -> Any:
    chat = asked.world.reachable(asked["chat_id"], asked["message_thread_id"], general=True)
    if asked["action"] not in ACTIONS:
        raise bad("wrong parameter action in request")
    asked.world.actions.setdefault(chat.id, []).append(asked["action"])
    return True


async def send_document(asked: Asked) -> Any:
    return _with_file(asked, "document")


async def send_photo(asked: Asked) -> Any:
    return _with_file(asked, "photo")


async def send_audio(asked: Asked) -> Any:
    return _with_file(asked, "audio")


async def send_video(asked: Asked) -> Any:
    return _with_file(asked, "video")


async def send_voice(asked: Asked) -> Any:
    return _with_file(asked, "voice")


async def set_message_reaction(asked: Asked) -> Any:
    chat = asked.world.reachable(asked["chat_id"])
    post = asked.world.found(chat.id, asked["message_id"], "message to react not found")
    emoji = tuple(str(given.get("emoji", "")).removesuffix("\ufe0f") for given in asked["reaction"] or ())
    if len(emoji) > 1:
        raise bad("REACTIONS_TOO_MANY")
    if any(one not in EMOJI for one in emoji):
        raise bad("REACTION_INVALID")
    post.reactions = emoji
    return True


async def answer_callback_query(asked: Asked) -> Any:
    query = asked["callback_query_id"]
    if query not in asked.world.open_taps:
        raise bad("query is too old and response timeout expired or query ID is invalid")
    if units(asked["text"] or "") > 200:
        raise bad("MESSAGE_TOO_LONG")
    asked.world.open_taps.discard(query)
    asked.world.answered_taps[query] = asked["text"] or ""
    return True


async def delete_message(asked: Asked) -> Any:
    chat = asked.world.reachable(asked["chat_id"])
    asked.world.found(chat.id, asked["message_id"], "message to delete not found").deleted = True
    return True


async def set_my_commands(asked: Asked) -> Any:
    if len(asked["commands"]) > 100:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    for command in asked["commands"]:
        if not re.fullmatch(r"/?[a-z0-9_]{1,32}", command["command"]):
            raise bad("BOT_COMMAND_INVALID")
        if not 1 <= units(command["description"]) <= 256:
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    asked.world.commands[_scope(asked)] = asked["commands"]
    return True


async def get_my_commands(asked: Asked) -> Any:
    return asked.world.commands.get(_scope(asked), [])


async def delete_my_commands(asked: Asked) -> Any:
    asked.world.commands.pop(_scope(asked), None)
    return True


async def get_file(asked: Asked) -> Any:
    stored = asked.world.files.get(asked["file_id"])
    if stored is None:
        raise bad("invalid file_id")
    if len(stored.data) > DOWNLOAD_LIMIT:
        raise bad("file is too big")
    told = {"file_id": stored.id, "file_unique_id": f"u-{stored.id}", "file_size": len(stored.data)}
    return told | {"file_path": stored.path}


async def get_chat(asked: Asked) -> Any:
    chat = asked.world.reachable(asked["chat_id"])
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    more = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(gifts, False)}
    return chat.to_dict() | more


async def log_out(_: Asked) -> Any:
    return True


METHODS: Mapping[str, Method] = {
    "getMe": get_me, "getUpdates": get_updates, "setWebhook": set_webhook, "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info, "sendMessage": send_message, "sendMessageDraft": send_message_draft,
    "editMessageText": edit_message_text, "editMessageReplyMarkup": edit_message_reply_markup,
    "sendChatAction": send_chat_action, "sendDocument": send_document, "sendPhoto": send_photo, "sendVoice": send_voice,
    "sendAudio": send_audio, "sendVideo": send_video,
    "setMessageReaction": set_message_reaction, "answerCallbackQuery": answer_callback_query,
    "deleteMessage": delete_message, "setMyCommands": set_my_commands, "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands, "getFile": get_file, "getChat": get_chat, "logOut": log_out,
    "close": log_out,
}  # fmt: skip
"""Every method of the table, by its proper name."""


def _destination(asked: Asked) -> Chat:
    return asked.world.reachable(asked["chat_id"], asked["message_thread_id"])


def _text(
    asked: Asked, key: str, entities_key: str, *, limit: int = 4096, empty: bool = False
) -> tuple[str, list[Any]]:
    text, entities = parse(asked[key] or "", asked["parse_mode"], asked[entities_key] or ())
    if not text and not empty:
        raise bad("message text is empty")
    if units(text) > limit:
        raise bad("message is too long" if key == "text" else "message caption is too long")
    return text, entities


def _sent(asked: Asked, chat: Chat, content: dict[str, Any]) -> dict[str, Any]:
    message = {"from": asked.world.bot, **content, **_keyboard(asked), **_reply(asked, chat)}
    if asked["message_thread_id"] is not None:
        message |= {"message_thread_id": asked["message_thread_id"], "is_topic_message": True}
    return asked.world.post(chat, message, by_bot=True).message


def _reply(asked: Asked, chat: Chat) -> dict[str, Any]:
    given = asked["reply_parameters"]
    if not given:
        return {}
    replied = asked.world.posts.get((chat.id, given["message_id"]))
    if replied and not replied.deleted:
        return {"reply_to_message": {k: v for k, v in replied.message.items() if k != "reply_to_message"}}
    if given.get("allow_sending_without_reply"):
        return {}
    raise bad("message to be replied not found")


def _keyboard(asked: Asked) -> dict[str, Any]:
    markup = asked["reply_markup"]
    if not markup:
        return {}
    if "inline_keyboard" not in markup:
        return {}  # other keyboards are not part of the message that comes back
    rows = [row for row in markup["inline_keyboard"] if row]
    if len([button for row in rows for button in row]) > 100:
        raise bad("reply markup is too long")
    for row in rows:
        for button in row:
            _check_button(button)
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


def _check_button(button: Any) -> None:
    if not isinstance(button, dict) or not button.get("text"):
        raise bad('can\'t parse inline keyboard button: Field "text" must be of type String')
    actions = set(button) - {"text", "style", "icon_custom_emoji_id"}
    known = {"url", "callback_data", "web_app", "login_url", "switch_inline_query", "copy_text", "pay"}
    if len(actions) != 1 or not actions <= known:
        raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if "url" in button and not re.match(r"(https?|tg)://[^\s]+$", button["url"]):
        raise bad("BUTTON_URL_INVALID")


def _own(asked: Asked, missing: str, foreign: str) -> Post:
    chat = asked.world.reachable(asked["chat_id"])
    post = asked.world.found(chat.id, asked["message_id"], missing)
    if not post.by_bot:
        raise bad(foreign)
    return post


def _changed(asked: Asked, post: Post, message: dict[str, Any]) -> dict[str, Any]:
    if {**message, "edit_date": 0} == {**post.message, "edit_date": 0}:
        raise bad(UNCHANGED)
    post.message = {**message, "edit_date": int(time.time())}
    if post.text != post.texts[-1]:
        post.texts.append(post.text)
        asked.world.show(asked["chat_id"], post.thread, post.text)
    return post.message


def _with_file(asked: Asked, kind: str) -> dict[str, Any]:
    chat = _destination(asked)
    caption, entities = _text(asked, "caption", "caption_entities", limit=1024, empty=True)
    content = _file(asked, kind) | ({"caption": caption} if caption else {})
    return _sent(asked, chat, content | ({"caption_entities": entities} if entities else {}))


def _file(asked: Asked, kind: str) -> dict[str, Any]:
    upload = asked.files.get(str(asked[kind]).removeprefix("attach://")) or asked.files.get(kind)
    if upload is None:
        stored = asked.world.files.get(asked[kind])
        if stored is None:
            raise bad("wrong file identifier/HTTP URL specified")
    elif not upload.data:
        raise bad("file must be non-empty")
    elif len(upload.data) > UPLOAD_LIMIT:
        raise Refusal(413, "Request Entity Too Large")
    else:
        stored = asked.world.store(upload.data, upload.name, upload.mime_type)
    told = described(stored)
    if kind == "photo":
        return {
            "photo": [{"width": 90, "height": 90, **{k: told[k] for k in ("file_id", "file_unique_id", "file_size")}}]
        }
    size = {"width": 90, "height": 90} if kind == "video" else {}
    length = {"duration": asked["duration"] or 1} if kind in ("voice", "audio", "video") else {}
    return {kind: told | length | size}


def _scope(asked: Asked) -> tuple[str, str]:
    scope = asked["scope"] or {"type": "default"}
    return ":".join(str(scope[key]) for key in sorted(scope, reverse=True)), asked["language_code"] or ""
