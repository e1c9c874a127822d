"""Passages for the tests of the lexical index, and questions to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from assistant.knowledge.lexicon import Lexicon, Row
from assistant.knowledge.terms import terms


def row(number: int, text: str, *, partition: str = "public", version: str = "1") -> Row:
    return Row(f"{number}-{version}-0", (str(number), version), partition, text)


def asked(question: str) -> Mapping[str, float]:
    return {term: float(times) for term, times in Counter(terms(question)).items()}


def found(lexicon: Lexicon, question: str, *, partitions: list[str] | None = None, k: int = 10) -> list[str]:
    return [id for id, _ in lexicon.search(asked(question), k, partitions=partitions)]
