"""What a vLLM model can do, told without starting it."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.language_models.model_profile import ModelProfile

from assistant.llms import start, weights
from assistant.llms.sizes import read_shape


def read_profile(
    model: str, *, max_model_len: int | None, max_tokens: int | None, chat_format: str | None
) -> ModelProfile | None:
    """From the built-in list or the folder's own files; None for a hub model, whose files may not be here yet."""
    folder = weights.local_folder(model)
    shape = weights.BUILT_IN[model].shape if model in weights.BUILT_IN else folder and read_shape(folder)
    if not shape:
        return None
    context = start.default_context(shape.context, max_model_len)
    known: dict[str, Any] = {
        "name": model,
        "parameters": shape.parameters,
        "max_input_tokens": context,
        "max_output_tokens": min(context, max_tokens or context),
        "tool_calling": chat_format not in ("llama2", "completion"),
        "structured_output": True,
        "open_weights": True,
        "text_inputs": True,
        "text_outputs": True,
        "image_inputs": False,
    }
    return cast("ModelProfile", known)
