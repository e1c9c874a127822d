"""WhatsApp's marks on a line, such that it reads those that were meant and no others.

WhatsApp takes a sign for a mark where no letter is before the first and none after the second of a pair, no space is within
beside either, and both are on one line. Its help page (faq.whatsapp.com/539178204879377, 2026-11) has the signs; the rest is
what its clients are seen to do. Nothing escapes a sign, so one that is only a character gets hair spaces beside it where it
would be read as half of a pair, and a mark that would not be read is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

SIGNS = "*_~`"
"""Bold, italic, struck through, code."""

OPEN, CLOSE, LITERAL = "\ufdd0\ufdd1\ufdd2\ufdd3", "\ufdd4\ufdd5\ufdd6\ufdd7", "\ufdd8\ufdd9\ufdda\ufddb"
"""What stands for a sign while a text is put together: it starts a mark, ends one, or is only a character."""

FENCE, FENCED, QUOTED = "\ufddc", "\ufddd", "\ufdde"
"""Where a block of code starts and ends, and a line that is quoted."""

RESERVED = re.compile("[\ufdd0-\ufdef]")
"""Noncharacters of Unicode, which no text has (section 23.7): what stands for signs is of them."""

HAIR = "\u200a"
"""A space that is hardly seen."""

AS_LITERAL = str.maketrans(SIGNS, LITERAL)
AS_SEEN = str.maketrans(
    {**dict(zip(OPEN + CLOSE + LITERAL, 3 * SIGNS, strict=True)), FENCE: "```", FENCED: "```", QUOTED: "> "}
)

BLOCK = re.compile(f"({FENCE}[^{FENCED}]*{FENCED})")


@dataclass(slots=True)
class _Span:
    kind: int
    start: int
    end: int


def settle(text: str) -> str:
    """A text with what stands for signs as WhatsApp reads it."""
    if RESERVED.search(text) is None and ">" not in text:
        return text
    pieces = BLOCK.split(text)
    for index in range(0, len(pieces), 2):
        pieces[index] = "\n".join(map(_line, pieces[index].split("\n")))
    return "".join(pieces).translate(AS_SEEN)


def _line(line: str) -> str:
    settled = _Line(line).settled() if RESERVED.search(line) else line
    return HAIR + settled if settled.startswith(">") else settled


class _Line:
    """The characters of a line: of signs what stands for them until they are written, "" where one was left out."""

    def __init__(self, line: str) -> None:
        self.chars = list(line)
        self.spans = list(_spans(line))
        self.code = [False] * len(line)
        for span in self.spans:
            if SIGNS[span.kind] == "`":
                self.code[span.start + 1 : span.end] = [True] * (span.end - span.start - 1)
        self.fixed = self._fixed()

    def settled(self) -> str:
        """The line as it is sent."""
        order = [*self.spans, *reversed(self.spans)]  # one that is left out may be beside the next, on either side
        unsettled = True
        while unsettled:
            while self._drop(order):
                pass
            for kind in range(len(SIGNS)):
                self._part(kind)
            unsettled = self._drop(order)  # a hair space may be within a mark beside one of its ends
        return "".join(self.chars)

    def _drop(self, spans: Sequence[_Span]) -> bool:
        """Leave out marks that would not be read, or not as far as they go; whether there were any."""
        found = False
        for span in spans:
            if self.chars[span.start] and not self._reads(span):
                found = True
                self.chars[span.start] = self.chars[span.end] = ""
                if SIGNS[span.kind] == "`":
                    inner = slice(span.start + 1, span.end)
                    self.chars[inner] = [each.translate(AS_LITERAL) for each in self.chars[inner]]
                    self.code[inner] = [False] * (span.end - span.start - 1)
        return found

    def _reads(self, span: _Span) -> bool:
        first, last = self._after(span.start), self._before(span.end)
        if _is_word(self._before(span.start)) or _is_word(self._after(span.end)):
            return False
        return not first.isspace() and not last.isspace() and span.kind not in self.fixed

    def _fixed(self) -> set[int]:
        """Kinds of which an address has a sign, beside which no space can be put, that could be half of a pair."""
        return {
            SIGNS.index(char)
            for place, char in enumerate(self.chars)
            if char in SIGNS and not self.code[place] and (self._can_open(place) or self._can_close(place))
        }

    def _part(self, kind: int) -> None:
        """Put a hair space beside each character that would be read as half of a pair of this kind."""
        looks = SIGNS[kind] + OPEN[kind] + CLOSE[kind] + LITERAL[kind]
        places = [place for place, char in enumerate(self.chars) if char and char in looks and not self.code[place]]
        last = max((place for place in places if self._can_close(place)), default=-1)
        opened = False
        for place in places:
            opens = self._can_open(place)
            if self.chars[place] != LITERAL[kind]:
                opened = opened or opens
            elif (opened and self._can_close(place)) or (opens and (opened or place < last)):
                self.chars[place] = self._lone(place)

    def _lone(self, place: int) -> str:
        """The sign with a space on either side: with one on one side it could be the other half of a pair."""
        before, after = self._before(place), self._after(place)
        sides = [HAIR if char and not char.isspace() else "" for char in (before, after)]
        return self.chars[place].translate(AS_SEEN).join(sides)

    def _can_open(self, place: int) -> bool:
        after = self._after(place)
        return after != "" and not after.isspace() and not _is_word(self._before(place))

    def _can_close(self, place: int) -> bool:
        before = self._before(place)
        return before != "" and not before.isspace() and not _is_word(self._after(place))

    def _before(self, place: int) -> str:
        """The character before, as it is seen; "" at the start."""
        place -= 1
        while place >= 0 and not self.chars[place]:
            place -= 1
        return self.chars[place].translate(AS_SEEN)[-1] if place >= 0 else ""

    def _after(self, place: int) -> str:
        """The character after, as it is seen; "" at the end."""
        place += 1
        while place < len(self.chars) and not self.chars[place]:
            place += 1
        return self.chars[place].translate(AS_SEEN)[0] if place < len(self.chars) else ""


def _spans(line: str) -> Iterator[_Span]:
    starts: dict[int, int] = {}
    for place, char in enumerate(line):
        if char in OPEN:
            starts[OPEN.index(char)] = place
        elif char in CLOSE:
            kind = CLOSE.index(char)
            yield _Span(kind, starts[kind], place)


def _is_word(char: str) -> bool:
    return char != "" and unicodedata.category(char)[0] in "LNM"


Wrap = Callable[[str], str]


def mark(kind: str) -> Wrap:
    """How text becomes marked: each of its lines for itself, without the spaces around it."""
    number = SIGNS.index(kind)

    def line(text: str) -> str:
        inner = text.strip()
        if not inner:
            return text
        start = len(text) - len(text.lstrip())
        return f"{text[:start]}{OPEN[number]}{inner}{CLOSE[number]}{text[start + len(inner) :]}"

    return lambda text: "\n".join(map(line, text.split("\n")))
