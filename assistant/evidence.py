"""Which passages support a sentence: by its words, by its meaning, and to the letter by its numbers, dates and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from assistant.claims import Facts, claims, facts
from assistant.knowledge.passages import Passage
from assistant.refusal import language
from assistant.support import Span, common_script, coverage, spans, units, weight

if TYPE_CHECKING:
    from assistant.meaning import Meaning


@dataclass(frozen=True, slots=True)
class Bar:
    """What a passage must reach: `words` shared where no meaning is at hand, else `near` + `shared`, see `Evidence`."""

    words: float
    near: float
    shared: float


CITED = Bar(words=0.35, near=0.2, shared=0.3)
"""For a passage that the model cites for the sentence, which is evidence in itself.

Percent of 300 sentences of human answers accepted on their own passage, and on five others found for the question (with
multilingual-e5-small; all-MiniLM-L6-v2 gives the same within the 95 % intervals of 1 to 6): CLAPNQ 99 and 2, MTRAG 89 and
14, PubMedQA's conclusions 76 and 4; with one number changed 8, 11, 9, one name 6, 17, 5, all but the words of the
question 33, 27, 19. Spanish sentences on English passages 97 and 4, Chinese ones 91 and 1, English on Chinese 93 and 1.
By shared words alone at 0.35, as it was before: 100 and 4, 95 and 20, 84 and 11; number 100, 91, 79, name 100, 95, 87,
question 35, 34, 49; 44 and 0, 46 and 3, 8 and 0.
"""

FOUND = Bar(words=0.5, near=0.25, shared=0.35)
"""For any other passage. The same: 99 and 1, 86 and 10, 66 and 2; question 20, 15, 9; 97 and 1, 81 and 0, 88 and 0.
By shared words alone at 0.5: 100 and 2, 82 and 7, 39 and 2; question 4, 1, 2; 17 and 0, 45 and 2, 4 and 0."""

LOOKED_AT = 500
"""Characters of a passage from which its language is told."""

QUOTED_SENTENCES = 3
HELD = 0.5
"""Coverage below which the words do not tell the place of a quote, but the meaning does."""


class Evidence:
    """The passages of an answer, asked what they support; `meaning` may be missing. For threads, not an event loop.

    `question` and the `earlier` ones tell the language of the answer.

    A passage supports a sentence if it holds every number, date, name and identifier in it (`claims`), and if
    near · (1 - script · echo) + script · words reaches a bar. `words` is the share of the sentence's words that stand in
    the passage, those of the question left out; `near` how near its meaning is to a sentence of the passage; `echo` the
    share of the sentence that repeats the question, which says nothing about a passage; `script` how far both are written
    in the same script. Between two languages nearness may suffice.

    A sentence and its negation look the same here, as do two that give each of two things the other's number.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        question: str = "",
        earlier: Sequence[str] = (),
        meaning: Meaning | None = None,
    ) -> None:
        self.passages = passages
        self._question = question
        self._earlier = earlier
        self._meaning = meaning
        self._asked = units(question)
        self._held = [units(passage.text) | units(_above(passage)) for passage in passages]
        self._near: dict[str, list[float]] = {}

    @cached_property
    def language(self) -> str:
        """The language of the question, which the answer is taken to be in."""
        return language(self._question, earlier=self._earlier)

    @cached_property
    def _facts(self) -> list[tuple[Facts, bool]]:
        """What each passage holds, and whether it is in the language of the answer."""
        languages = [language(passage.text[:LOOKED_AT]) for passage in self.passages]
        return [
            (facts(f"{_above(passage)}\n{passage.text}", spoken), spoken == self.language)
            for passage, spoken in zip(self.passages, languages, strict=True)
        ]

    def holds(self, sentence: str, number: int, *, bar: Bar = CITED, deep: bool = True) -> bool:
        """Whether passage `number` (from 1) supports a sentence without citations; not `deep` asks the words alone."""
        said = units(sentence)
        found, same = self._facts[number - 1]
        if not said or not claims(sentence, self.language).held(found, names=same):
            return False
        held = self._held[number - 1]
        words, echo = self._shared(said, held, bar=bar)
        if self._meaning is None or not deep:
            return words >= bar.words
        script = common_script(said, held)
        missing = bar.near + script * (bar.shared - words)
        near = self._nearness(sentence)[number - 1] if missing > 0 else 0.0
        return near * (1 - script * echo) >= missing or (not same and near >= bar.near)

    def backs(self, sentence: str) -> bool:
        """Whether every number, date, name and identifier of a sentence stands in some passage."""
        return all(
            any(claim.held(found, names=same) for found, same in self._facts)
            for claim in claims(sentence, self.language).each()
        )

    def supporter(self, sentence: str) -> int | None:
        """Number of the passage that supports a sentence best, or None."""
        numbers = [number for number in range(1, len(self.passages) + 1) if self.holds(sentence, number, bar=FOUND)]
        return max(numbers, key=lambda number: self._strength(sentence, number), default=None)

    def quote(self, number: int, said: str) -> Span:
        """The sentences of a passage, at most three in a row, that hold most of what is said; shorter wins a tie."""
        text = self.passages[number - 1].text
        found = quote(text, said)
        if self._meaning is None or coverage(units(said), units(found.text)) >= HELD or not spans(text):
            return found
        return spans(text)[self._meaning.nearest(said, text)]

    def _shared(self, said: frozenset[str], held: frozenset[str], *, bar: Bar) -> tuple[float, float]:
        """Share of the words that stand in the passage, and of those that stand in the question."""
        echo = sum(map(weight, said & self._asked)) / sum(map(weight, said))
        if new := said - self._asked:
            return coverage(new, held), echo
        repeated = coverage(said, held)
        return (repeated if bar is CITED or repeated == 1.0 else 0.0), echo

    def _strength(self, sentence: str, number: int) -> float:
        said, held = units(sentence), self._held[number - 1]
        near = self._near[sentence][number - 1] if sentence in self._near else 0.0
        return near + common_script(said, held) * coverage(said, held)

    def _nearness(self, sentence: str) -> list[float]:
        if sentence not in self._near and self._meaning:
            self._near[sentence] = self._meaning.nearness(sentence, [passage.text for passage in self.passages])
        return self._near[sentence]


def _above(passage: Passage) -> str:
    """The title of a passage and the headings it stands under: what they name, its sentences need not repeat."""
    headings = passage.metadata.get("headings")
    return "\n".join([passage.title, *(map(str, headings) if isinstance(headings, list | tuple) else ())])


def quote(passage: str, said: str) -> Span:
    """The sentences of the passage, at most three in a row, that hold most of what is said; shorter wins a tie."""
    sentences = spans(passage)
    wanted = units(said)
    windows = [
        Span(sentences[i].start, sentences[i + size - 1].end, passage[sentences[i].start : sentences[i + size - 1].end])
        for size in range(1, QUOTED_SENTENCES + 1)
        for i in range(len(sentences) - size + 1)
    ]
    return max(windows, key=lambda window: coverage(wanted, units(window.text)), default=Span(0, len(passage), passage))
