"""Does a passage support a sentence? Answered from shared words, numbers and character pairs, in any language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana, Han, Hangul: compared by pairs of characters, the usual units for them."""

UNIT = re.compile(rf"\d+(?:[.,:]\d+)*|[{SPACELESS}]+|[^\W\d_{SPACELESS}]+")
STOPS = ".!?\u2026\u061f\u06d4\u0964"
CLOSERS = "\"')\\]\u2019\u201d\u00bb"
SENTENCE_END = re.compile(
    rf"[{STOPS}]+[{CLOSERS}]*(?=\s)|[\u3002\uff01\uff1f]+[\u201d\u300d\u300f\uff09]*|\n"  # the second for CJK
)
"""Needs the character after a full stop, so that neither 7.5 nor the end of an unfinished stream counts."""

SEPARATORS = "-\u2013,;\uff0c\u3001"
MARKER = re.compile(rf"[\[\u3010][ ]?(\d{{1,2}}(?:[ ]?[{SEPARATORS}][ ]?\d{{1,2}}){{0,8}})[ ]?[\]\u3011]")
"""`[1]`, `[1, 2]`, `[1-3]`, `【1】`: what a citation looks like."""

STEM = 5
"""Words compare by their first letters, which stands up to inflection in most languages (McNamee & Mayfield 2004)."""


def strip_markers(text: str) -> str:
    """The text without its citations; other brackets stay."""
    return re.sub(rf"[ \t]*{MARKER.pattern}(?!\()", "", text)


@lru_cache(maxsize=4096)
def units(text: str) -> frozenset[str]:
    """What can be compared of a text: word stems, numbers without separators, character pairs."""
    return frozenset(_units(_fold(text)))


def weight(unit: str) -> int:
    """A number carries most, then long words; least the short ones, among which are most function words."""
    if unit[0].isdigit():
        return 6
    return len(unit) if _spaceless(unit[0]) else len(unit) - 2


def coverage(sentence: frozenset[str], passage: frozenset[str]) -> float:
    """Share (0 to 1) of the weight of a sentence's units that the passage holds; 0 where there are none.

    Only units of scripts that the passage is written in count: a Chinese answer from an English document is judged by
    the numbers and names in it.
    """
    scripts = _scripts(passage)
    wanted = [unit for unit in sentence if _script(unit) in scripts]
    total = sum(map(weight, wanted))
    return sum(weight(unit) for unit in wanted if unit in passage) / total if total else 0.0


def numbers_held(sentence: frozenset[str], passage: frozenset[str]) -> bool:
    """Whether the passage holds every number of the sentence."""
    return all(unit in passage for unit in sentence if unit[0].isdigit())


@dataclass(frozen=True, slots=True)
class Span:
    """A sentence and where it stands in its text (characters)."""

    start: int
    end: int
    text: str


def spans(text: str) -> list[Span]:
    """The sentences of a text, without the white space around them."""
    found, start = [], 0
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    for end in [*ends, len(text)]:
        piece = text[start:end]
        if body := piece.strip():
            begin = start + piece.index(body)
            found.append(Span(begin, begin + len(body), body))
        start = end
    return found


def _fold(text: str) -> str:
    """Lower case, without accents and vowel signs, digits as 0-9; Hangul stays whole."""
    plain = (letter for letter in unicodedata.normalize("NFKD", text) if unicodedata.category(letter)[0] != "M")
    digits = (str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in plain)
    return unicodedata.normalize("NFC", "".join(digits)).casefold()


def _units(text: str) -> Iterator[str]:
    for word in UNIT.findall(text):
        if word[0].isdigit():
            yield re.sub(r"[.,:]", "", word)
        elif _spaceless(word[0]):
            yield from (word[i : i + 2] for i in range(max(len(word) - 1, 1)))
        elif len(word) > 2:
            yield word[:STEM]


@lru_cache(maxsize=1024)
def _scripts(passage: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_script, passage)) | {"digit"}


def _script(unit: str) -> str:
    if unit[0].isdigit():
        return "digit"
    return "spaceless" if _spaceless(unit[0]) else unicodedata.name(unit[0], "").split(" ")[0]


@lru_cache(maxsize=4096)
def _spaceless(letter: str) -> bool:
    return re.match(rf"[{SPACELESS}]", letter) is not None
