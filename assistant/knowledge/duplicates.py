"""Which passages say the same thing twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from assistant.support import units

T = TypeVar("T")

SAME = 0.98
"""Share of all their words that two passages must have in common to count as one."""


def distinct(passages: Iterable[tuple[T, str]], *, question: str) -> Iterator[T]:
    """The first of each `(passage, text)` whose text is not nearly that of an earlier one.

    Texts that differ in a number, in an identifier with a digit or in a word of the question are two: a new price, and
    two products with pages of the same wording, are what is asked for.
    """
    asked = units(question)
    kept: list[tuple[frozenset[str], frozenset[str]]] = []
    for passage, text in passages:
        said = units(text)
        telling = frozenset(unit for unit in said if unit in asked or any(map(str.isdigit, unit)))
        if not any(telling == others and _alike(said, known) for known, others in kept):
            kept.append((said, telling))
            yield passage


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return one == other or len(one & other) >= SAME * len(one | other)
