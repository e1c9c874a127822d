"""The prompt format of Llama 2 chat: `[INST]` turns, as Meta's llama repository writes them (llama/generation.py, `chat_completion`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from assistant.llms.dialog import Turn
from assistant.llms.plain import Piece, PlainText

OPEN, CLOSE = "[INST] ", " [/INST]"
SYSTEM_OPEN, SYSTEM_CLOSE = "<<SYS>>\n", "\n<</SYS>>\n\n"
MARKERS = tuple(marker.strip() for marker in (OPEN, CLOSE, SYSTEM_OPEN, SYSTEM_CLOSE))
"""Control that is ordinary text: Meta's code refuses a dialog that contains it; here it is spelled so that it controls nothing."""


class Llama2:
    """Pairs of question and answer between begin and end tokens; the system message is part of the first question."""

    name = "llama2"
    tool_parser: str | None = None
    knows_tools = False

    def __init__(self, tokenizer: Any) -> None:
        self.plain = PlainText(tokenizer, markers=MARKERS)
        self._begin, self._end = int(tokenizer.bos_token_id), int(tokenizer.eos_token_id)
        self.stop_token_ids: tuple[int, ...] = (self._end,)

    def encode(self, turns: Sequence[Turn], tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """Prompt ids of the dialog; `tools` are left out, as this family was trained on none."""
        system = "\n".join(turn.content for turn in turns if turn.role == "system")
        ids: list[int] = []
        for index, (question, answer) in enumerate(_pairs(turns)):
            pieces = [Piece(OPEN, True), *_question(question, system if index == 0 else ""), Piece(CLOSE, True)]
            if answer is None:
                return [*ids, self._begin, *self.plain.encode(pieces)]
            pieces += [Piece(" ", True), Piece(answer.strip(), False), Piece(" ", True)]
            ids += [self._begin, *self.plain.encode(pieces), self._end]
        return ids


def _question(question: str, system: str) -> list[Piece]:
    """The whole is stripped, as Meta's code does: after a system message only its end."""
    if not system:
        return [Piece(question.strip(), False)]
    if not question.strip():
        return [Piece(SYSTEM_OPEN, True), Piece(system, False), Piece(SYSTEM_CLOSE.rstrip(), True)]
    return [Piece(SYSTEM_OPEN, True), Piece(system, False), Piece(SYSTEM_CLOSE, True), Piece(question.rstrip(), False)]


def _pairs(turns: Sequence[Turn]) -> list[tuple[str, str | None]]:
    """Questions with their answers; turns of one side that follow each other become one, as the format knows no others."""
    sides: list[tuple[bool, str]] = []
    for turn in turns:
        if turn.role == "system":
            continue
        answers = turn.role == "assistant"
        text = "\n".join([*([turn.content] if turn.content else []), *_calls(turn)])
        if sides and sides[-1][0] is answers:
            text = f"{sides.pop()[1]}\n{text}"
        sides.append((answers, text))
    if not sides or sides[0][0]:
        sides.insert(0, (False, ""))
    if len(sides) % 2:
        return [*zip(_texts(sides[0:-1:2]), _texts(sides[1::2]), strict=True), (sides[-1][1], None)]
    return [*zip(_texts(sides[::2]), _texts(sides[1::2]), strict=True)]


def _texts(sides: Sequence[tuple[bool, str]]) -> list[str]:
    return [text for _, text in sides]


def _calls(turn: Turn) -> list[str]:
    return [json.dumps({"name": call.name, "parameters": dict(call.arguments)}) for call in turn.tool_calls]
