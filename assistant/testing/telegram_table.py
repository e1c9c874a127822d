"""The calls of Telegram's Bot API that the fake knows, with their parameters; what is not here is refused.

Telegram itself ignores a parameter it does not know; here it is an error, for it is always a mistake of the caller.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.testing.telegram_refusal import Refusal, bad

_SENT = (
    "business_connection_id:str chat_id!:chat message_thread_id:int disable_notification:bool protect_content:bool "
    "allow_paid_broadcast:bool message_effect_id:str reply_parameters:ReplyParameters reply_markup:markup"
)
_CAPTION = "caption:str parse_mode:str caption_entities:MessageEntity[]"
_TEXT = "parse_mode:str entities:MessageEntity[] link_preview_options:LinkPreviewOptions"
_HOW = "url!:str ip_address:str max_connections:int allowed_updates:str[] drop_pending_updates:bool secret_token:str"

METHODS: Mapping[str, str] = {
    "getMe": "",
    "getUpdates": "offset:int limit:int timeout:int allowed_updates:str[]",
    "setWebhook": f"{_HOW} certificate:file",
    "deleteWebhook": "drop_pending_updates:bool",
    "getWebhookInfo": "",
    "sendMessage": f"{_SENT} text!:str {_TEXT}",
    "sendMessageDraft": "chat_id!:int message_thread_id:int draft_id!:int text:str parse_mode:str "
    "entities:MessageEntity[]",
    "editMessageText": f"business_connection_id:str chat_id:chat message_id:int inline_message_id:str text!:str {_TEXT} "
    "reply_markup:markup",
    "editMessageReplyMarkup": "business_connection_id:str chat_id:chat message_id:int inline_message_id:str "
    "reply_markup:markup",
    "sendChatAction": "business_connection_id:str chat_id!:chat message_thread_id:int action!:str",
    "sendDocument": f"{_SENT} {_CAPTION} document!:file thumbnail:file disable_content_type_detection:bool",
    "sendPhoto": f"{_SENT} {_CAPTION} photo!:file show_caption_above_media:bool has_spoiler:bool",
    "sendAudio": f"{_SENT} {_CAPTION} audio!:file duration:int performer:str title:str thumbnail:file",
    "sendVideo": f"{_SENT} {_CAPTION} video!:file duration:int width:int height:int thumbnail:file cover:file "
    "start_timestamp:int show_caption_above_media:bool has_spoiler:bool supports_streaming:bool",
    "sendVoice": f"{_SENT} {_CAPTION} voice!:file duration:int",
    "setMessageReaction": "chat_id!:chat message_id!:int reaction:ReactionType[] is_big:bool",
    "answerCallbackQuery": "callback_query_id!:str text:str show_alert:bool url:str cache_time:int",
    "deleteMessage": "chat_id!:chat message_id!:int",
    "setMyCommands": "commands!:BotCommand[] scope:BotCommandScope language_code:str",
    "getMyCommands": "scope:BotCommandScope language_code:str",
    "deleteMyCommands": "scope:BotCommandScope language_code:str",
    "getFile": "file_id!:str",
    "getChat": "chat_id!:chat",
    "logOut": "",
    "close": "",
}
"""Method to its parameters as `name:type`, `!` for required. Bot API 10.1, core.telegram.org/bots/api, 2026-06."""

OBJECTS: Mapping[str, str] = {
    "ReplyParameters": "message_id!:int chat_id:chat allow_sending_without_reply:bool quote:str quote_parse_mode:str "
    "quote_entities:MessageEntity[] quote_position:int checklist_task_id:int poll_option_id:str",
    "LinkPreviewOptions": "is_disabled:bool url:str prefer_small_media:bool prefer_large_media:bool "
    "show_above_text:bool",
    "MessageEntity": "type!:str offset!:int length!:int url:str user:any language:str custom_emoji_id:str "
    "unix_time:int date_time_format:str",
    "ReactionType": "type!:str emoji:str custom_emoji_id:str",
    "BotCommand": "command!:str description!:str",
    "BotCommandScope": "type!:str chat_id:chat user_id:int",
    "markup": "inline_keyboard:any keyboard:any resize_keyboard:bool one_time_keyboard:bool is_persistent:bool "
    "input_field_placeholder:str selective:bool remove_keyboard:bool force_reply:bool",
}
"""Objects inside parameters, in the same notation."""


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of a method, or a field of an object."""

    name: str
    type: str
    required: bool


def fields(table: str) -> dict[str, Field]:
    """The notation of the tables, read."""
    found = {}
    for part in table.split():
        name, kind = part.split(":")
        found[name.rstrip("!")] = Field(name.rstrip("!"), kind, name.endswith("!"))
    return found


PARAMETERS = {name.lower(): (name, fields(table)) for name, table in METHODS.items()}
"""Lower-case method (Telegram does not mind the case) to its name and parameters."""

PARTS = {name: fields(table) for name, table in OBJECTS.items()}


def read(method: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The method's proper name and its parameters with their types.

    Args:
        given: as they came: texts from a form or a query, values from JSON.

    Raises:
        Refusal: an unknown method, an unknown or missing parameter, a wrong type.
    """
    if (known := PARAMETERS.get(method.lower())) is None:
        raise Refusal(404, "Not Found: method not found")
    name, wanted = known
    return name, _checked(name, wanted, given)


def _checked(where: str, wanted: Mapping[str, Field], given: Mapping[str, Any]) -> dict[str, Any]:
    for key in given:
        if key not in wanted:
            raise bad(f"unknown parameter {key!r} of {where}")
    for field in wanted.values():
        if field.required and given.get(field.name) is None:
            raise bad(f"{field.name} is empty in {where}")
    return {key: _value(f"{where}.{key}", wanted[key].type, value) for key, value in given.items()}


def _value(where: str, kind: str, value: Any) -> Any:
    if kind == "str" or (kind == "file" and isinstance(value, str)):
        return _require(where, kind, value, isinstance(value, str))
    if kind in ("any", "file"):
        return value
    if kind == "chat" and isinstance(value, str) and value.startswith("@"):
        return value
    if isinstance(value, str):
        value = _json(where, kind, value)
    if kind in ("int", "chat"):
        return _require(where, kind, value, isinstance(value, int) and not isinstance(value, bool))
    if kind == "bool":
        return _require(where, kind, value, isinstance(value, bool))
    if kind.endswith("[]"):
        _require(where, kind, value, isinstance(value, list))
        return [_value(f"{where}[{number}]", kind[:-2], item) for number, item in enumerate(value)]
    _require(where, kind, value, isinstance(value, dict))
    return _checked(where, PARTS[kind], value)


def _json(where: str, kind: str, text: str) -> Any:
    """A form's field: JSON, as Telegram asks for whatever is not a text."""
    if kind in ("int", "chat") and not re.fullmatch(r"-?\d+", text):
        raise bad(f"{where}: invalid {kind} {text!r}")
    try:
        return json.loads(text)
    except ValueError:
        raise bad(f"can't parse {where} JSON object") from None


def _require(where: str, kind: str, value: Any, right: bool) -> Any:
    if not right:
        raise bad(f"{where}: expected {kind}, got {value!r:.40}")
    return value
