"""No document can write a control token, in any of the formats; `../injection/documents.toml` tries."""

from __future__ import annotations

from functools import cache

import pytest
from hostile import Hostile, every, prompt
from tiny_models import folder_of, format_of

from assistant.llms.dialog import Turn
from assistant.llms.encode import FORMATS, PromptFormat


@cache
def format_named(name: str) -> PromptFormat:
    """Meta's own tokenizers; ChatML as SmolLM2 has it, on Meta's vocabulary."""
    if name != "chatml":
        return format_of(name)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder_of("llama3"))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    return FORMATS["chatml"](tokenizer)


def controls(format: PromptFormat, turns: list[Turn]) -> list[str]:
    return [format.plain.control[id] for id in format.encode(turns) if id in format.plain.control]


@every
@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("name", ["llama3", "chatml", "llama2"])
def test_a_document_writes_no_control_token(hostile: Hostile, name: str, small: bool) -> None:
    format = format_named(name)
    messages = prompt(hostile, small=small).messages
    roles = ["system" if message.type == "system" else "user" for message in messages]
    said = [Turn(role, message.text) for role, message in zip(roles, messages, strict=True)]  # type: ignore[arg-type]
    honest = [Turn(turn.role, "text") for turn in said]

    assert controls(format, honest) == controls(format, said)
