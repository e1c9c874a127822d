"""How a language writes numbers, months and the halves of a day: read from Unicode's CLDR through ICU."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache

from assistant.support import fold, spaceless

HIGHEST = 100
"""The highest number looked for in words: larger ones are nearly always written in digits."""

LEAST_WORD = 3
"""Letters of an abbreviation that is no sign of a unit: "5 M" may be metres."""

INVISIBLE = {ord(sign): None for sign in "\u00ad\u200b\u200e\u200f"}
"""What ICU puts into words for hyphenation, line breaks and direction."""


@cache
def spelled(language: str) -> Mapping[str, int]:
    """The numbers from 2 to 100 in words, folded (CLDR's counting forms); 1 is an article in many languages."""
    words = {_spell(number, language): number for number in range(2, HIGHEST + 1)}
    return {word: number for word, number in words.items() if len(word) > 1 or spaceless(word)}


@cache
def months(language: str) -> Mapping[str, int]:
    """The names of the Gregorian months, folded: alone, shortened, and as they stand in a date."""
    named = [(word, month) for month in range(1, 13) for word in _month(month, language)]
    times = Counter(word for word, _ in set(named))
    return {word: month for word, month in named if times[word] == 1}


@cache
def halves(language: str) -> Mapping[str, int]:
    """The marks of morning and afternoon, folded and without dots, with the hours they add to twelve-hour time."""
    marks = ((_write("{at, time, ::a}", language, at=_moment(hour=hour)), added) for hour, added in ((2, 0), (14, 12)))
    return {re.sub(r"[.\s]", "", mark): added for mark, added in marks}


@cache
def magnitudes(language: str) -> Mapping[str, int]:
    """Words that multiply the number before them, folded, with the power of ten they stand for: `million` 6, `万` 4."""
    found: dict[str, int] = {}
    for style in ("long", "short"):
        for power in range(3, 13):
            for times in (1, 2, 5):  # the plural forms of most languages
                written = _write("{number, number, ::compact-" + style + "}", language, number=times * 10**power)
                digits, word = re.findall(r"^(\d*)\s*(.*?)\.?$", written)[0]
                whole = style == "long" or len(word) >= LEAST_WORD
                if digits and whole and word[:1].isalpha():
                    found.setdefault(word, power - len(digits) + 1)
    return found


def _month(month: int, language: str) -> Iterator[str]:
    for skeleton in ("MMMM", "MMM", "MMMMd"):
        written = _write("{on, date, ::" + skeleton + "}", f"{language}-u-ca-gregory", on=_moment(month=month))
        words = re.findall(r"[^\W\d_]{3,}", written)
        if len(words) == 1:  # others are "month 3", told by their number
            yield words[0]


def _moment(*, month: int = 1, hour: int = 12) -> datetime:
    return datetime(2024, month, 20, hour, tzinfo=UTC)


def _spell(number: int, language: str) -> str:
    return _write("{number, spellout}", language, number=number)


def _write(pattern: str, language: str, **values: int | datetime) -> str:
    from icu4py.messageformat import MessageFormat  # loads 40 MB

    written: str = MessageFormat(pattern, language).format(dict(values))
    return fold(written.translate(INVISIBLE))
