"""Which sentences of the passages bear on a question: told from the words they share, the rare ones counting most."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.knowledge.passages import Passage
from assistant.retrieval import Near
from assistant.support import RECORD, Span, coverage, numbers_held, spaceless, spans, units, weight

ANSWERS = 0.27
"""Relevance from which a sentence may be quoted as the answer.

The most relevant sentence holds the answer to 78 to 82 % of XQuAD's questions in English, Spanish and Chinese (some
passage found holds 99 %).
"""

NUMBER = 4
"""A number in a question weighs hardly more than a long word: it may be the name of the product that all is about."""

NEARBY = 0.5
"""What a word of the question counts that stands beside the sentence, in a heading above it or in the title."""

LOWER = 0.1
"""What a passage is behind the one that was found before it, or less where their scores are closer."""

MEANT = 0.5
"""What nearness in meaning counts beside the words. The best sentence then holds the answer to 0.6 points more of the
questions of five sets in English, Spanish and Chinese, one of the best two to 1.8 more; with twice as much, fewer."""

ADDED = 1 / 3
"""Share of what a follow-up adds that the passages hold at least. Of 28 tried by hand on the sample documents, those that
ask on hold 0.4 to 1, those beside the point (other topics, thanks) 0 to 0.14; one that has no answer there 0.25."""

TOGETHER = 0.8
"""Share of the best sentence's relevance from which the sentence beside it is quoted with it."""


ASKED = re.compile(r"[?\uff1f\u061f\u037e]\W*$")
"""A question of the document's own answers nothing."""


@dataclass(frozen=True, slots=True)
class Relevant:
    """A sentence, or a whole record, of passage `number` (from 1), with its relevance (at most 1) to a question."""

    number: int
    span: Span
    units: frozenset[str]
    score: float

    @property
    def quote(self) -> str:
        """The sentence on one line; a record keeps its lines."""
        return self.span.text if RECORD.match(self.span.text) else " ".join(self.span.text.split())

    def holds(self, said: frozenset[str], *, bar: float) -> bool:
        """Whether the share `bar` of what is said stands here, and every number of it."""
        return coverage(said, self.units) >= bar and numbers_held(said, self.units)


def relevant(question: str, passages: Sequence[Passage], *, near: Near | None = None) -> list[Relevant]:
    """The sentences that say more than the question, and ask nothing, in the order of the passages.

    The relevance is the share of the question's weight that stands in the sentence. A word weighs the more the fewer
    passages hold it, and most where none does: it is what the question is about and the documents are silent on.
    `near` tells how near sentences are to the question in meaning (0 to 1), which counts half as much.
    """
    asked = _weights(question, passages)
    total = sum(asked.values()) or 1.0
    found = []
    for number, (passage, behind) in enumerate(zip(passages, _behind(passages), strict=True), 1):
        for span, own, nearby in _candidates(passage):
            held = sum(w * (1.0 if u in own else NEARBY if u in nearby else 0.0) for u, w in asked.items())
            if own - asked.keys() and not ASKED.search(span.text):
                found.append(Relevant(number, span, own, held / total - behind))
    if near is None:
        return found
    meant = near([sentence.span.text for sentence in found])
    return [replace(each, score=each.score + MEANT * how) for each, how in zip(found, meant, strict=True)]


def top(found: Sequence[Relevant]) -> float:
    """The highest relevance there is; 0 where nothing was found."""
    return max((sentence.score for sentence in found), default=0.0)


def leading(found: Sequence[Relevant], passages: Sequence[Passage]) -> list[Passage]:
    """The passages, that with the most relevant sentence first."""
    best = [
        top([sentence for sentence in found if sentence.number == number]) for number in range(1, len(passages) + 1)
    ]
    return [passage for _, passage in sorted(zip(best, passages, strict=True), key=lambda pair: -pair[0])]


def excerpt(found: Sequence[Relevant], *, bar: float) -> Sequence[Relevant]:
    """The sentence that answers best, with another one that is nearly as good; empty where none reaches `bar`."""
    ranked = sorted(found, key=lambda sentence: -sentence.score)[:2]
    if not ranked or ranked[0].score < bar:
        return ()
    best = ranked[0].score
    together = [sentence for sentence in ranked if sentence.score >= TOGETHER * best]
    return sorted(together, key=lambda sentence: (sentence.number, sentence.span.start))


def threshold(question: str) -> float:
    """`ANSWERS`; half of it for scripts without spaces, where every second pair of characters straddles two words."""
    letters = [letter for letter in question if letter.isalpha()]
    return ANSWERS / 2 if sum(map(spaceless, letters)) > len(letters) / 2 else ANSWERS


def is_beside(question: str, earlier: Sequence[str], passages: Sequence[Passage]) -> bool:
    """Whether a question that seems to follow `earlier` ones only stands beside them: what it adds is in no passage found.

    In another language than the passages' that cannot be told; then none of the earlier ones shares words with them.
    """
    there: frozenset[str] = frozenset().union(*(units(passage.text) | units(passage.title) for passage in passages))
    if all(_share(units(asked), there) < _added(asked) for asked in earlier):
        return False
    return _share(units(question) - units(earlier[-1]), there) < _added(question)


def _added(question: str) -> float:
    return ADDED * threshold(question) / ANSWERS


def _share(said: frozenset[str], there: frozenset[str]) -> float:
    """The share of what is said, by weight, that is there; 0 of nothing."""
    whole = sum(map(weight, said))
    return sum(map(weight, said & there)) / whole if whole else 0.0


def _behind(passages: Sequence[Passage]) -> list[float]:
    """What each passage is behind the first."""
    first = passages[0].score if passages else None
    ahead = [None if first is None or each.score is None else first - each.score for each in passages]
    return [LOWER * place if gap is None else min(LOWER * place, max(0.0, gap)) for place, gap in enumerate(ahead)]


def _weights(question: str, passages: Sequence[Passage]) -> Mapping[str, float]:
    texts = [units(passage.text) | units(passage.title) for passage in passages]
    return {
        unit: min(weight(unit), NUMBER) * math.log(1 + len(texts) / (0.5 + sum(unit in text for text in texts)))
        for unit in units(question)
    }


def _candidates(passage: Passage) -> Iterator[tuple[Span, frozenset[str], frozenset[str]]]:
    """Each sentence with its own units, and those of its neighbours, headings and title."""
    pieces = _joined(passage.text)
    said = [units(piece.text) for piece in pieces]
    above = units(passage.title)
    for place, piece in enumerate(pieces):
        if piece.text.startswith("#"):
            above |= said[place]
            continue
        yield piece, said[place], above.union(*said[max(0, place - 1) : place + 2])


def _joined(text: str) -> list[Span]:
    """The spans of a text, the lines of a record as one."""
    pieces: list[Span] = []
    for span in spans(text):
        last = pieces[-1] if pieces else None
        if (
            last
            and RECORD.match(span.text)
            and RECORD.match(last.text)
            and text[last.end : span.start].count("\n") == 1
        ):
            pieces[-1] = Span(last.start, span.end, text[last.start : span.end])
        else:
            pieces.append(span)
    return pieces
