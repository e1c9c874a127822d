"""The tokenizer of the model that an endpoint serves, and what is known of that model here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from langchain_core.language_models.model_profile import ModelProfile

from assistant.errors import ConfigurationError
from assistant.llama import find
from assistant.llms.codec import Codec, open_codec
from assistant.llms.weights import BUILT_IN, local_folder, locate


def open_tokenizer(name: str, *, chat_format: str | None, cache_dir: Path) -> Codec:
    """The tokenizer and prompt format of the model `name`: built-in, folder, or hub id (only its tokenizer is fetched).

    Raises:
        ConfigurationError: it cannot be read, or the library that reads it is not installed.
    """
    folder = local_folder(name)
    if folder is None and name in BUILT_IN:
        folder = locate(name, cache_dir=cache_dir, dtype="float32", progress=lambda _: None)
    try:
        return open_codec(str(folder or name), chat_format=chat_format, model=name)
    except ImportError as error:
        raise ConfigurationError(
            f"tokenizer {name!r} needs the package {error.name!r}: install llama-assistant-sdk[embeddings], or leave "
            "engine.options.tokenizer out, then messages are sent instead of token ids"
        ) from None


def profile_of(endpoint: str, *, tokenizer: str | None, context: int | None, longest: int | None) -> ModelProfile:
    """What the model can do: the endpoint's `context` and `longest` answer where given, the rest from its name."""
    known: dict[str, Any] = {
        "name": endpoint,
        "max_input_tokens": context,
        "max_output_tokens": longest,
        "parameters": _parameters(tokenizer) if tokenizer else None,
        "tool_calling": True,
        "structured_output": True,
        "text_inputs": True,
        "text_outputs": True,
        "image_inputs": False,
    }
    return cast("ModelProfile", {name: value for name, value in known.items() if value is not None})


def _parameters(name: str) -> int | None:
    """None where they are not known: then the model counts as a large one."""
    if name in BUILT_IN:
        return BUILT_IN[name].shape.parameters
    model = find(name)
    return model.parameters if model else None
