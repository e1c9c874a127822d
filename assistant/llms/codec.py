"""A model's tokenizer and prompt format, without its engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from assistant.errors import ConfigurationError
from assistant.llms.encode import PromptFormat, open_format


@dataclass(frozen=True, slots=True)
class Codec:
    """`tokenizer` is the Hugging Face one; `format` writes dialogs with it."""

    tokenizer: Any
    format: PromptFormat


@lru_cache(maxsize=8)
def open_codec(folder: str, *, chat_format: str | None, model: str, trust_remote_code: bool = False) -> Codec:
    """Read the tokenizer in `folder`; `model` is the name errors use.

    Raises:
        ConfigurationError: there is no usable tokenizer, or no prompt format fits.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"engine.model {model!r}: its tokenizer cannot be read from {folder!r}: {error}"
        ) from error
    return Codec(tokenizer, open_format(tokenizer, chat_format=chat_format, model=model))
