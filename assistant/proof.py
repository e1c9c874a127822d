"""What of a small model's text may be shown: the sentences that the passages prove, up to the first that they do not."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from itertools import pairwise

from assistant.relevance import ASKED, Relevant, top
from assistant.support import sequence, spans, strip_markers, units, weight

BEARS = 0.7
"""Share of the relevance a quote needs that the sentence behind an answer needs: the model has chosen it too."""

LEADING = 0.9
"""Share of the highest relevance in sight that the sentence behind an answer needs."""

ADDS = 2
"""Weight of what an answer must add to the question: a number, a word of four letters, a pair of characters."""

HELD = 0.8
"""Share of what an answer adds to the question that one sentence must hold: small models garble what they copy."""

NEAR = 3
"""Words between a number and what it counts: "5 working days" counts days, "28 vacation days" no employees."""

GROUPED = re.compile(r"(?<!\d)\d+(?: \d+){2,}")
"""A telephone number: its last group alone is none."""

LOOKED_AT = 400
LOOP = re.compile(r"(.{4,80}?)\1{3}$", re.DOTALL)
"""The same words four times in a row at the end of the last `LOOKED_AT` characters: the model will not stop by itself."""

FINISHED = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\u061f\u06d4\u0964]\W*$")


def worth_asking(sentences: Sequence[Relevant], *, bar: float) -> bool:
    """Whether a sentence bears enough on the question that a model may answer from it; `bar` is what a quote needs."""
    return bool(sentences) and top(sentences) >= BEARS * bar


async def proven(
    pieces: AsyncIterator[str], question: str, sentences: Sequence[Relevant], *, bar: float
) -> AsyncGenerator[str, None]:
    """The text of `pieces` a sentence at a time while `sentences` prove it; ends early where they do not.

    A sentence left unfinished is given only where it is the first: a phrase is an answer, a torn end is none.
    """
    known = units(question)
    waiting = ""
    first = True
    async for piece in pieces:
        waiting += piece
        if LOOP.search(waiting, max(0, len(waiting) - LOOKED_AT)):
            return
        begun = spans(waiting)
        for span, following in pairwise(begun):
            if not proves(span.text, known, sentences, bar=bar):
                return
            known |= units(span.text)
            first = False
            yield waiting[span.start : following.start]
        waiting = waiting[begun[-1].start :] if begun else ""
    if (first or FINISHED.search(waiting)) and proves(waiting, known, sentences, bar=bar):
        yield waiting


def proves(text: str, known: frozenset[str], sentences: Sequence[Relevant], *, bar: float) -> bool:
    """Whether a sentence that bears on the question holds what the text adds to what is `known`.

    Where others bear on it far more, the answer is not in that one.
    """
    said = strip_markers(text)
    if ASKED.search(said):  # a question, most often the one asked, answers nothing
        return False
    new = units(said) - known
    least = max(BEARS * bar, LEADING * top(sentences))
    bearing = [found for found in sentences if found.score >= least and found.holds(new, bar=HELD)]
    return sum(map(weight, new)) >= ADDS and any(counts_alike(said, found.span.text) for found in bearing)


def counts_alike(said: str, source: str) -> bool:
    """Whether the numbers of `said` are whole in the source and stand there beside the word that follows them."""
    runs = [set(sequence(run)) for run in GROUPED.findall(source)]
    words, there = sequence(said), sequence(source)
    for place, word in enumerate(words):
        if not word[0].isdigit():
            continue
        if any(word in run and not run <= set(words) for run in runs):
            return False
        counted = words[place + 1] if place + 1 < len(words) else word
        around = (there[max(0, at - NEAR) : at + NEAR + 1] for at, other in enumerate(there) if other == word)
        if not any(counted in near for near in around):
            return False
    return True
