"""Does a passage support a sentence? Answered from shared words, numbers and character pairs, in any language."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from assistant.knowledge.sentences import sentences
from assistant.knowledge.structure import markdown_blocks

SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana, Han, Hangul: compared by pairs of characters, the usual units for them."""

UNIT = re.compile(rf"\d+(?:[.,:]\d+)*|[{SPACELESS}]+|[^\W\d_{SPACELESS}]+")
SEPARATORS = "-\u2013,;\uff0c\u3001"
MARKER = re.compile(rf"[\[\u3010][ ]?(\d{{1,2}}(?:[ ]?[{SEPARATORS}][ ]?\d{{1,2}}){{0,8}})[ ]?[\]\u3011]")
"""`[1]`, `[1, 2]`, `[1-3]`, `【1】`: what a citation looks like."""

WRAPPED = 40
"""Characters from which a line of a paragraph may have been wrapped; shorter ones are addresses, lists, verses."""

LINE_BREAK = re.compile(r"\n")
RECORD = re.compile(r"[ \t]*[^\W\d][^\n:.!?]{0,40}: +\S")
"""`name: value`, as the rows of spreadsheets are loaded."""

STEM = 5
"""Words compare by their first letters, which stands up to inflection in most languages (McNamee & Mayfield 2004)."""


def strip_markers(text: str) -> str:
    """The text without its citations; other brackets stay."""
    return re.sub(rf"[ \t]*{MARKER.pattern}(?!\()", "", text)


@lru_cache(maxsize=4096)
def units(text: str) -> frozenset[str]:
    """What can be compared of a text: word stems, numbers without separators, character pairs."""
    return frozenset(sequence(text))


def sequence(text: str) -> list[str]:
    """The same as they stand in the text, with repetitions."""
    return list(_units(fold(text)))


def weight(unit: str) -> int:
    """A number carries most, then long words; least the short ones, among which are most function words."""
    if unit[0].isdigit():
        return 6
    return len(unit) if spaceless(unit[0]) else len(unit) - 2


def coverage(sentence: frozenset[str], passage: frozenset[str]) -> float:
    """Share (0 to 1) of the weight of a sentence's units that the passage holds; 0 where there are none.

    Only units of scripts that the passage is written in count: a Chinese answer from an English document is judged by
    the numbers and names in it.
    """
    written = scripts(passage)
    wanted = [unit for unit in sentence if unit[0].isdigit() or _script(unit) in written]
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
    """The sentences, headings, list items, table rows and record lines of a text, without white space around them.

    A line break inside a paragraph is white space, as in Markdown, where the line is long enough to have been wrapped.
    """
    found = []
    for start, end in pairwise(_cuts(text)):
        piece = text[start:end]
        if body := piece.strip():
            begin = start + piece.index(body)
            found.append(Span(begin, begin + len(body), body))
    return found


def _cuts(text: str) -> list[int]:
    """Offsets between which the spans lie, from 0 to the length of the text."""
    blocks = markdown_blocks(text)
    cuts = {0, len(text), *(block.start for block in blocks)}
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block.kind == "prose":
            end = following.start if following else len(text)
            cuts.update(stop for _, stop in sentences(text, block.start, end))
            cuts.update(_line_ends(text, block.start, end))
    return sorted(cuts)


def _line_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Offsets after the line breaks that are none of a wrapped paragraph."""
    for match in LINE_BREAK.finditer(text, start, end):
        if match.start() - start < WRAPPED or RECORD.match(text, match.end()):
            yield match.end()
        start = match.end()


def fold(text: str) -> str:
    """Lower case, without accents and vowel signs, digits as 0-9; Hangul stays whole."""
    plain = (letter for letter in unicodedata.normalize("NFKD", text) if unicodedata.category(letter)[0] != "M")
    digits = (str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in plain)
    return unicodedata.normalize("NFC", "".join(digits)).casefold()


def _units(text: str) -> Iterator[str]:
    for word in UNIT.findall(text):
        if word[0].isdigit():
            yield re.sub(r"[.,:]", "", word)
        elif spaceless(word[0]):
            yield from (word[i : i + 2] for i in range(max(len(word) - 1, 1)))
        elif len(word) > 2:
            yield word[:STEM]


@lru_cache(maxsize=1024)
def scripts(text: frozenset[str]) -> Mapping[str, float]:
    """The scripts that the units of a text are written in, with their share of its weight; numbers have none."""
    weights: Counter[str] = Counter()
    for unit in text:
        if not unit[0].isdigit():
            weights[_script(unit)] += weight(unit)
    return {name: part / weights.total() for name, part in weights.items()}


def common_script(first: frozenset[str], second: frozenset[str]) -> float:
    """How far two texts are written in the same scripts, 0 to 1; 1 where one of them has no letters."""
    ones, others = scripts(first), scripts(second)
    return sum(min(share, others.get(name, 0.0)) for name, share in ones.items()) if ones and others else 1.0


def _script(unit: str) -> str:
    return "spaceless" if spaceless(unit[0]) else unicodedata.name(unit[0], "").split(" ")[0]


@lru_cache(maxsize=4096)
def spaceless(letter: str) -> bool:
    """Whether the letter is of a script compared by pairs."""
    return re.match(rf"[{SPACELESS}]", letter) is not None
