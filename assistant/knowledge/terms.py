"""The terms a text is indexed and searched by: words and their parts, in any script, without knowing the language."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

import regex

VERSION = 2
"""Goes up with every change of what `terms` returns: an index made with another version has to be filled again."""
GRAM = 4
"""Letters of a part of a word.

Words and their parts find as much as Snowball stems of the right language do (XQuAD English and Spanish, CLAPNQ), and
compounds and prefixes besides (McNamee & Mayfield 2004). Against words alone nDCG of the lexical ranking rises by 1.1
to 6.1 points; parts of words from five letters only lose up to 2.1 in the fused one.
"""
PART = "#"
"""Stands before a part of a word: nothing else begins with it, so that parts and words never meet."""
JOINED = "_"
"""Stands between two short words that follow each other.

A language that is written in syllables has few different ones, and needs the pair as Chinese does. Chinese questions
(XQuAD, CMRC) spelt in Pinyin find 92.9 and 97.4 % first with accents alone, 94.9 and 98.3 % with pairs, 95.1 and 98.8 %
in characters. English and Spanish stay where they were (nDCG within 0.12 points on four sets).
"""
LONGEST = 64
"""Letters of a word that are looked at: what is longer is data, which would fill the index with parts."""

GROUPS = regex.compile(r"(?<=\d)[\u00a0\u2009\u202f'’٬](?=\d{3}(?!\d))")
"""What only ever separates thousands; point and comma do as well, and are told from decimals by `NUMBER`."""
UNSEEN = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Joining_Type=Join_Causing}]")
"""Soft hyphens, joiners, direction marks; the tatweel, which stretches Arabic words."""
SYLLABLE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー]"
"""Scripts whose characters are syllables or words: single Han characters, and pairs of all (Chinese words by ICU's
dictionary find no more)."""
SPACELESS = r"\p{Line_Break=SA}"
"""Thai, Lao, Khmer, Burmese and their kin: letters as elsewhere, but no spaces. ICU's words and their parts are as good as
the parts of the run in Khmer, and better in Thai, Burmese and Lao (MRR 20 for 18, 35 for 33, 36 for 28: halves of the
paragraphs of the Declaration of Human Rights, 50 to 58 each, so no more than a check)."""
LETTER = rf"[[\p{{L}}\p{{M}}\p{{N}}]--{SYLLABLE}--{SPACELESS}]"
UNIT = regex.compile(
    rf"(?P<syllables>{SYLLABLE}+)|(?P<spaceless>{SPACELESS}+)"
    rf"|(?P<word>{LETTER}++(?:(?:[-._/@]|(?<=\d)[,:](?=\d)){LETTER}++)*+(?:(?:\+\+|\#)(?!{LETTER}))?+)",
    regex.V1,
)
HAN = regex.compile(r"\p{Han}")
PIECE = regex.compile(r"[-_/@]")
LETTERS = regex.compile(r"[\p{L}\p{M}]+")
LETTERS_OR_DIGITS = regex.compile(r"\p{N}+|[\p{L}\p{M}]+")
NUMBER = regex.compile(r"(\d{1,3})((?P<mark>[.,])\d{3}(?:(?P=mark)\d{3})*)((?!(?P=mark))[.,]\d+)?")
"""1,000 and 1.234.567,89. What may be either, as 3.141, is found as both."""
INNER = regex.compile(r"(?<=\D)[-._/@]|[-._/@](?=\D)")
"""A mark inside a name, which is left out: E-42 is E42. Between two digits it stays: 3.5 is not 35."""


def terms(text: str) -> list[str]:
    """What `text` is found by, in its order and with repetitions; the same function for passages and for questions.

    Upper and lower case, composed and decomposed letters, full and half width are the same. No term holds white space.
    """
    found: list[str] = []
    before = ""
    for unit in UNIT.finditer(_fold(text)):
        own = KINDS[unit.lastgroup or "word"](unit.group())
        found += own
        short = own[0] if own and unit.lastgroup == "word" and _is_short(own[0]) else ""
        if before and short:
            found.append(before + JOINED + short)
        before = short
    return found


def _is_short(word: str) -> bool:
    return len(word) <= GRAM and LETTERS.fullmatch(word) is not None


def parts(word: str) -> list[str]:
    """The terms of a word's letters; the first and the last know where they stand."""
    if not GRAM - 1 <= len(word) <= LONGEST or not LETTERS.fullmatch(word):
        return []
    edged = f"_{word}_"
    return [PART + edged[i : i + GRAM] for i in range(len(edged) - GRAM + 1)]


def owners(term: str, asked: Iterable[str]) -> list[str]:
    """The words among `asked` that the term is a part or a pair of; itself where it is neither."""
    if term.startswith(PART):
        return [word for word in asked if term in parts(word)] or [term]
    return term.split(JOINED) if LETTERS.fullmatch(term.replace(JOINED, "")) else [term]


def _fold(text: str) -> str:
    """Compatible forms are one, as are cases; letters that share a capital are one (so that the Turkish ones meet)."""
    if text.isascii():
        return GROUPS.sub("", text).lower()
    text = UNSEEN.sub("", unicodedata.normalize("NFKC", GROUPS.sub("", text)))
    text = unicodedata.normalize("NFKC", text.upper().casefold())
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def _syllables(run: str) -> tuple[str, ...]:
    """Han characters one by one, and every two characters that stand together."""
    if len(run) == 1:
        return (run,)
    return (*HAN.findall(run), *(run[i : i + 2] for i in range(len(run) - 1)))


def _spaceless(run: str) -> tuple[str, ...]:
    """The words of a run without spaces, by ICU's dictionaries."""
    from icu4py.breakers import WordBreaker

    return tuple(term for word in WordBreaker(run, "en") for term in _letters(word))


@lru_cache(maxsize=8192)
def _word(unit: str) -> tuple[str, ...]:
    """A word; or a name, number or address as a whole and in its parts."""
    if LETTERS_OR_DIGITS.fullmatch(unit):
        return _letters(unit)
    whole = _plain(INNER.sub("", unit).replace(",", "."))[:LONGEST]
    pieces = PIECE.split(unit)
    if len(pieces) > 1:
        inside = [term for piece in pieces for term in _word(piece)]
    elif number := NUMBER.fullmatch(unit):
        inside = ["".join(filter(str.isdigit, number[1] + number[2])) + (number[4] or "").replace(",", ".")]
    else:
        inside = [term for part in LETTERS_OR_DIGITS.findall(unit) for term in _letters(part)]
    return tuple(dict.fromkeys(filter(None, [whole, *inside])))


def _letters(word: str) -> tuple[str, ...]:
    """The word without accents and its parts, and as it is written, for the languages in which accents tell words."""
    plain = _plain(word)
    if not plain:
        return ()
    written = (word[:LONGEST],) if word != plain else ()
    return (plain[:LONGEST], *parts(plain), *written)


def _plain(word: str) -> str:
    """Without the accents of Latin, Greek and Cyrillic and the points of Arabic and Hebrew.

    They are Unicode's combining classes 10 to 36 and from 200. Those between are vowels, tones and voicing of Indic and
    East Asian scripts, which make another letter.
    """
    if word.isascii():
        return word
    kept = (c for c in unicodedata.normalize("NFD", word) if not _accent(unicodedata.combining(c)))
    return unicodedata.normalize("NFC", "".join(kept))


def _accent(combining: int) -> bool:
    return 10 <= combining <= 36 or combining >= 200


KINDS: dict[str, Callable[[str], tuple[str, ...]]] = {"syllables": _syllables, "spaceless": _spaceless, "word": _word}
