"""How many tokens a model reads and how it counts them, without ever downloading a tokenizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import BaseLanguageModel

Count = Callable[[str], int]

CONTEXT = 4096
"""Context assumed of a model that does not tell: what the smallest Llama still in use (Llama 2) reads."""

SMALL = 1_500_000_000
"""Parameters below which a model answers better from one passage than from several (SmolLM2-135M: 18, 12 of 20)."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What the prompt must know of the model that reads it; `context` is in tokens, question and answer together."""

    context: int
    count: Count
    small: bool = False

    @classmethod
    def of(cls, model: BaseChatModel, *, context: int | None = None) -> Reader:
        """From the model's profile; `context` stands in where the model does not tell its own."""
        profile = model.profile or {}
        parameters = profile.get("parameters")
        return cls(
            context=profile.get("max_input_tokens") or context or CONTEXT,
            count=counter(model),
            small=isinstance(parameters, int) and parameters < SMALL,
        )


def counter(model: BaseChatModel) -> Count:
    """The model's own count where it brings a tokenizer, else an estimate.

    LangChain's default for a model without one, and ChatOpenAI's, download a tokenizer of another model.
    """
    own = type(model).get_num_tokens is not BaseLanguageModel.get_num_tokens
    return model.get_num_tokens if own or model.custom_get_token_ids is not None else estimate


def estimate(text: str) -> int:
    """Tokens of a text, rather too many than too few: one per 3 ASCII characters and per 1.5 bytes of other UTF-8.

    On Wikipedia text that is 1.3 to 2.1 times what Llama 3's tokenizer needs for English, Spanish and Chinese, and 1.0
    to 1.5 times what SmolLM2's needs, whose vocabulary knows no Chinese.
    """
    total = len(text.encode("utf-8", "surrogatepass"))
    ascii_only = sum(map(str.isascii, text))
    return math.ceil(ascii_only / 3) + math.ceil((total - ascii_only) / 1.5)
