"""Prompts of every other family: the model's own chat template, with what users and documents say kept apart from it."""

from __future__ import annotations

import copy
import json
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from assistant.errors import Rejected
from assistant.llms.dialog import Turn, merge_system
from assistant.llms.plain import Piece, PlainText, alternatives, mended

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TAG = re.compile(r"<\|[^|<>\s]{1,40}\|>|\[/?[A-Z_]{2,20}\]|<</?[A-Z]{2,10}>>|</?[a-z_]{2,40}>|#{2,3} [A-Z][a-z]+:")
"""What looks like control in a template; where it is no token of its own it is ordinary text that content could imitate."""

PROBES = (("system", "user", "assistant", "user"), ("user", "assistant", "user"), ("user", "assistant", "tool"))
"""Dialogs that show how a template marks each role; a template may refuse some of them."""

TURN_ENDS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eot|>",
    "<end_of_turn>",
    "<|end|>",
    "<|end_of_turn|>",
    "<|return|>",
)
PARSERS = {
    "<tool_call>": "hermes",
    "[TOOL_CALLS]": "mistral",
    "<|python_tag|>": "llama3_json",
    "<|python_start|>": "llama4_pythonic",
}
"""vLLM's tool parser by what the template writes a call with."""

TOOLS = """You may call functions to help with the user's question. They are given as JSON within <tools></tools>:
<tools>
{tools}
</tools>
For a call, return a JSON object with the function's name and arguments within <tool_call></tool_call>:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""
"""The Hermes convention, for templates that know nothing of tools."""


class Templated:
    """Renders the model's Jinja chat template (or `template`) and encodes the result.

    Where the text has exactly the control tokens that the template wrote, it is encoded as vLLM's own server would.
    Where content adds any, it is encoded in pieces: control from the template only, content as text.
    """

    knows_tools = True

    def __init__(self, tokenizer: Any, *, name: str = "template", template: str | None = None) -> None:
        self.name = name
        self._tokenizer, self._template = tokenizer, template
        source = template or _source(tokenizer.chat_template)
        self._natively = "tools" in source
        tokens = {str(token) for token in tokenizer.added_tokens_decoder.values()}
        tags = {*TAG.findall(source), *self._written_tags()}
        self.plain = PlainText(tokenizer, markers=tags - tokens)
        self._whole = copy.deepcopy(
            tokenizer.backend_tokenizer
        )  # see PlainText: the shared one changes under other threads
        self._whole.encode_special_tokens = False
        self._whole.no_truncation()
        self._whole.no_padding()
        self._control = alternatives({*self.plain.control.values(), *tags})
        self.stop_token_ids = self._stops(source)
        parsers = [parser for mark, parser in PARSERS.items() if mark in source]
        self.tool_parser = parsers[0] if parsers else None if self._natively else "hermes"

    def encode(self, turns: Sequence[Turn], tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """Prompt ids of the dialog, ending where the assistant's answer begins.

        Raises:
            Rejected: the template refuses the dialog (roles that must alternate, no system message, …).
        """
        if tools and not self._natively:
            turns = merge_system(turns, TOOLS.format(tools="\n".join(json.dumps(tool) for tool in tools)))
            tools = ()
        hidden = _Hidden(self._suspicious)
        marked = self._render([self._message(turn, hidden) for turn in turns], hidden.leaves(list(tools)))
        text = self._render([self._message(turn, None) for turn in turns], list(tools))
        if self._found(text) == self._found(marked):
            return list(self._whole.encode(mended(text), add_special_tokens=False).ids)
        return self.plain.encode(hidden.pieces(marked))

    def _message(self, turn: Turn, hidden: _Hidden | None) -> dict[str, Any]:
        calls = [{"id": call.id, "name": call.name, "arguments": dict(call.arguments)} for call in turn.tool_calls]
        content = turn.content
        if calls and not self._natively:
            shown = [{"name": call["name"], "arguments": call["arguments"]} for call in calls]
            content += "".join(f"\n<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in shown)
        message: dict[str, Any] = {"role": turn.role, "content": hidden.whole(content) if hidden else content}
        if calls and self._natively:
            functions = [{"type": "function", "id": call.pop("id"), "function": call} for call in calls]
            message["tool_calls"] = hidden.leaves(functions) if hidden else functions
        if turn.role == "tool":
            message |= {"tool_call_id": turn.tool_call_id, "name": turn.name}
        return message

    def _render(self, messages: list[dict[str, Any]], tools: list[Any]) -> str:
        from jinja2 import TemplateError

        try:
            return str(
                self._tokenizer.apply_chat_template(
                    messages,
                    tools=tools or None,
                    chat_template=self._template,
                    add_generation_prompt=True,
                    tokenize=False,
                )
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise Rejected(f"the model's chat template refuses the dialog: {error}") from error

    def _written_tags(self) -> Iterator[str]:
        """Tags that the template puts together, such as `<|` + role + `|>`, as it writes them for each role."""
        for roles in PROBES:
            try:
                yield from TAG.findall(self._render([{"role": role, "content": "x"} for role in roles], []))
            except Rejected:
                continue

    def _suspicious(self, text: str) -> bool:
        return bool(self._found(text))

    def _found(self, text: str) -> list[str]:
        return [match.group() for match in self._control.finditer(text)] if self._control else []

    def _stops(self, source: str) -> tuple[int, ...]:
        ends = [id for id, text in self.plain.control.items() if text in TURN_ENDS and text in source]
        own = self._tokenizer.eos_token_id
        return tuple(dict.fromkeys([*ends, *([int(own)] if own is not None else [])]))


class _Hidden:
    """Stands in for content while a template is rendered, under names that nobody can guess."""

    def __init__(self, suspicious: Callable[[str], bool]) -> None:
        self._suspicious = suspicious
        self._secret = secrets.token_hex(8)
        self._texts: list[str] = []

    def whole(self, content: str) -> str:
        """The stand-in of `content`; outer white space stays, so that a template that trims still does."""
        core = content.strip()
        if not core:
            return content
        begin = content.index(core)
        return content[:begin] + self._name(core) + content[begin + len(core) :]

    def leaves(self, value: Any) -> Any:
        """`value` with the suspicious strings in it hidden; templates write such values as JSON."""
        if isinstance(value, str):
            return self._name(json.dumps(value, ensure_ascii=False)[1:-1]) if self._suspicious(value) else value
        if isinstance(value, list):
            return [self.leaves(item) for item in value]
        if isinstance(value, dict):
            return {self.leaves(key): self.leaves(item) for key, item in value.items()}
        return value

    def pieces(self, rendered: str) -> list[Piece]:
        """`rendered` with the contents back in their places, each marked as such."""
        parts = re.split(f"{self._secret}x([0-9]+)x", rendered)
        return [
            Piece(self._texts[int(part)] if index % 2 else part, trusted=index % 2 == 0)
            for index, part in enumerate(parts)
        ]

    def _name(self, text: str) -> str:
        self._texts.append(text)
        return f"{self._secret}x{len(self._texts) - 1}x"


def _source(template: str | dict[str, str]) -> str:
    return template if isinstance(template, str) else "\n".join(template.values())
