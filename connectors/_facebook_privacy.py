"""What everybody may read of an answer: nothing by which the person who asked could be found.

Below a comment a reply stands for everybody to read, also once the person has deleted what they wrote by mistake. So it does
not repeat their name, nor e-mail addresses, telephone, card and other long numbers that stand in their comment. The
business's own are not touched: what does not come from the comment may be said. Dates and amounts are no such numbers.
A name is left out in full however it is written, and each part of it where it is written with its capitals; that takes a
word too much ("May", "Paris") rather than one too few.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

LEFT_OUT = "…"

EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
NUMBER = re.compile(r"\+?\d(?:[ \u00a0()./\-\u2010-\u2015]{0,3}\d){6,}")
"""Seven digits or more, as people group them."""

DAY, MONTH, YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
DATE = re.compile(
    rf"(?<!\d)(?:{DAY}\. ?{MONTH}\. ?{YEAR}(?!\.?\d)|{DAY}/{MONTH}/{YEAR}(?!/?\d)|{MONTH}/{DAY}/{YEAR}(?!/?\d)"
    rf"|{DAY}-{MONTH}-{YEAR}(?!-?\d)|{YEAR}(?P<mark>[./-]){MONTH}(?P=mark){DAY}(?!(?P=mark)?\d)"
    rf"|{DAY}\. ?{MONTH}\.(?= ?[-\u2010-\u2015]))"
)
"""A day with its year, or the first of two. What goes on with the same sign is rather a telephone number: 06.12.20.26.89."""

SHORT_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d\d(?:[ -]\d{1,2})?")
TIME = r"(?:[01]?\d|2[0-4])(?:[.:][0-5]\d)?"
HOURS = re.compile(rf"{TIME}(?: ?[-\u2010-\u2015] ?{TIME})?")
AMOUNT = re.compile(r"\d{1,2}[.]\d{3}[.]\d{3}|\d{1,2} \d{3} \d{3}")
"""Below a hundred millions; beyond it is rather a telephone number."""

BETWEEN = " \u00a0()./-\u2010\u2011\u2012\u2013\u2014\u2015"
"""What may be beside a date, and is no part of a number."""

SAME_DIGITS = 7
"""Numbers that end in the same are the same, with a country's code or without."""

LETTERS = re.compile(r"[^\W\d_]")


def discreet(text: str, *, comment: str, name: str) -> str:
    """The text without what would point at the person: `name`, and what stands in their `comment`."""
    addresses = {found.casefold() for found in EMAIL.findall(comment)}
    numbers = list(filter(None, map(_number, NUMBER.findall(comment))))
    text = EMAIL.sub(lambda found: LEFT_OUT if found[0].casefold() in addresses else found[0], text)
    text = NUMBER.sub(lambda found: LEFT_OUT if _is_among(_number(found[0]), numbers) else found[0], text)
    for pattern in _names(name):
        text = pattern.sub(LEFT_OUT, text)
    return text


def _number(found: str) -> str:
    """The digits of a number without the dates and hours beside it; "": it is none."""
    if SHORT_DATE.fullmatch(found) or AMOUNT.fullmatch(found):
        return ""
    pieces = (piece.strip(BETWEEN) for piece in DATE.sub("\n", found).split("\n"))
    digits = _digits("".join(piece for piece in pieces if not HOURS.fullmatch(piece)))
    return digits if len(digits) >= SAME_DIGITS else ""


def _is_among(number: str, numbers: Sequence[str]) -> bool:
    """Whether it ends as one of them, or one of them stands in it: two may be written side by side."""
    return number != "" and any(
        number[-SAME_DIGITS:] in theirs or theirs[-SAME_DIGITS:] in number for theirs in numbers
    )


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(char)) for char in text if char.isdecimal())


def _names(name: str) -> Iterator[re.Pattern[str]]:
    """The full name first, then its parts; one letter is no name."""
    words = [word for word in re.split(r"[\s,]+", name.strip().removeprefix("@")) if len(word.strip(".")) > 1]
    if not any(map(LETTERS.search, words)):
        return
    yield _whole(r"\s+".join(map(re.escape, words)), cased=_is_cased(name), flags=re.IGNORECASE)
    for word in words:
        if not _is_cased(word):
            yield _whole(re.escape(word), cased=False)
        elif word[0].isupper():
            yield _whole(re.escape(word.rstrip(".")), cased=True)


def _is_cased(text: str) -> bool:
    """Whether its script has capitals; those that have none mostly write no spaces either."""
    return text.lower() != text.upper()


def _whole(pattern: str, *, cased: bool, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    return re.compile(rf"@?(?<!\w){pattern}(?!\w)" if cased else pattern, flags)
