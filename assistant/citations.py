"""Citations: checked while the text streams, then bound to the place in the passage that supports them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.answers import Citation, Grounded
from assistant.knowledge.passages import Passage
from assistant.support import (
    MARKER,
    SEPARATORS,
    Span,
    coverage,
    numbers_held,
    spans,
    strip_markers,
    units,
)

KEEP = 0.35
"""Coverage below which a citation the model wrote is removed: its passage has nothing to do with the sentence.

Keeps 97 to 100 % of human answers' sentences on their own passage (MTRAG, CLAPNQ) and 15 to 3 % on the closest of five
others; at 0.2 those would be 51 to 31 %.
"""

SUPPORTED = 0.5
"""Coverage from which a sentence counts as supported, and gets a citation where the model wrote none: 87 to 100 % of
the same sentences on their own passage, 6 to 1 % on another."""

QUOTED_SENTENCES = 3
LOOK_BACK = 2000
"""Characters of emitted text searched for the start of the current sentence."""

SENTENCE_END = re.compile(
    r"[.!?\u2026\u061f\u06d4\u0964]+[\"')\\]\u2019\u201d\u00bb]*(?=\s)"
    r"|[\u3002\uff01\uff1f]+[\u201d\u300d\u300f\uff09]*|\n"
)
"""Told from a stream: `spans` would need the text behind it. Other than CJK stops need the white space after them."""

DECISION = re.compile(r"`+|\n|[ \t]*[\[【]")
BRACKET = re.compile(rf"([ \t]*){MARKER.pattern}")
OPEN_BRACKET = re.compile(rf"[ \t]*[\[【][ ]?(?:\d{{1,2}}[ ]?(?:[{SEPARATORS}][ ]?)?){{0,9}}")
"""The beginning of what may become a citation."""

CODE_LIKE = re.compile(r"(?:^|[^\w])(?:[A-Za-z]|\w*_\w*|[\w.]*\w[)\]])$", re.ASCII)
"""`x[1]`, `my_list[1]`, `f(x)[1]`: an index, not a citation, unless the passage supports it."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A citation `[number]` and where it stands in the text without citations (characters)."""

    position: int
    number: int


