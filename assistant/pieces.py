"""The text of an answer told apart while it streams: words, citations, code, and where a sentence ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.knowledge.sentences import END
from assistant.support import MARKER, SEPARATORS


@dataclass(frozen=True, slots=True)
class Words:
    """Text as the model wrote it; `code` is inside a fence."""

    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A citation as the model wrote it: the white space before it, its numbers, and all of it as text."""

    gap: str
    numbers: tuple[int, ...]
    written: str
    glued: bool  # a letter or digit follows at once


@dataclass(frozen=True, slots=True)
class Stop:
    """A sentence, item, row or heading ends here, its citations included."""


Piece = Words | Reference | Stop

DECISION = re.compile(r"`+|\n|[ \t]*[\[【]")
BRACKETS = ("[", "【")
BRACKET = re.compile(rf"([ \t]*){MARKER.pattern}")
OPEN_BRACKET = re.compile(rf"[ \t]*[\[【][ ]?(?:\d{{1,2}}[ ]?(?:[{SEPARATORS}][ ]?)?){{0,9}}")
"""The beginning of what may become a citation."""

ENDED = re.compile(r"[.!?…؟۔।॥。｡！？።။][\"'’”»)\]*_」』）】》]*$")
"""A sentence that has ended already when a citation follows: "… days. [1]"."""

FENCE_BEFORE = re.compile(r"[\s>*+-]*(?:\d+[.)]\s+)?")
"""What may stand in front of a block of code on its line: white space, a quote, a list item."""

SIGN = re.compile(r"[.!?…؟۔।॥。｡！？።။\[【`\n]")

LOOK_BACK = 16
"""Characters before a stop that tell whether it ends a sentence: an abbreviation, an initial."""


class Pieces:
    """Takes text in deltas and gives it back in pieces; however it is cut into deltas, the same pieces come out.

    Text is held back only while it may still become a citation or a link, and white space until what follows is known.
    """

    def __init__(self) -> None:
        self._held = ""
        self._said = ""  # of the sentence that has begun, what has left
        self._line = ""  # of the line
        self._code = 0  # length of the backtick run that opened the code we are in
        self._fence = False  # that code is a block
        self._ended = False  # only citations may still belong to the sentence

    def feed(self, text: str) -> Iterator[Piece]:
        """What is certain now."""
        self._held += text
        return self._drain(final=False)

    def finish(self) -> Iterator[Piece]:
        """The rest, when no more text will come."""
        yield from self._drain(final=True)
        yield from self._stop()

    def passes(self, text: str) -> bool:
        """Whether nothing is told by `text`: it ends no sentence and begins no citation."""
        return not (self._held or self._ended or ENDED.search(self._said) or SIGN.search(text))

    def _drain(self, *, final: bool) -> Iterator[Piece]:
        while self._held:
            if self._ended and not self._held.lstrip(" \t").startswith(BRACKETS):
                if not self._held.strip(" \t") and not final:
                    return
                yield from self._stop()
            match = DECISION.search(self._held)
            upto = match.start() if match else len(self._held)
            place = self._sentence_end(upto, known=match is not None or final)
            if place is not None:
                yield from self._words(place)
                self._ended = True
                continue
            if match is None:
                body = self._held if final else self._held.rstrip(" \t")
                yield from self._words(len(body))
                return
            yield from self._words(upto)
            found = self._decide(match.group(), final=final)
            if found is None:
                return
            yield from found

    def _sentence_end(self, upto: int, *, known: bool) -> int | None:
        """Where in the held text before `upto` a sentence ends; told once something follows it. A row ends its line."""
        if self._code or self._ended or (self._line + self._held[:1]).lstrip().startswith("|"):
            return None
        text = self._said + self._held[:upto]
        ends = (match.end() for match in END.finditer(text) if match.end() < len(text) or known)
        places = (len(text[:end].rstrip()) - len(self._said) for end in ends if end >= len(self._said))
        return next((place for place in places if place >= 0), None)

    def _decide(self, sign: str, *, final: bool) -> list[Piece] | None:
        """The pieces of the sign that the held text begins with; None while more text is needed to tell."""
        if sign[0] == "`":
            return self._backticks(len(sign), final=final)
        if sign == "\n":
            return self._newline()
        if self._code:
            return list(self._words(len(sign)))
        return self._bracket(sign, final=final)

    def _newline(self) -> list[Piece]:
        if self._fence:
            return list(self._words(1))
        self._code = 0  # a code span ends with its line
        return [*self._stop(), *self._words(1)]

    def _backticks(self, run: int, *, final: bool) -> list[Piece] | None:
        if run == len(self._held) and not final:
            return None
        if not self._code:
            self._code, self._fence = run, run > 2 and FENCE_BEFORE.fullmatch(self._line) is not None
            return [*(self._stop() if self._fence else ()), *self._words(run)]
        closes = run == self._code or (self._fence and run > self._code)
        words = list(self._words(run))
        if closes:
            self._code, self._fence = 0, False
        return words

    def _bracket(self, sign: str, *, final: bool) -> list[Piece] | None:
        match = BRACKET.match(self._held)
        if match is None:
            begun = OPEN_BRACKET.match(self._held)
            incomplete = begun is not None and begun.end() == len(self._held)
            return None if incomplete and not final else self._other(len(sign))
        if match.end() == len(self._held) and not final:
            return None  # a link shows by the character after it
        following = self._held[match.end() : match.end() + 1]
        numbers = numbered(match.group(2))
        if not numbers or following == "(":
            return self._other(match.end())
        self._ended = ENDED.search(self._said) is not None
        self._held = self._held[match.end() :]
        return [Reference(match.group(1), tuple(numbers), match.group(), following.isalnum())]

    def _other(self, length: int) -> list[Piece]:
        """A bracket that is no citation, perhaps the first of a sentence."""
        begins = self._ended or END.search(self._said + self._held[:length]) is not None
        return [*(self._stop() if begins else ()), *self._words(length)]

    def _words(self, length: int) -> Iterator[Piece]:
        text, self._held = self._held[:length], self._held[length:]
        if text:
            self._said = (self._said + text)[-LOOK_BACK:]
            self._line = (self._line + text).rpartition("\n")[2]
            yield Words(text, code=self._fence)

    def _stop(self) -> Iterator[Piece]:
        self._ended = False
        self._said = ""
        yield Stop()


def numbered(inside: str) -> list[int]:
    """`1, 3-5` as 1, 3, 4, 5; empty where it is no list of passages: a zero, a range that falls."""
    numbers: list[int] = []
    for part in re.split(r"[,;\uff0c\u3001]", inside):
        first, *last = (int(number) for number in re.split(r"[-\u2013]", part))
        if len(last) > 1 or first < 1 or (last and last[0] < first):
            return []
        numbers += range(first, (last[0] if last else first) + 1)
    return list(dict.fromkeys(numbers))
