"""Where a text is best cut: after a sentence, between words, inside a link or code, and at last between graphemes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import regex

from assistant.markup.leaves import Line, Text

GRAPHEME = regex.compile(r"\X")
SPACE = regex.compile(r"\s++")
UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]")
"""Scripts whose words stand without spaces between them; ICU has a dictionary or rules for them."""
SENTENCE = regex.compile(r"\n\s*+|[.!?…؟۔][\"'’”»)\]]*\s++|[。｡！？।॥።။][”’」』）】》\"']*")
CONTEXT = 48
"""Characters that ICU sees beyond the last place, so that it does not take the end of the text for that of a word."""


def places(text: Text, end: int, *, anywhere: bool) -> Iterator[int]:
    """Offsets in the line of `text` from its start to `end`, best first, each between graphemes.

    `anywhere`: also where it hurts, inside a link, code or a word; otherwise there may be none.
    """
    graphemes = set(_graphemes(text.line.text, text.start, end))
    words = [place for place in _words(text.line.text, text.start, end) if place in graphemes]
    free = [place for place in words if not _inside(text.line, place)]
    half = (text.start + end) // 2
    ends = {found.end() for found in SENTENCE.finditer(text.line.text, half, end)}
    yield from (place for place in reversed(free) if place in ends)
    yield from reversed(free)
    if anywhere:
        yield from reversed(words)
        yield from sorted(graphemes, reverse=True)


def _graphemes(text: str, start: int, end: int) -> Iterator[int]:
    """Ends of graphemes after `start`, up to `end`."""
    for found in GRAPHEME.finditer(text, start):
        if found.end() > end:
            return
        yield found.end()


def _words(text: str, start: int, end: int) -> list[int]:
    """Places between words, after the white space where there is some."""
    spaces = {found.end() for found in SPACE.finditer(text, start, end)}
    if text[end : end + 1].isspace():
        spaces.add(end)
    window = text[start : end + CONTEXT]
    if UNSPACED.search(window):
        spaces |= {start + place for place in _unspaced(window) if start + place <= end}
    return sorted(place for place in spaces if start < place <= end)


def _unspaced(window: str) -> Iterator[int]:
    """Places between words next to a letter of a script without spaces, where a line may end too."""
    from icu4py.breakers import LineBreaker, WordBreaker  # loads 40 MB

    words = set(accumulate(map(len, WordBreaker(window, "en"))))
    for place in accumulate(map(len, LineBreaker(window, "en"))):
        if place in words and UNSPACED.search(window[max(place - 2, 0) : place + 1]):
            yield place


def _inside(line: Line, place: int) -> bool:
    """Whether a place is within one link or one stretch of code."""
    before, after = line.at(place - 1), line.at(place)
    if after >= len(line.runs):
        return False
    held = [mark for mark in line.runs[before].marks if mark.kind in ("link", "image", "code")]
    return any(mark in line.runs[after].marks for mark in held)
