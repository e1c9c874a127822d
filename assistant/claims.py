"""What of a sentence must stand in its source to the letter: numbers, dates, times, names, identifiers, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import MAX_PREC, Context, Decimal
from functools import lru_cache

import regex

from assistant.numerals import halves, magnitudes, months, spelled
from assistant.support import SPACELESS, STEM, fold, spaceless

Reading = tuple[Decimal, ...]
"""Numbers that together are one way to read what is written: `5.3.2024` as 5, 3 and 2024; `1.234` as 1234."""

WIDE = Context(prec=MAX_PREC)
"""Rounds no number, however long."""

NUMBER = re.compile(r"\d{1,3}(?:[ '\u2019]\d{3})+(?:[.,]\d+)?(?![\d.,])|\d+(?:[.,:]\d+)*")
LIST_NUMBER = re.compile(r"^\W*\d{1,3}[.)]\s+")
FEW = 3
"""Words of a heading up to which capitals may be those of a name."""

BESIDE = 20
"""Characters looked at on both sides of a number."""

ADDRESS = re.compile(r"(?:\w+://|www\.|mailto:)[^\s)>\]]+|[\w.+-]+@[\w.-]+\w")
TOKEN = re.compile(rf"[{SPACELESS}]+|[^\W_{SPACELESS}]+")

DEFAULT = "en"
"""Its "am" and "pm" are written in other languages too."""

NOUNS_CAPITALISED = {"de"}
"""Languages that write every noun with a capital, which then tells no name (of the languages we speak, German alone)."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a sentence claims: one reading of each number, every name, every identifier or address (folded)."""

    numbers: tuple[frozenset[Reading], ...]
    names: frozenset[str]
    identifiers: frozenset[str]

    def each(self) -> Iterator[Claims]:
        """One claim at a time."""
        none: frozenset[str] = frozenset()
        yield from (Claims((readings,), none, none) for readings in self.numbers)
        yield from (Claims((), frozenset([name]), none) for name in self.names)
        yield from (Claims((), none, frozenset([identifier])) for identifier in self.identifiers)

    def held(self, facts: Facts, *, names: bool = True) -> bool:
        """Whether a source holds all of it; the `names` of another language may be written otherwise there."""
        numbers = all(any(facts.numbers.issuperset(reading) for reading in readings) for readings in self.numbers)
        return (
            numbers
            and all(identifier in facts.squeezed for identifier in self.identifiers)
            and not (names and any(not facts.names(name) for name in self.names))
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What a source holds: its numbers, written in whatever way, and its words (folded)."""

    numbers: frozenset[Decimal]
    words: frozenset[str]
    initials: str
    squeezed: str
    months: frozenset[str]

    def names(self, name: str) -> bool:
        """Whether a name stands here: inflected, as the first letters of the words it is short for, or as a month."""
        if len(name) <= STEM and name in self.initials:
            return True
        begun = name[: max(STEM, len(name) * 2 // 3)]
        return name in self.months or any(begun == word[: len(begun)] for word in self.words)


@lru_cache(maxsize=4096)
def claims(sentence: str, language: str) -> Claims:
    """What a sentence in `language` claims, without the number of a list item. Not for an event loop."""
    body = LIST_NUMBER.sub("", sentence)
    numbers = tuple(_numbers(fold(body), language))
    tokens = list(TOKEN.finditer(body))
    written = [*(match.group() for match in tokens if _identifier(match.group())), *ADDRESS.findall(body)]
    return Claims(numbers, frozenset(map(fold, _names(body, tokens, language))), frozenset(map(_squeezed, written)))


@lru_cache(maxsize=1024)
def facts(text: str, language: str) -> Facts:
    """What a text in `language` holds. Not for an event loop."""
    folded = fold(text)
    words = TOKEN.findall(folded)
    named = months(language)
    numbers = {number for readings in _numbers(folded, language) for reading in readings for number in reading}
    numbers |= {Decimal(value) for value in _spelled(folded, words, language)}
    numbers |= {Decimal(named[word]) for word in words if word in named}
    return Facts(
        numbers=frozenset(numbers),
        words=frozenset(words),
        initials="".join(word[0] for word in words),
        squeezed=_squeezed(text),
        months=frozenset(name for name, month in named.items() if Decimal(month) in numbers),
    )


CODE = regex.compile(
    r"(?<![\p{L}\p{N}])\p{Lu}+(?:[-_/.]?[\p{Lu}\p{N}]+)*?[-_/.]?\p{N}+(?:[-_/.]?[\p{Lu}\p{N}]+)*(?![\p{L}\p{N}])"
)
"""Capitals with digits: E-99, KX-400, GRD-22, H1N1, A320-200."""


def unknown_codes(question: str, texts: Iterable[str]) -> list[str]:
    """The codes named in a question that stand in none of the texts, however they are written there.

    Of the answerable questions of public sets that name one, 5 of 129 name one that the passages found do not hold: two
    are misspelt, in three the texts leave it out.
    """
    held = [_squeezed(text) for text in texts]
    return [code for code in CODE.findall(question) if not any(_squeezed(code) in text for text in held)]


def _squeezed(text: str) -> str:
    return "".join(TOKEN.findall(fold(text)))


def _numbers(folded: str, language: str) -> Iterator[frozenset[Reading]]:
    """The readings of each number, with the half of the day or the million beside it."""
    for match in NUMBER.finditer(folded):
        before, after = folded[max(0, match.start() - BESIDE) : match.start()], folded[match.end() :][:BESIDE]
        hour, *rest = re.split(r"\D", match.group())
        twelve = len(rest) < 2 and len(hour) <= 2 and int(hour) <= 12
        added = _half(before, after, language) if twelve else None
        if added is not None:
            yield frozenset({_time(Decimal(int(hour) % 12 + added), *map(Decimal, rest))})
        else:
            power = _power(after, language)
            readings = _readings(match.group())
            yield frozenset(tuple(number.scaleb(power, WIDE) for number in reading) for reading in readings)


def _time(hour: Decimal, minute: Decimal = Decimal(0)) -> Reading:
    return (hour, minute) if minute else (hour,)


def _readings(written: str) -> Iterator[Reading]:
    """`1,234` is 1234 or 1.234; `1.234,5` is 1234.5; `14:00` is 14; `5.3.2024` is 5, 3 and 2024."""
    parts, signs = re.split(r"\D", written), re.findall(r"\D", written)
    if len(parts) != 2:
        yield tuple(map(Decimal, parts))
    elif ":" in signs:
        yield _time(Decimal(parts[0]), Decimal(parts[1]))
        return
    *groups, last = parts
    if len(set(signs)) == 1 and len(last) == 3 and all(len(group) in (2, 3) for group in groups[1:]):
        yield (Decimal("".join(parts)),)
    if signs and signs[-1] in ".," and signs[-1] not in signs[:-1] and len(set(signs[:-1])) < 2:
        yield (Decimal("".join(groups) + "." + last),)


def _half(before: str, after: str, language: str) -> int | None:
    """The hours that "pm", "下午" … beside a number add to it; None where there is no such mark."""
    for mark, added in {**halves(DEFAULT), **halves(language)}.items():
        dotted = r"\.?\s?".join(map(re.escape, mark))
        if re.search(rf"(?<![^\W\d]){dotted}\.?\s?$", before) or re.match(rf"\s?{dotted}(?!\w)", after):
            return added
    return None


def _power(after: str, language: str) -> int:
    """The power of ten that "million", "万" … behind a number multiply it by; 0 where there is none."""
    behind = after.lstrip()
    words = [word for word in magnitudes(language) if behind.startswith(word)]
    longest = max(words, key=len, default="")
    whole = longest and (spaceless(longest[0]) or not behind[len(longest) :][:1].isalpha())
    return magnitudes(language)[longest] if whole else 0


def _spelled(folded: str, words: list[str], language: str) -> Iterator[int]:
    """The numbers written in words: whole words, up to three in a row; in scripts without spaces wherever they stand."""
    known = spelled(language)
    runs = {" ".join(words[i : i + size]) for size in (1, 2, 3) for i in range(len(words))}
    for word, value in known.items():
        if (word in folded) if spaceless(word[0]) else word.replace("-", " ") in runs:
            yield value


def _identifier(word: str) -> bool:
    """`E42`, `x86`: letters, then digits; `45km` and `2nd` are numbers."""
    return word[0].isalpha() and not spaceless(word[0]) and any(map(str.isdigit, word))


def _names(text: str, tokens: list[re.Match[str]], language: str) -> Iterator[str]:
    """Words with a capital where no sentence, quotation or item starts; words of capitals, or with one inside."""
    words = [match.group() for match in tokens if match.group().isalpha()]
    shouted = text.isupper() and len(words) > FEW
    titled = shouted or sum(word[0].isupper() for word in words) * 2 > len(words) > FEW
    hours = {**halves(DEFAULT), **halves(language)}
    for match in tokens:
        word = match.group()
        if len(word) < 2 or not word.isalpha() or word.islower() or fold(word) in hours:
            continue
        inner = any(map(str.isupper, word[1:])) and not shouted
        if inner or (word[0].isupper() and not titled and language not in NOUNS_CAPITALISED and _inside(text, match)):
            yield word


def _inside(text: str, match: re.Match[str]) -> bool:
    before = text[: match.start()].rstrip()
    return bool(before) and (before[-1].isalnum() or before[-1] in ",;'\u2019)")
