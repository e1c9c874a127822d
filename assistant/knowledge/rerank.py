"""Opens a re-ranker by name: a cross-encoder, or any LangChain document compressor."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_core.documents.compressor import BaseDocumentCompressor

from assistant.errors import ConfigurationError
from assistant.plugins import is_named, made

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

MODEL = "llm"
"""Name of the re-ranker that asks the assistant's own chat model."""
WIDER = 4
"""Times the passages wanted that a re-ranker chooses from."""


def open_reranker(name: str, *, passages: int, model: BaseChatModel | None = None) -> BaseDocumentCompressor | None:
    """Open `name`, to keep the best `passages`; None for an empty name.

    `llm` has `model` order the passages (one call, structured output); a folder or hub id (organisation/name) is a
    cross-encoder of sentence-transformers; `package.module:Class` is any `BaseDocumentCompressor` that its constructor
    makes without arguments. Only a hub id may reach the network.

    Raises:
        ConfigurationError: no such re-ranker, or a package it needs is missing; the message says what to do.
    """
    if not name:
        return None
    if name == MODEL:
        return _by_model(model, passages)
    if is_named(name):
        kind: type[BaseDocumentCompressor] = BaseDocumentCompressor  # type: ignore[type-abstract]  # a bound, never made
        return made(name, kind, key="knowledge.reranker")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _by_cross_encoder(str(folder), passages)
    if re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        return _by_cross_encoder(name, passages)
    raise ConfigurationError(
        f"knowledge.reranker {name!r} is neither 'llm', nor a folder, nor a hub id (organisation/name), nor "
        "package.module:Class"
    )


def _by_model(model: BaseChatModel | None, passages: int) -> BaseDocumentCompressor:
    from langchain_classic.retrievers.document_compressors import LLMListwiseRerank

    if model is None:
        raise ConfigurationError(
            "knowledge.reranker 'llm' asks the assistant's model, and there is none here: use it through Assistant"
        )
    try:
        return LLMListwiseRerank.from_llm(model, top_n=passages)
    except (NotImplementedError, ValueError) as error:
        raise ConfigurationError(
            f"knowledge.reranker 'llm': {type(model).__name__!r} gives no structured output: use another re-ranker"
        ) from error


def _by_cross_encoder(model: str, passages: int) -> BaseDocumentCompressor:
    try:
        from langchain_classic.retrievers.document_compressors import CrossEncoderReranker
        from langchain_community.cross_encoders import HuggingFaceCrossEncoder

        return CrossEncoderReranker(model=HuggingFaceCrossEncoder(model_name=model), top_n=passages)
    except ImportError as error:
        raise ConfigurationError(
            f"knowledge.reranker {model!r} needs the package {error.name!r}: pip install llama-assistant-sdk[embeddings]"
        ) from None
    except Exception as error:  # sentence-transformers, transformers and the hub raise dozens of kinds
        raise ConfigurationError(f"knowledge.reranker {model!r} cannot be loaded: {error}") from error
