"""Writing Markdown: clean characters, pages with offsets, records that repeat their column names, titles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from assistant.errors import Unreadable

MAX_CHARACTERS = 100_000_000
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
TRAILING = re.compile(r"(?<![ \t\xa0])[ \t\xa0]+\n")
NAMELESS = re.compile(
    r"(untitled|unbenannt|sans titre|无标题|未命名|(powerpoint.)?presentation|document|slide|book|sheet)[\s\d]*",
    re.IGNORECASE,
)
FILE_NAME = re.compile(r"\.(docx?|pptx?|xlsx?|pdf|indd|qxd|tex|dvi|ps|rtf|odt|html?|md|txt)$", re.IGNORECASE)


def valid(text: str) -> str:
    """`text` with lone surrogates replaced, so that it can be stored as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean(text: str) -> str:
    """`text` with "\\n" newlines, without control characters and blank lines around it; otherwise as it is."""
    return valid(CONTROL.sub("", LINE_ENDS.sub("\n", text))).strip("\n").rstrip()


def tidy(text: str) -> str:
    """As `clean`, also without spaces at line ends and runs of blank lines: for text that was converted."""
    return re.sub(r"\n{3,}", "\n\n", TRAILING.sub("\n", clean(text))).strip()


def one_line(text: str) -> str:
    """`text` with every run of white space as one space."""
    return " ".join(text.split())


def join_pages(pages: Iterable[str]) -> tuple[str, tuple[int, ...]]:
    """The pages as one text, and the offset at which each starts."""
    parts: list[str] = []
    offsets: list[int] = []
    position = 0
    for page in map(tidy, pages):
        offsets.append(position)
        if page:
            parts.append(page)
            position += len(page) + 2
    text = "\n\n".join(parts)
    return text, tuple(min(offset, len(text)) for offset in offsets)


def join_blocks(blocks: Iterable[str]) -> str:
    """The blocks with a blank line between them.

    Raises:
        Unreadable: they are more than a hundred million characters.
    """
    total, kept = 0, []
    for block in blocks:
        total += len(block) + 2
        if total > MAX_CHARACTERS:
            raise Unreadable(f"gives more than {MAX_CHARACTERS // 10**6} million characters of text")
        kept.append(block)
    return "\n\n".join(kept)


def record(fields: Iterable[tuple[str, str]]) -> str:
    """A record as one "name: value" line a field, so that a passage of rows is understood without their header."""
    return "\n".join(_lines(fields))


def _lines(fields: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in fields:
        text = one_line(clean(value))
        if text:
            yield f"{one_line(clean(name))}: {text}"


def sensible(title: str | None) -> str:
    """The title in a file's properties, or "" where a program put it there: a file name, "Untitled" and the like."""
    text = one_line(clean(title or "")).removeprefix("Microsoft Word - ").removeprefix("Microsoft PowerPoint - ")
    if not 2 <= len(text) <= 200 or NAMELESS.fullmatch(text) or FILE_NAME.search(text) or "\ufffd" in text:
        return ""
    return text if any(character.isalpha() for character in text) else ""


def readable(name: str) -> str:
    """The stem of a file name in words."""
    stem = PurePosixPath(name).stem
    return one_line(re.sub(r"[_\-+]+", " ", stem)) or name
