"""How WhatsApp reads a message, written after its help page: pairs of signs on a line, and blocks of code."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import regex

Shown = tuple[str, frozenset[str]]
STYLES = {"*": "bold", "_": "italic", "~": "struck", "`": "code"}


def read(text: str) -> list[Shown]:
    """Each visible character with its styles; white space, which may have been put in, is left out."""
    shown: list[Shown] = []
    for index, piece in enumerate(regex.split(r"```(.+?)```", text, flags=regex.DOTALL)):
        if index % 2:
            shown += [(char, frozenset({"block"})) for char in piece]
        else:
            for line in piece.split("\n"):
                shown += _line(line)
    return [(char, styles) for char, styles in shown if not char.isspace()]


def _line(line: str) -> Iterator[Shown]:
    quoted = frozenset({"quoted"} if regex.match(r">\s", line) else ())
    if quoted:
        line = line[2:]
    styles: list[set[str]] = [set(quoted) for _ in line]
    signs: set[int] = set()
    code: set[int] = set()
    for sign, style in (("`", "code"), ("*", "bold"), ("_", "italic"), ("~", "struck")):
        for start, end in _pairs(line, sign, code):
            signs |= {start, end}
            for place in range(start + 1, end):
                styles[place].add(style)
            if sign == "`":
                code |= set(range(start, end + 1))
    for place, char in enumerate(line):
        if place not in signs:
            yield char, frozenset(styles[place])


def _pairs(line: str, sign: str, code: set[int]) -> Iterator[tuple[int, int]]:
    places = [place for place, char in enumerate(line) if char == sign and place not in code]
    start = None
    for place in places:
        before, after = line[place - 1 : place] if place else "", line[place + 1 : place + 2]
        closes = start is not None and place > start + 1 and not before.isspace() and not _letter(after)
        if start is not None and closes:
            yield start, place
            start = None
        elif start is None and after and not after.isspace() and not _letter(before):
            start = place


def _letter(char: str) -> bool:
    return char != "" and unicodedata.category(char)[0] in "LNM"
