"""Passages looked at sentence by sentence: how near the best one is to the question, by meaning and by words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.knowledge.terms import terms
from assistant.support import spans

LONGEST = 16
"""Sentences of one passage looked at: more than a passage of ordinary size has."""

Vectors = Callable[[Sequence[str]], Sequence[NDArray[np.float32]]]
"""From texts to vectors of unit length."""


def look(
    texts: Sequence[str], vectors: Vectors, *, question: Sequence[float], asked: Mapping[str, float]
) -> list[tuple[float, float]]:
    """For each text the highest cosine of a sentence to `question`, and the largest share of `asked` in one sentence.

    `question` is a vector of unit length; `asked` gives each term of the question its weight.
    """
    split = [[span.text for span in spans(text)[:LONGEST]] or [text] for text in texts]
    made = dict(zip(every := [s for part in split for s in part], vectors(every), strict=True))
    wanted = np.asarray(question, np.float32)
    return [(max(float(made[s] @ wanted) for s in part), max(_held(s, asked) for s in part)) for part in split]


def _held(sentence: str, asked: Mapping[str, float]) -> float:
    total = sum(asked.values()) or 1.0
    return sum(asked[term] for term in asked.keys() & set(terms(sentence))) / total
