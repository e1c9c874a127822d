"""Opens an embedding model by name and says what the rest of the knowledge must know of it."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from langchain_core.embeddings import Embeddings

from assistant.errors import ConfigurationError
from assistant.knowledge import sentence_transformer
from assistant.knowledge.embedder import Embedder, measured
from assistant.plugins import is_named, made

E5 = "multilingual-e5-small"
BUILT_IN = (E5, sentence_transformer.MINILM)

E5_FLOOR = 0.75
"""Mean cosine of questions and passages drawn at random from public sets: 0.74 to 0.77 in English and Spanish, 0.80 to
0.82 in Chinese; the probes of `embedder` say 0.71. Counted from it, a step in meaning weighs four times its cosine."""

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
    if is_named(model):
        kind: type[Embeddings] = Embeddings  # type: ignore[type-abstract]  # a bound, never made
        return measured(made(model, kind, key="knowledge.embedding_model"), model)
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
    return Embedder(e5, identity(), DIMENSION, True, e5.max_tokens, e5.count, E5_FLOOR)
