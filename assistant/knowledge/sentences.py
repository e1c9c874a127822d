"""Sentences of a text, and pieces of a sentence that is too long, without copying or counting more than needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import regex

END = regex.compile(
    r"""
      (?<! [.!?…؟۔] ) [.!?…؟۔]++ ["'’”»)\]*_]*+
          (?<! \b \p{Lu}\. ) (?<! \b (?:Dr|Mr|Ms|Mrs|St|No|Nr|vs|etc|cf|Fig|Sr|Sra|bzw|ca)\. ) \s++ (?! \p{Ll} )
    | [。｡！？।॥።။។]++ [”’」』）】》"']*+ \s*+
    | \n \s* \n \s*+
    """,
    regex.VERBOSE,
)
"""Latin marks end a sentence before white space and no small letter; those of other scripts always do."""
WEAKER = tuple(regex.compile(pattern) for pattern in (r"\n", r"[,;:，；：、،–—]\s*+", r"\s++"))
GRAPHEME = regex.compile(r"\X")
CHARS_PER_TOKEN = 64
"""More than any tokenizer gets out of real text: what is longer is too long without counting."""


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Offsets of the sentences of `text[start:end]`; together they cover it."""
    at = start
    for match in END.finditer(text, start, end):
        yield at, match.end()
        at = match.end()
    if at < end:
        yield at, end


class Measure:
    """Counts the tokens of stretches of one text, as seldom and as short as possible."""

    def __init__(self, text: str, max_tokens: int, count: Callable[[str], int]) -> None:
        self.text = text
        self.max_tokens = max_tokens
        self._count = count
        self._usual = max_tokens * 4

    def trim(self, start: int, end: int) -> tuple[int, int]:
        """The stretch without white space at its ends."""
        stretch = self.text[start:end]
        return start + len(stretch) - len(stretch.lstrip()), start + len(stretch.rstrip())

    def fits(self, start: int, end: int) -> bool:
        """Whether the trimmed stretch has at most `max_tokens`."""
        return self._tokens(start, end) <= self.max_tokens

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """`(start, end, tokens)` of the stretch, or of pieces that fit, cut where it hurts least; no blank ones."""
        while self.text[start:end].strip():
            tokens = self._tokens(start, end)
            cut = end
            while tokens > self.max_tokens and cut > start + 1:
                cut = self._best_place(start, self._longest(start, cut))
                tokens = self._tokens(start, cut)
            yield start, cut, tokens
            start = cut

    def _tokens(self, start: int, end: int) -> int:
        start, end = self.trim(start, end)
        if end - start > self.max_tokens * CHARS_PER_TOKEN:
            return self.max_tokens + 1
        return self._count(self.text[start:end])

    def _longest(self, start: int, end: int) -> int:
        """About the largest offset before `end` up to which the text fits."""
        fits, too_long = 0, end - start
        length = min(self._usual, too_long - 1)
        while too_long - fits > 1 + fits // 16:
            if self.fits(start, start + length):
                fits = length
                length = min(2 * fits, (fits + too_long) // 2)
            else:
                too_long = length
                length = (fits + too_long) // 2
        self._usual = max(fits, 1)
        return start + max(fits, 1)

    def _best_place(self, start: int, end: int) -> int:
        """The last place in the second half where a line, clause, word or grapheme ends."""
        half = (start + end) // 2
        for pattern in WEAKER:
            places = [match.end() for match in pattern.finditer(self.text, half, end)]
            if places:
                return int(places[-1])
        ends = [int(match.end()) for match in GRAPHEME.finditer(self.text, start, end + 1)]
        return max((place for place in ends if place <= end), default=end)
