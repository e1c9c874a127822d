"""A question and what was said before it: the earlier part counts as far as the question finds nothing by itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from langchain_core.embeddings import Embeddings

from assistant.knowledge.terms import terms
from assistant.support import strip_markers

REMARKS = 6
"""What of a conversation is looked at: the last three questions and replies.

With four, right documents among the first five fall from 95 to 92 % of follow-ups (KdConv); with eight they are as many,
fewer of them first. Whether older remarks count for less makes no difference within six.
"""
CHARACTERS = 200
"""Of a remark, from its beginning: with 300 nothing changes, with whole replies nDCG is 0.4 points lower (MTRAG)."""
LEAD = 0.18
"""What the best passage is ahead of the middle of the candidates, from where a question needs nothing else.

It tells follow-ups that the conversation helps from those it harms (AUC 0.95, English and Chinese together). In
collections of 60 to 6,000 passages nDCG of follow-ups (KdConv) is 2 to 3 points lower with 0.15 and 1 to 2 higher with
0.21, where questions on another topic begin to suffer (MTRAG).
"""
MIDDLE = 50
"""Rank of the middle where more candidates than usual were asked for."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What one side of a conversation said."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; `earlier` is what was said before, oldest first.

    Search first asks the question alone. Where `carry` then is above 0 it asks once more, with that much of what was
    said before in `asked` and `vector`. No word list and no language is involved: "and its price?" finds all passages
    equally well or badly, a new topic finds its own.
    """

    text: str
    earlier: tuple[Remark, ...] = ()

    def carry(self, scores: Sequence[float]) -> float:
        """How much of what was said before the question needs, 0 to 1; 0 where nothing was.

        `scores` are those of all candidates that the question alone found, best first, each 0 to 1.
        """
        if not self._said():
            return 0.0
        if not scores:
            return 1.0
        ahead = scores[0] - scores[min(len(scores) // 2, MIDDLE)]
        return max(0.0, 1.0 - ahead / LEAD)

    def asked(self, carry: float = 0.0) -> Mapping[str, float]:
        """The terms to look for, with their weights: how often each stands in the question, drawn by `carry` to how often
        it stands in the whole conversation, counted as if that were no longer than the question."""
        own = Counter(terms(self.text))
        said = Counter(terms(self._said())) if carry > 0 else Counter[str]()
        if not said:
            return {term: float(times) for term, times in own.items()}
        shrunk = max(1, own.total()) / (own.total() + said.total())
        return {term: (1.0 - carry) * own[term] + carry * shrunk * (own[term] + said[term]) for term in (own | said)}

    def vector(
        self, embeddings: Embeddings, carry: float = 0.0, *, alone: Sequence[float] | None = None
    ) -> list[float]:
        """The direction to look in, of unit length: the question's, drawn by `carry` to that of the whole conversation.

        What was said before and the question are embedded as one text, which is one embedding more, whatever the length
        of the conversation; the sum of the vectors of all remarks is no better and takes one for each.
        """
        alone = _unit(embeddings.embed_query(self.text) if alone is None else alone)
        said = self._said() if carry > 0 else ""
        if not said:
            return alone
        whole = _unit(embeddings.embed_query(f"{said}\n{self.text}"))
        return _unit([(1.0 - carry) * one + carry * other for one, other in zip(alone, whole, strict=True)])

    def _said(self) -> str:
        """The beginnings of the last remarks, one a line; without citations, whose numbers are nobody's question."""
        plain = (
            strip_markers(remark.text) if remark.role == "assistant" else remark.text for remark in self.earlier[::-1]
        )
        beginnings = (" ".join(text.split())[:CHARACTERS] for text in plain)
        return "\n".join([*islice(filter(None, beginnings), REMARKS)][::-1])


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]
