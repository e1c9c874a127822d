"""The prompt format of Llama 3, 3.1, 3.2 and 3.3: token ids equal to Meta's `ChatFormat.encode_dialog_prompt` (llama_models 0.3)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from assistant.llms.dialog import ToolCall, Turn, merge_system
from assistant.llms.plain import PlainText

CONTROL = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
STOP = ("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>")
TOOLS = """You have access to the following functions. To call one, answer with nothing but a JSON object in the form
{"name": function name, "parameters": dictionary of argument name and its value}. Do not use variables.

"""
"""After the tool prompt of the published Llama 3.1 template."""


class Llama3:
    """Header-id turns. The text of a message is neither trimmed nor searched for control tokens."""

    name = "llama3"
    knows_tools = True

    def __init__(self, tokenizer: Any) -> None:
        vocabulary = tokenizer.get_vocab()
        self.plain = PlainText(tokenizer)
        self._begin, self._start, self._end, self._turn = (int(vocabulary[token]) for token in CONTROL)
        self.stop_token_ids = tuple(int(vocabulary[token]) for token in STOP if token in vocabulary)
        self.tool_parser = "llama3_json" if "<|python_tag|>" in vocabulary else None
        self._break = self.plain("\n\n")

    def encode(self, turns: Sequence[Turn], tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """Prompt ids of the dialog, ending where the assistant's answer begins."""
        if tools:
            turns = merge_system(turns, TOOLS + "\n\n".join(json.dumps(tool["function"], indent=2) for tool in tools))
        return [self._begin, *(id for turn in turns for id in self._message(turn)), *self._header("assistant")]

    def _header(self, role: str) -> Iterator[int]:
        yield self._start
        yield from self.plain("ipython" if role == "tool" else role)
        yield self._end
        yield from self._break

    def _message(self, turn: Turn) -> Iterator[int]:
        yield from self._header(turn.role)
        yield from self.plain(turn.content)
        for call in turn.tool_calls:
            yield from self.plain(_call(call))
        yield self._turn


def _call(call: ToolCall) -> str:
    """As `ToolUtils.encode_tool_call` in llama_models writes it."""
    return json.dumps({"type": "function", "name": call.name, "parameters": dict(call.arguments)})
