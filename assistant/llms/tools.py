"""Tool calls: the grammar that forces one, and the reading of those a model makes by itself (with vLLM's own parsers)."""

from __future__ import annotations

import contextlib
import json
import logging
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import regex  # type: ignore[import-untyped, unused-ignore]
from langchain_core.messages.tool import ToolCall, tool_call

from assistant.errors import ConfigurationError, Rejected

AUTO, NONE, REQUIRED = "auto", "none", "required"
OPENERS = {
    "llama3_json": regex.compile(r'<\|python_tag\|>|\{\s*"(?:type|name|function|parameters|arguments)"\s*:'),
    "hermes": regex.compile(r"<tool_call>"),
    "pythonic": regex.compile(r"\[\s*[A-Za-z_][\w.]*\("),
    "llama4_pythonic": regex.compile(r"<\|python_start\|>|\[\s*[A-Za-z_][\w.]*\("),
}
"""What a call starts with, by parser; the text before is content. With another parser all text is held back until its end."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said: text, and the calls in it."""

    content: str
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The tools of one request; `choice` is `auto`, `none`, `required` or a tool's name.

    One reading for both ways: a stream lets go what is surely content (`settled`), and `read` decides about the rest
    at the end, so that a streamed answer is the same as an unstreamed one. (vLLM's streaming and whole-text parsers
    differ: 'Sure! {call}' is text to the one and a call to the other.)
    """

    tools: tuple[dict[str, Any], ...] = ()
    choice: str = NONE
    parallel: bool = False
    parser: str | None = None
    tokenizer: Any = None

    @property
    def forced(self) -> bool:
        return bool(self.tools) and self.choice not in (AUTO, NONE)

    @property
    def shown(self) -> tuple[dict[str, Any], ...]:
        """Tools that the prompt tells the model about."""
        return self.tools if self.choice != NONE else ()

    def schema(self) -> dict[str, Any]:
        """JSON schema that a forced call must follow."""
        named = [tool for tool in self.tools if self.choice in (REQUIRED, tool["function"]["name"])]
        calls = [_call_schema(tool["function"]) for tool in named]
        one = calls[0] if len(calls) == 1 else {"anyOf": calls}
        return {"type": "array", "items": one, "minItems": 1} if self.parallel and self.choice == REQUIRED else one

    def settled(self, text: str) -> int:
        """How many characters of the unfinished `text` are content whatever follows."""
        if not self.tools or self.choice == NONE:
            return len(text)
        opener = None if self.forced else OPENERS.get(self.parser or "")
        if opener is None:
            return 0
        found = opener.search(text, partial=True)
        return found.start() if found else len(text)

    def read(self, text: str) -> Reply:
        """Content and calls of a finished `text`; what is cut off or not a call stays content."""
        if not self.tools or self.choice == NONE:
            return Reply(text)
        if self.forced:
            return _read_forced(text)
        opener = OPENERS.get(self.parser or "")
        start = 0
        if opener is not None:
            found = opener.search(text)
            if found is None:
                return Reply(text)
            start = found.start()
        return self._parse(text, start)

    def load(self) -> None:
        """Import what reading a call needs: a second or more the first time, so not on a caller's event loop."""
        if self.tools and self.choice == AUTO:
            _request_class()
            from vllm.tool_parsers import ToolParserManager

            with contextlib.suppress(KeyError):  # told by name when an answer is read
                ToolParserManager.get_tool_parser(str(self.parser))

    def _parse(self, text: str, start: int) -> Reply:
        spoken = {"model": "", "messages": [{"role": "user", "content": ""}], "tools": list(self.tools)}
        request = _request_class().model_validate(spoken)
        log = logging.getLogger("vllm.tool_parsers")
        level = log.level
        log.setLevel(logging.CRITICAL)  # it reports text that is not a call with a stack trace
        try:
            found = self._open_parser(request).extract_tool_calls(text[start:], request)
        finally:
            log.setLevel(level)
        if not found.tools_called:
            return Reply(text)
        try:
            calls = tuple(_call(call.function.name, json.loads(call.function.arguments)) for call in found.tool_calls)
        except (ValueError, TypeError):
            return Reply(text)
        return Reply(text[:start] + (found.content or "" if start == 0 else ""), calls)

    def _open_parser(self, request: Any) -> Any:
        from vllm.tool_parsers import ToolParserManager

        try:
            return ToolParserManager.get_tool_parser(str(self.parser))(self.tokenizer, tools=request.tools)
        except KeyError:
            known = ", ".join(ToolParserManager.list_registered())
            raise ConfigurationError(
                f"engine.tool_parser {self.parser!r} is unknown to vLLM; there are {known}"
            ) from None
        except RuntimeError as error:
            raise ConfigurationError(f"engine.tool_parser {self.parser!r} does not fit the model: {error}") from error


def _request_class() -> Any:
    with warnings.catch_warnings(action="ignore"):  # of vLLM about its own libraries
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
    return ChatCompletionRequest


def read_choice(choice: Any, tools: Sequence[dict[str, Any]]) -> str:
    """LangChain's and OpenAI's ways to say it, as one word.

    Raises:
        Rejected: a tool is named that is not among `tools`.
    """
    if choice is None or choice == AUTO:
        return AUTO
    if choice is True or choice in ("any", REQUIRED):
        return REQUIRED
    if choice is False or choice == NONE:
        return NONE
    name = choice["function"]["name"] if isinstance(choice, dict) else str(choice)
    names = [tool["function"]["name"] for tool in tools]
    if name not in names:
        raise Rejected(f"tool_choice {name!r} is not among the tools: {', '.join(names)}")
    return name


def _call_schema(function: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "name": {"const": function["name"]},
            "arguments": function.get("parameters") or {"type": "object", "properties": {}},
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _read_forced(text: str) -> Reply:
    try:
        value = json.loads(text)
        made = value if isinstance(value, list) else [value]
        return Reply("", tuple(_call(call["name"], call["arguments"]) for call in made))
    except (ValueError, KeyError, TypeError):
        return Reply(text)


def _call(name: str, arguments: Any) -> ToolCall:
    if not isinstance(arguments, dict):
        raise TypeError(f"arguments of {name!r} are no object")
    return tool_call(name=name, args=arguments, id=f"call_{uuid.uuid4().hex[:24]}")
