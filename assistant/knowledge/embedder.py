"""An embedding model together with what the rest of the knowledge must know of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from langchain_core.embeddings import Embeddings

UNKNOWN_MAX_TOKENS = 512
HIGHEST = 0.95
"""Of a floor: a model that finds all texts alike tells nothing apart, and its rounding errors must not decide."""
BYTES_PER_TOKEN = 3
"""Of UTF-8 text, where the tokenizer is out of reach: low for English, so that passages come out rather too short."""

QUESTIONS = (
    "How do I reset the router?",
    "Where does the river rise?",
    "Who wrote the second symphony?",
    "When was the bridge built?",
)
FOREIGN = (
    "The library opens at nine on weekdays.",
    "Unused vacation days expire in March.",
    "The soup is cooked for twenty minutes over a low flame.",
    "Aspirin should not be given to children with a fever.",
)
"""None of them answers one of the questions, nor is about the same."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """An embedding model and its measures.

    `name` is the identity stored with a collection: it changes whenever vectors would. `max_tokens` is what one vector
    covers, counted by `count` (prefix and special tokens already taken off). `floor` is the cosine of a question and a
    passage that have nothing to do with each other: near 0 with some models, near 0.8 with others.
    """

    embeddings: Embeddings
    name: str
    dimension: int
    normalised: bool
    max_tokens: int
    count: Callable[[str], int]
    floor: float


def measured(
    embeddings: Embeddings,
    name: str,
    *,
    max_tokens: int = UNKNOWN_MAX_TOKENS,
    count: Callable[[str], int] | None = None,
    floor: float | None = None,
) -> Embedder:
    """An `Embedder` whose dimension, normalisation and, where it is not given, `floor` are read off a few short texts."""
    asked = [embeddings.embed_query(question) for question in (QUESTIONS if floor is None else QUESTIONS[:1])]
    normalised = math.isclose(math.hypot(*asked[0]), 1.0, abs_tol=1e-3)
    if floor is None:
        told = embeddings.embed_documents(list(FOREIGN))
        floor = fmean(_cosine(question, passage) for question in asked for passage in told)
    return Embedder(embeddings, name, len(asked[0]), normalised, max_tokens, count or estimate, min(floor, HIGHEST))


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / ((math.hypot(*one) * math.hypot(*other)) or 1.0)


def estimate(text: str) -> int:
    """Tokens of `text` for a model whose tokenizer is out of reach, from its length in UTF-8."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)