class CitationFilter:
    """Passes text on as it streams, without citations of passages that do not exist or do not bear on the sentence.

    A citation leaves as `[n]`, also from `[1, 2]`, `[1-3]` and `【1】`. Text is held back only while it may still
    become a citation, or while the sentence around a citation must be seen to judge it. Code spans, links and other
    brackets pass unchanged; however the text is cut into deltas, the same text comes out.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = [units(passage.text) | units(passage.title) for passage in passages]
        self.plain = ""  # what left, without citations
        self.markers: list[Marker] = []  # the citations that left, by their place in `plain`
        self._held = ""
        self._code = 0  # length of the backtick run that opened the code we are in

    def feed(self, text: str) -> str:
        """The text that may leave now."""
        self._held += text
        return "".join(self._drain(final=False))

    def finish(self) -> str:
        """The rest, when no more text will come."""
        return "".join(self._drain(final=True))

    def _drain(self, *, final: bool) -> Iterator[str]:
        while self._held:
            match = DECISION.search(self._held)
            if match is None:
                body = self._held if final else self._held.rstrip(" \t")
                yield self._pass(len(body))
                return
            yield self._pass(match.start())
            piece = self._decide(match.group(), final=final)
            if piece is None:
                return
            yield piece

    def _decide(self, sign: str, *, final: bool) -> str | None:
        """What becomes of the sign that the held text begins with; None while more text is needed to tell."""
        if sign[0] == "`":
            return self._backticks(len(sign), final=final)
        if sign == "\n":
            self._code = self._code if self._code > 2 else 0  # a code span ends with its line here, a fence does not
            return self._pass(1)
        if self._code:
            return self._pass(len(sign))
        return self._bracket(sign, final=final)

    def _backticks(self, run: int, *, final: bool) -> str | None:
        if run == len(self._held) and not final:
            return None
        if not self._code:
            self._code = run
        elif run == self._code or (self._code > 2 and run > self._code):
            self._code = 0
        return self._pass(run)

    def _bracket(self, sign: str, *, final: bool) -> str | None:
        match = BRACKET.match(self._held)
        if match is None:
            begun = OPEN_BRACKET.match(self._held)
            incomplete = begun is not None and begun.end() == len(self._held)
            return None if incomplete and not final else self._pass(len(sign))
        if match.end() == len(self._held) and not final:
            return None  # a link shows by the character after it
        numbers = _numbers(match.group(2))
        if not numbers or self._held[match.end() : match.end() + 1] == "(":
            return self._pass(match.end())
        return self._citation(match, numbers, final=final)

    def _citation(self, match: re.Match[str], numbers: list[int], *, final: bool) -> str | None:
        known = [number for number in numbers if number <= len(self._passages)]
        before = _last_sentence(self.plain[-LOOK_BACK:])
        kept = [number for number in known if self._bears(number, before)]
        if kept != known:
            rest = self._rest_of_sentence(match.end(), final=final)
            if rest is None:
                return None
            around = (before, rest, before + rest)
            kept = [number for number in known if any(self._bears(number, text) for text in around)]
        if not kept and not match.group(1) and CODE_LIKE.search(self.plain[-80:]):
            return self._pass(match.end())
        following = self._held[match.end() : match.end() + 1]
        self._held = self._held[match.end() :]
        if kept:
            self.markers += [Marker(len(self.plain), number) for number in kept]
            return match.group(1) + "".join(f"[{number}]" for number in kept)
        return match.group(1) if following.isalnum() else ""

    def _bears(self, number: int, sentence: str) -> bool:
        return coverage(units(sentence), self._passages[number - 1]) >= KEEP

    def _rest_of_sentence(self, start: int, *, final: bool) -> str | None:
        end = SENTENCE_END.search(self._held, start)
        if end is None and not final:
            return None
        return strip_markers(self._held[start : end.end() if end else len(self._held)])

    def _pass(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        self.plain += text
        return text


def uncited(text: str, passages: Sequence[Passage], *, question: str = "") -> list[Marker]:
    """Citations for a text that has none: at the end of each supported sentence the passage that supports it best."""
    found = ((span.end, supporter(span.text, passages, question=question)) for span in spans(text))
    return [Marker(position, number) for position, number in found if number is not None]


def appended(text: str, markers: Sequence[Marker]) -> str:
    """What to write after a text that has ended so that it carries these citations."""
    numbers = dict.fromkeys(marker.number for marker in markers)
    gap = "\n" if text.endswith("```") else " "
    return gap + "".join(f"[{number}]" for number in numbers) if numbers else ""


def supporter(sentence: str, passages: Sequence[Passage], *, question: str = "") -> int | None:
    """Number of the passage that supports the sentence best, or None.

    What the sentence repeats of the question says nothing about the passage, so only the rest is compared; where
    there is no rest, all of it must stand in the passage.
    """
    said = units(sentence)
    new = said - units(question)
    scores = [_support(new or said, units(passage.text), bar=SUPPORTED if new else 1.0) for passage in passages]
    best = max(scores, default=0.0)
    return scores.index(best) + 1 if best else None


def grounded(text: str, passages: Sequence[Passage], *, question: str = "") -> Grounded:
    """`yes` where a passage supports every sentence that says something, `partly` where some, `no` where none."""
    said = [span.text for span in spans(text) if units(span.text)]
    supported = [supporter(sentence, passages, question=question) is not None for sentence in said]
    if not any(supported):
        return "no"
    return "yes" if all(supported) else "partly"


def bind(text: str, markers: Sequence[Marker], passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """One citation for each number among the markers of `text`, in order of appearance."""
    sentences = spans(text)
    cited: dict[int, list[str]] = {}
    for marker in markers:
        cited.setdefault(marker.number, []).append(_cited_sentence(sentences, marker.position))
    return tuple(_citation(number, passages[number - 1], " ".join(said)) for number, said in cited.items())


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


def _citation(number: int, passage: Passage, said: str) -> Citation:
    found = quote(passage.text, said)
    offset = passage.start
    return Citation(
        number=number,
        source=passage.source,
        title=passage.title,
        quote=found.text,
        page=passage.page,
        start=None if offset is None else offset + found.start,
        end=None if offset is None else offset + found.end,
        score=passage.score,
    )


def _support(said: frozenset[str], passage: frozenset[str], *, bar: float) -> float:
    score = coverage(said, passage)
    return score if score >= bar and numbers_held(said, passage) else 0.0


def _cited_sentence(sentences: Sequence[Span], position: int) -> str:
    """The sentence a marker at `position` belongs to: the one it stands in or after."""
    before = [span for span in sentences if span.start < position]
    chosen = before[-1:] or sentences[:1]
    return chosen[0].text if chosen else ""


def _last_sentence(text: str) -> str:
    found = spans(text)
    return found[-1].text if found else ""


def _numbers(inside: str) -> list[int]:
    """`1, 3-5` as 1, 3, 4, 5; empty where it is no list of passages: a zero, a range that falls."""
    numbers: list[int] = []
    for part in re.split(r"[,;\uff0c\u3001]", inside):
        first, *last = (int(number) for number in re.split(r"[-\u2013]", part))
        if len(last) > 1 or first < 1 or (last and last[0] < first):
            return []
        numbers += range(first, (last[0] if last else first) + 1)
    return list(dict.fromkeys(numbers))
