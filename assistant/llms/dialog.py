"""LangChain messages as the plain dialog that prompt formats encode."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from assistant.errors import Rejected

Role = Literal["system", "user", "assistant", "tool"]
ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "tool": "tool",
    "ipython": "tool",
}
SILENT = {"reasoning", "thinking", "tool_call", "tool_use", "tool_call_chunk", "invalid_tool_call", "function_call"}
"""Blocks that are not part of the text: thoughts are not sent back, calls come in `tool_calls`."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model made earlier; `arguments` is a JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message; everything in it is content and must never become control."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


def read_dialog(messages: Sequence[BaseMessage]) -> list[Turn]:
    """The dialog of `messages`.

    Raises:
        Rejected: a message has an unknown role or holds something that is not text.
    """
    if not messages:
        raise Rejected("the dialog is empty: send at least one message")
    return [_turn(message) for message in messages]


def _turn(message: BaseMessage) -> Turn:
    content = _text(message)
    match message:
        case SystemMessage():
            return Turn("system", content)
        case HumanMessage():
            return Turn("user", content)
        case AIMessage():
            calls = tuple(ToolCall(call["id"] or "", call["name"], call["args"]) for call in message.tool_calls)
            return Turn("assistant", content, tool_calls=calls)
        case ToolMessage():
            return Turn("tool", content, tool_call_id=message.tool_call_id, name=message.name)
        case ChatMessage() if message.role in ROLES:
            return Turn(ROLES[message.role], content)
    raise Rejected(
        f"a message of role {getattr(message, 'role', message.type)!r} has no place in a prompt: use {', '.join(sorted(ROLES))}"
    )


def _text(message: BaseMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(_block(block, message.type) for block in message.content)


def _block(block: str | Mapping[str, Any], role: str) -> str:
    if isinstance(block, str):
        return block
    kind = block.get("type")
    if kind == "text":
        return str(block.get("text", ""))
    if kind in SILENT:
        return ""
    if kind == "json" or (kind is None and role == "tool"):
        return json.dumps(block, ensure_ascii=False)
    raise Rejected(f"a {role} message holds a {kind!r} block: this model reads text only")


def ask_for(turns: Sequence[Turn], form: str) -> list[Turn]:
    """`turns` whose last question also says in what `form` to answer; a system message would not fit every family."""
    last = max((index for index, turn in enumerate(turns) if turn.role == "user"), default=len(turns))
    question = turns[last].content + "\n\n" if last < len(turns) else ""
    return [*turns[:last], Turn("user", question + form), *turns[last + 1 :]]


def merge_system(turns: Iterable[Turn], addition: str) -> list[Turn]:
    """`turns` with `addition` at the end of the system message, which is added where there is none."""
    first, *rest = turns
    if first.role == "system":
        return [Turn("system", f"{first.content}\n\n{addition}" if first.content else addition), *rest]
    return [Turn("system", addition), first, *rest]
