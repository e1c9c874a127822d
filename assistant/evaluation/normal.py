"""Whether a text contains a gold answer, whatever its case, punctuation, spacing and way of writing numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from assistant.support import SPACELESS

ARTICLES: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:a|an|the)\b"),
    "es": re.compile(r"\b(?:un|una|unos|unas|el|la|los|las)\b"),
    "de": re.compile(r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
}
"""What the published scripts leave out: SQuAD's evaluate-v1.1.py in English, MLQA's mlqa_evaluation_v1.py in the others."""

GROUPED = re.compile(r"(?<=\d)[,.'\u2019\u00a0\u202f\u066c](?=\d{3}(?!\d))")
"""What separates the thousands of a number in one convention or another; 1.234 is read as one of them."""
DECIMAL = re.compile(r"(?<=\d)[.,\u066b](?=\d)")
POINT = "\ue000"
"""Stands for a decimal separator while punctuation is taken out."""
LOOSE = re.compile(rf"(?<=[{SPACELESS}]) | (?=[{SPACELESS}])")
"""A space beside a script that is written without them."""
UNSPACED = re.compile(f"[{SPACELESS}]")
ENDING = 4
"""Letters from which a word may go on behind the gold: `Ankara` stands in `Ankaralı`, `no` does not in `north`."""


class _Plain(dict[int, str]):
    """A table for `str.translate`: digits of any script as 0-9, punctuation and symbols as spaces, format signs out."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kind = unicodedata.category(character)
        if kind == "Nd":
            plain = str(unicodedata.decimal(character))
        elif kind in ("Cf", "Co"):
            plain = character if character == POINT else ""
        else:
            plain = " " if kind[0] in "PSZC" else character
        self[code] = plain
        return plain


PLAIN = _Plain()


@lru_cache(maxsize=8192)
def normalise(text: str, language: str = "") -> str:
    """Compatibility forms resolved (NFKC), case folded, digits as 0-9, thousands joined, punctuation and articles out."""
    folded = unicodedata.normalize("NFKC", GROUPED.sub("", text)).casefold()
    plain = DECIMAL.sub(POINT, GROUPED.sub("", folded)).translate(PLAIN)
    if articles := ARTICLES.get(language.partition("-")[0]):
        plain = articles.sub(" ", plain)
    return LOOSE.sub("", " ".join(plain.split())).replace(POINT, ".")


def contains(text: str, gold: str) -> bool:
    """Whether `text` holds `gold`, both normalised, from the start of a word and, if it is short, to the end of one."""
    start = text.find(gold) if gold else -1
    while start >= 0:
        if _whole(text, start, start + len(gold)):
            return True
        start = text.find(gold, start + 1)
    return False


def _whole(text: str, start: int, end: int) -> bool:
    if start and _joined(text[start - 1], text[start]):
        return False
    inflected = end - start >= ENDING and text[end - 1].isalpha()
    return end == len(text) or inflected or not _joined(text[end - 1], text[end])


def _joined(left: str, right: str) -> bool:
    """Whether two neighbouring characters belong to one word or number."""
    if left.isdigit() or right.isdigit():
        return left in "0123456789." and right in "0123456789."
    return left.isalpha() and right.isalpha() and not UNSPACED.search(left + right)
