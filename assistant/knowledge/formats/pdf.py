"""PDF through pypdf: text page by page, bookmarks as headings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError

from assistant.errors import Unreadable
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import join_pages, one_line, sensible, tidy

LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\xad": ""})
LEADERS = re.compile(r"(?: ?\.){5,} ?")
"""The dots between a title and its page number in a table of contents."""
WHITE = r"\s+"
Bookmarks = dict[int, list[tuple[int, str]]]


def pdf(raw: Raw) -> Converted:
    """The text of every page; a page that cannot be read is left empty and counted in the metadata."""
    reader = PdfReader(BytesIO(raw.data), strict=False)
    _unlock(reader)
    bookmarks = _bookmarks(reader)
    pages, broken = [], 0
    for number, page in enumerate(reader.pages):
        try:
            text = tidy(LEADERS.sub(" … ", page.extract_text().translate(LIGATURES)))
        except (MemoryError, RecursionError):
            raise
        except Exception:  # noqa: BLE001  one damaged page must not cost the others; pypdf raises many kinds
            text, broken = "", broken + 1
        pages.append(_with_headings(text, bookmarks.get(number, ())))
    _require_text(pages, broken)
    text, offsets = join_pages(pages)
    return Converted(text, _title(reader, bookmarks), offsets, {"unreadable_pages": broken} if broken else {})


def _unlock(reader: PdfReader) -> None:
    """Many PDFs are encrypted with an empty password, only to forbid printing."""
    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("is encrypted: it opens only with a password")
    except (DependencyError, NotImplementedError) as error:
        raise Unreadable(f"is encrypted in a way that cannot be read: {error}") from None


def _require_text(pages: list[str], broken: int) -> None:
    if any(pages):
        return
    if not pages:
        raise Unreadable("is a PDF without pages")
    if broken == len(pages):
        raise Unreadable(f"is a damaged PDF: none of its {broken} pages can be read")
    raise Unreadable(f"has no text on its {len(pages)} pages: it looks scanned, run text recognition (OCR) first")


def _bookmarks(reader: PdfReader) -> Bookmarks:
    """Page index to (level, title) of the bookmarks that lead there."""
    found: Bookmarks = defaultdict(list)

    def walk(items: Iterable[Any], level: int) -> None:
        for item in items:
            if isinstance(item, list):
                walk(item, level + 1)
            elif (page := reader.get_destination_page_number(item)) is not None:
                found[page].append((level, one_line(str(item.title))))

    try:
        walk(reader.outline, 1)
    except Exception:  # noqa: BLE001  a damaged outline costs the headings, not the document
        return {}
    return found


def _with_headings(text: str, bookmarks: Iterable[tuple[int, str]]) -> str:
    """Lines that are a bookmark's title become headings of its level."""
    for level, title in bookmarks:
        words = [re.escape(word) for word in title.split()]
        if words:
            line = re.compile(rf"^(?:[A-Z]?[\d.]{{1,10}}[ \t]+)?{WHITE.join(words)}[ \t]*$", re.MULTILINE)
            if found := line.search(text):
                heading = f"\n{'#' * min(level, 6)} {one_line(found[0])}\n"
                text = text[: found.start()] + heading + text[found.end() :]
    return text


def _title(reader: PdfReader, bookmarks: Bookmarks) -> str:
    try:
        given = reader.metadata.title if reader.metadata else None
    except Exception:  # noqa: BLE001  damaged metadata costs the title, not the document
        given = None
    return sensible(str(given) if given else None)
