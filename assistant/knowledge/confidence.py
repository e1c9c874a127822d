"""How likely it is that what a search found answers the question: told from the search, without a language model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from assistant.knowledge.closeup import Vectors, look
from assistant.knowledge.fusion import Candidate, semantic
from assistant.knowledge.terms import JOINED, PART, terms
from assistant.refusal import identify

STRICT = 0.23
"""Confidence below which `strict` refuses, chosen so that 7 % of CLAPNQ's answerable questions are.

Percent refused of questions without and with an answer, by weights fitted without the kind of set that is judged:
CLAPNQ 64 and 8; the document with the answer taken away, XQuAD, DRCD and CMRC 57 to 87 and 1 to 4, PubMedQA 62 and 1,
COVID-QA 84 and 21. Of sets that played no part, 14 to 15 % of the answerable ones are refused (docs/decisions/0008).
"""

COMPARED = 20
"""Candidates that are of use, as the first is compared with the others."""
LOOKED_AT = 3
"""Passages that are looked at sentence by sentence; with one, COVID-QA's long papers lose a point of AUC."""
ALONE = 0.25
"""`ahead` where there is nothing to compare with: what right passages have, for nothing speaks against it."""

WITHIN = (9.0, 4.8, 13.0, -8.3)
"""Log-odds per unit of `near`, `worded` and `ahead`, and constant, by logistic regression on eight public sets in
English, Spanish and Chinese, each kind of set weighing the same. Fitted without the kind of set that is judged, the
area under the ROC curve is 86.6 % (CLAPNQ) to 98.9 % (CMRC); the choice of the three was made on all of them."""
ACROSS = (12.6, -3.1)
"""Log-odds per unit of `above`, and constant, where question and passages are in different languages: fitted to four
pairs of XQuAD's languages, and judged on no others."""
FOREIGN = 0.5
"""Share of the question's words in the passages from which both are in one language, without telling which. With
both tests, 91 (English on Spanish) to 100 % of the questions in another language are noticed, and 13 of 18,398
in the same one are taken for such (24 of 4,000 in corpora of two or ten articles)."""
LEAST_LETTERS = 100
"""Of passages, from which their language is told: one short English sentence was taken for Catalan."""
LETTERS = 500
"""Characters of a passage from which its language is told."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for an answer, on scales that languages, corpora and embedding models have in common.

    `near` is the semantic score of the nearest sentence, `worded` the largest share of the question's weight in one
    sentence, `ahead` what the score of the first passage is above the mean of the others, `above` what `near` is above
    the mean semantic score of the others. `foreign`: the passages are in another language than the question.
    """

    near: float
    worded: float
    ahead: float
    above: float
    foreign: bool = False

    @property
    def confidence(self) -> float:
        """The probability (0 to 1) that there is an answer, where as many questions have one as have none."""
        if self.foreign:
            return _logistic(ACROSS[0] * self.above + ACROSS[1])
        near, worded, ahead, constant = WITHIN
        return _logistic(near * self.near + worded * self.worded + ahead * self.ahead + constant)


def confidence(
    question: str,
    candidates: Sequence[Candidate],
    *,
    asked: Mapping[str, float],
    vector: Sequence[float],
    vectors: Vectors,
    floor: float,
    carried: bool = False,
) -> float:
    """How likely (0 to 1) the candidates, best first and about `COMPARED`, answer the question; 0 where there are none.

    `asked` gives the question's terms their weights with their rarity, `vector` is its vector of unit length, `vectors`
    embeds the sentences of the first `LOOKED_AT`, `floor` is the cosine of foreign texts.
    `carried`: both hold what was said before. That is so because no passage was ahead, which then tells nothing more.
    """
    if not candidates:
        return 0.0
    seen = look([each.text for each in candidates[:LOOKED_AT]], vectors, question=vector, asked=asked)
    cosine = max(cosine for cosine, _ in seen)
    first, *rest = sorted((each.fused for each in candidates[:COMPARED]), reverse=True)
    others = [each.cosine for each in candidates[1:COMPARED]]
    near = semantic(cosine, floor)
    above = (cosine - fmean(others)) / (1 - floor) if others else 0.0  # in another language nothing else tells
    return Signs(
        near=near,
        worded=max(held for _, held in seen),
        ahead=first - fmean(rest) if rest and not carried else ALONE,
        above=min(above, near),  # ahead of others that are foreign too, a foreign sentence says nothing
        foreign=_foreign(question, candidates[:COMPARED], asked),
    ).confidence


def _foreign(question: str, candidates: Sequence[Candidate], asked: Mapping[str, float]) -> bool:
    """Whether the passages hold few of the question's words because they are in another language."""
    words = {term for term in asked if not term.startswith(PART) and JOINED not in term}
    missing = set(words)
    for candidate in candidates:
        missing -= set(terms(candidate.text))
        if len(missing) <= (1 - FOREIGN) * len(words):
            return False
    text = " ".join(candidate.text for candidate in candidates[:LOOKED_AT])[:LETTERS]
    if len(text) < LEAST_LETTERS:
        return False
    asked_in, held_in = identify(question), identify(text)
    return (
        asked_in is not None and held_in is not None and asked_in != held_in
    )  # what is too short to tell is not foreign


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))
