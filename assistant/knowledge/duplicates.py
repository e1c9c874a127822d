"""Which passages say the same thing twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from assistant.support import fold

T = TypeVar("T")
WORD = re.compile(r"\w+")


def distinct(passages: Iterable[tuple[T, str]]) -> Iterator[T]:
    """The first of each `(passage, text)` whose words do not all stand, in their order, in an earlier one.

    Case, punctuation, white space and markup make no difference; another number, name or "not" does.
    """
    kept: list[str] = []
    for passage, text in passages:
        said = f" {' '.join(WORD.findall(fold(text)))} "
        if not any(said in earlier for earlier in kept):
            kept.append(said)
            yield passage
