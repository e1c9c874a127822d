"""Tiny models and their tokenizers, built once for all tests of a machine."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path
from services import need

from assistant.llms.encode import FORMATS, PromptFormat
from assistant.testing.tiny_llama import tiny_llama

CACHE = Path(os.environ.get("ASSISTANT_CACHE_DIR", user_cache_path("llama-assistant-sdk")))

SMOLLM: dict[str, Any] = {"cache_dir": CACHE, "max_model_len": 4096, "kv_cache_gib": 0.5, "max_tokens": 128}
"""Arguments of the SmolLM2 that all tests share."""


@cache
def folder_of(generation: str) -> Path:
    """Folder of the tiny `llama1`, `llama2` or `llama3`."""
    need("transformers")
    if generation == "llama3":
        need("llama_models")
    return tiny_llama(generation, CACHE / "tests")


@cache
def tokenizer_of(generation: str) -> Any:
    """Its Hugging Face tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder_of(generation))


@cache
def format_of(generation: str) -> PromptFormat:
    """Its prompt format."""
    return FORMATS[generation](tokenizer_of(generation))
