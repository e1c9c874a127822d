"""An embedding model together with what the rest of the knowledge must know of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from langchain_core.embeddings import Embeddings

UNKNOWN_MAX_TOKENS = 512
BYTES_PER_TOKEN = 3
"""Of UTF-8 text, where the tokenizer is out of reach: low for English, so that passages come out rather too short."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """An embedding model and its measures.

    `name` is the identity stored with a collection: it changes whenever vectors would. `max_tokens` is what one vector
    covers, counted by `count` (prefix and special tokens already taken off). `min_score` is the cosine below which a
    passage is not evidence; 0 for models we have not measured.
    """

    embeddings: Embeddings
    name: str
    dimension: int
    normalised: bool
    max_tokens: int
    count: Callable[[str], int]
    min_score: float


def measured(
    embeddings: Embeddings,
    name: str,
    *,
    max_tokens: int = UNKNOWN_MAX_TOKENS,
    count: Callable[[str], int] | None = None,
    min_score: float = 0.0,
) -> Embedder:
    """An `Embedder` whose dimension and normalisation are read off the vector of one short text."""
    vector = embeddings.embed_query("How long is this vector?")
    normalised = math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-3)
    return Embedder(embeddings, name, len(vector), normalised, max_tokens, count or estimate, min_score)


def estimate(text: str) -> int:
    """Tokens of `text` for a model whose tokenizer is out of reach, from its length in UTF-8."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)
