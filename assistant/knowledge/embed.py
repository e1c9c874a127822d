"""Opens an embedding model by name and says what the rest of the knowledge must know of it."""

from __future__ import annotations

import difflib
import importlib
import re
from pathlib import Path

from langchain_core.embeddings import Embeddings

from assistant.errors import ConfigurationError
from assistant.knowledge import sentence_transformer
from assistant.knowledge.embedder import Embedder, measured

E5 = "multilingual-e5-small"
BUILT_IN = (E5, sentence_transformer.MINILM)

E5_MIN_SCORE = 0.81
"""Measured on eight public sets of questions in English, Spanish and Chinese. The best passage of an answerable
question is below it in 0 to 4 % (Chinese scores stand about 0.04 higher than English ones), that of a question to
foreign documents in 68 %, that of a question which documents on its very topic leave open in 3 %: it tells topics
apart, not answers."""

__all__ = ["Embedder", "open_embedder"]


def open_embedder(model: str, *, cache_dir: Path) -> Embedder:
    """Open `model`: a built-in name, a folder or hub id (sentence-transformers), or `package.module:Class` (LangChain).

    `cache_dir` keeps the unpacked built-in model. Only a hub id may reach the network.

    Raises:
        ConfigurationError: no such model, or a package it needs is missing; the message says what to do.
    """
    if model == E5:
        return _open_e5(cache_dir)
    if model == sentence_transformer.MINILM:
        return sentence_transformer.open_minilm()
    if re.fullmatch(r"[\w.]+:\w+", model):
        return _open_class(model)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return sentence_transformer.open_folder(folder)
    if re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", model):
        return sentence_transformer.open_hub(model)
    near = difflib.get_close_matches(model.lower(), BUILT_IN, n=1, cutoff=0.0)[0]
    raise ConfigurationError(
        f"knowledge.embedding_model {model!r} is neither built in, nor a folder, nor a hub id (organisation/name), "
        f"nor package.module:Class; did you mean {near!r}?"
    )


def _open_e5(cache_dir: Path) -> Embedder:
    from assistant.knowledge.e5 import DIMENSION, identity, open_e5

    e5 = open_e5(cache_dir)
    return Embedder(e5, identity(), DIMENSION, True, e5.max_tokens, e5.count, E5_MIN_SCORE)


def _open_class(path: str) -> Embedder:
    module, _, attribute = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"knowledge.embedding_model {path!r} cannot be imported: {error}") from error
    try:
        embeddings = found()
    except Exception as error:  # whatever a third party's constructor raises
        raise ConfigurationError(f"knowledge.embedding_model {path!r} cannot be made: {error}") from error
    if not isinstance(embeddings, Embeddings):
        raise ConfigurationError(f"knowledge.embedding_model {path!r} is no langchain_core.embeddings.Embeddings")
    return measured(embeddings, path)
