"""Runs written as Markdown that reads back as the same runs, whatever characters they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import regex
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace

from assistant.markup.runs import STYLES, Mark, Run

UNDERSCORE = r"(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])"
MARKUP = regex.compile(rf"[\\`*~]|{UNDERSCORE}|<(?=\S)|\](?=\()|&(?=#?\w+;)")
IN_LABEL = regex.compile(rf"[\\`*~\[\]]|{UNDERSCORE}|<(?=\S)|&(?=#?\w+;)")
"""What would be read as markup in text, and in the label of a link."""
LINE_START = regex.compile(
    r"""^(?: [-+](?=[ \t]|$) | > | \#{1,6}(?=[ \t]|$) | (?:=+|-+)(?=[ \t]*$) | [-:|](?=[-:|\ \t]*$) ) | \A\[(?=(?s:.*?)\]:)""",
    regex.VERBOSE | regex.MULTILINE,
)
NUMBER = regex.compile(r"^(\d{1,9})(?=[.)](?:[ \t]|$))", regex.MULTILINE)
"""Where a line would be read as the start of a block, or as what makes a table or a heading of the line before it."""
TICKS = regex.compile("`+")
IN_URL = regex.compile(r"[()\\<>]|&(?=#?\w+;)")


@dataclass(slots=True)
class _Bit:
    """A bit of output: text, something with punctuation at both ends, or where a style starts or ends."""

    text: str
    kind: Literal["text", "other", "open", "close"]


def write_line(runs: Sequence[Run]) -> str:
    """Markdown of runs on one line: in a heading or a table's cell."""
    return _join(_bits(runs)).replace("\n", "&#10;")


def write_lines(runs: Sequence[Run]) -> str:
    """Markdown of the runs of a paragraph; no line of it starts a block."""
    text = regex.sub(r"(?<=\s)\n|\n(?=\s)", "&#10;", _join(_bits(runs)))
    return NUMBER.sub(r"\1\\", LINE_START.sub(r"\\\g<0>", text))


def _bits(runs: Sequence[Run]) -> list[_Bit]:
    bits: list[_Bit] = []
    opened: list[tuple[Mark, str]] = []
    for index, run in enumerate(runs):
        same = _shared([mark for mark, _ in opened], run.marks)
        while len(opened) > same:
            bits.append(_closed(*opened.pop()))
        for mark in run.marks[same:]:
            if mark.kind != "code":
                starred = mark.kind == "em" and not _near_strong(runs, index, len(opened))
                sign = {"strong": "**", "s": "~~", "em": "*" if starred else "_", "link": "[", "image": "!["}[mark.kind]
                bits.append(_Bit(sign, "other" if "[" in sign else "open"))
                opened.append((mark, sign))
        bits.append(_content(run, runs[index + 1] if index + 1 < len(runs) else None))
    bits.extend(_closed(*pair) for pair in reversed(opened))
    return bits


def _shared(opened: Sequence[Mark], marks: Sequence[Mark]) -> int:
    count = 0
    while count < min(len(opened), len(marks)) and opened[count] == marks[count]:
        count += 1
    return count


def _near_strong(runs: Sequence[Run], index: int, depth: int) -> bool:
    """Whether asterisks for the emphasis that starts here could be taken for those of bold text in it or beside it."""
    end = index
    outer = runs[index].marks[: depth + 1]
    while end < len(runs) and runs[end].marks[: depth + 1] == outer:
        end += 1
    return any(STYLES["strong"] in run.marks for run in runs[max(index - 1, 0) : end + 1])


def _closed(mark: Mark, sign: str) -> _Bit:
    if mark.kind not in ("link", "image"):
        return _Bit(sign, "close")
    title = mark.title.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", "&#10;")
    return _Bit(f"]({IN_URL.sub(_escape, mark.url)}" + (f' "{title}")' if title else ")"), "other")


def _content(run: Run, after: Run | None) -> _Bit:
    if run.marks and run.marks[-1].kind == "code":
        return _Bit(_code(run.text), "other")
    labelled = any(mark.kind in ("link", "image") for mark in run.marks)
    text = (IN_LABEL if labelled else MARKUP).sub(_escape, run.text)
    linked = after is not None and any(mark.kind == "link" for mark in after.marks)
    return _Bit(text[:-1] + "\\!" if linked and text.endswith("!") else text, "text")


def _escape(found: regex.Match[str]) -> str:
    return "&amp;" if found[0] == "&" else "\\" + found[0]


def _code(text: str) -> str:
    taken = {len(ticks) for ticks in TICKS.findall(text)}
    ticks = "`" * next(count for count in range(1, len(taken) + 2) if count not in taken)
    pad = " " if text[:1] == "`" or text[-1:] == "`" or (text[:1] == text[-1:] == " " and text.strip(" ")) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _join(bits: list[_Bit]) -> str:
    edge = _Bit(" ", "other")
    for before, bit, after in _threes([edge, *bits, edge]):
        if bit.kind == "open":
            _flank(outer=before, inner=after, sign=bit.text, opens=True)
        elif bit.kind == "close":
            _flank(outer=after, inner=before, sign=bit.text, opens=False)
    return "".join(bit.text for bit in bits)


def _threes(bits: list[_Bit]) -> Iterator[tuple[_Bit, _Bit, _Bit]]:
    for (before, bit), (_, after) in pairwise(pairwise(bits)):
        yield before, bit, after


def _flank(*, outer: _Bit, inner: _Bit, sign: str, opens: bool) -> None:
    """Write characters beside a sign as references where CommonMark would otherwise not take the sign (section 6.2)."""
    if _class(inner, first=opens) == "space":
        _refer(inner, first=opens)
    if _class(outer, first=not opens) == "word" and (sign == "_" or _class(inner, first=opens) != "word"):
        _refer(outer, first=not opens)


def _class(bit: _Bit, *, first: bool) -> Literal["space", "word", "other"]:
    char = bit.text[:1] if first else bit.text[-1:]
    if not char or isWhiteSpace(ord(char)):
        return "space"
    return "other" if isMdAsciiPunct(ord(char)) or isPunctChar(char) else "word"


def _refer(bit: _Bit, *, first: bool) -> None:
    if bit.kind == "text":
        text = bit.text
        bit.text = f"&#{ord(text[0])};{text[1:]}" if first else f"{text[:-1]}&#{ord(text[-1])};"
