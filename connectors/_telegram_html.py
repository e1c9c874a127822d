"""Markdown as the HTML that Telegram takes, and what Telegram counts of it (core.telegram.org/bots/api, 2026-11)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from html import escape, unescape
from itertools import zip_longest
from urllib.parse import urlsplit

from assistant.markup import Mark, Renderer, Run, utf16
from connectors._telegram_limits import ENTITIES, TEXT_UNITS

SCHEMES = ("http", "https", "mailto", "tel", "tg")
"""Of links that are made; the address of any other is shown as text."""
WIDEST = 60
"""Columns of a table that is drawn; a wider one, which a phone would fold, is written row by row."""
TAG = re.compile(r"<[^>]+>")
ENTITY_UNITS = -(-TEXT_UNITS // ENTITIES)
"""What an entity counts at least, so that a message never has more than Telegram reads."""


class _Html(Renderer):
    """Only the tags that Telegram knows, nested as it allows: nothing in code, no link in a link, no quote in a quote."""

    def text(self, text: str) -> str:
        return escape(text, quote=False)

    def tag(self, name: str, inner: str, attribute: str = "") -> str:
        return f"<{name}{attribute}>{inner}</{name}>"

    def strong(self, inner: str) -> str:
        return self.tag("b", inner)

    def em(self, inner: str) -> str:
        return self.tag("i", inner)

    def s(self, inner: str) -> str:
        return self.tag("s", inner)

    def code(self, inner: str) -> str:
        return self.tag("code", inner)

    def marks(self, run: Run) -> tuple[Mark, ...]:
        links = tuple(mark for mark in run.marks if mark.kind in ("link", "image"))[:1]
        code = tuple(mark for mark in run.marks if mark.kind == "code")
        styles = tuple(mark for mark in run.marks if mark.kind in ("strong", "em", "s"))
        return links + styles if links else code or styles

    def link(self, inner: str, mark: Mark, label: str) -> str:
        if not _safe(mark.url):
            return super().link(inner, mark, label)
        return self.tag("a", inner, f' href="{escape(mark.url)}"')

    def heading(self, line: Sequence[Run], level: int) -> str:
        bold = Mark("strong")
        return self.inline([Run(run.text, (bold, *(mark for mark in run.marks if mark != bold))) for run in line])

    def fence(self, code: str, info: str) -> str:
        if not code.strip():
            return ""
        language = info.split()[:1]
        inner = self.text(code)
        inner = self.tag("code", inner, f' class="language-{escape(language[0])}"') if language else inner
        return self.tag("pre", inner)

    def quote(self, inner: str, nested: bool) -> str:
        return inner if nested else self.tag("blockquote", inner)

    def table(self, rows: Sequence[Sequence[list[Run]]]) -> str:
        cells = [["".join(run.text for run in cell).replace("\n", " ") for cell in row] for row in rows]
        widths = [max(map(columns, column)) for column in zip_longest(*cells, fillvalue="")]
        linked = any(mark.url for row in rows for cell in row for run in cell for mark in run.marks)
        if linked or sum(widths) + 3 * len(widths) > WIDEST:
            return self._records(rows)
        lines = [" | ".join(map(_padded, row, widths)).rstrip() for row in cells]
        lines.insert(1, "-+-".join("-" * width for width in widths))
        return self.tag("pre", self.text("\n".join(lines)))

    def _records(self, rows: Sequence[Sequence[list[Run]]]) -> str:
        """Each row as lines of "header: cell"."""
        header, *records = rows
        if not records:
            return "\n".join(self.heading(cell, 1) for cell in header if cell)
        return "\n\n".join(
            "\n".join(self._field(*pair) for pair in zip(header, row, strict=False) if any(pair)) for row in records
        )

    def _field(self, name: list[Run], value: list[Run]) -> str:
        return f"{self.heading(name, 1)}{self.text(': ' if name else '')}{self.inline(value)}"


def render(markdown: str) -> str:
    """Telegram's HTML of a Markdown text, also of one that is cut off anywhere."""
    return _Html().render(markdown)


def visible(html: str) -> str:
    """The text that people see of what `render` made: what is left after Telegram has read the entities."""
    return unescape(TAG.sub("", html))


def size(markdown: str) -> int:
    """What counts against Telegram's 4096: UTF-16 code units after entities are parsed, and the entities where they are many.

    Of the entities beyond the hundredth Telegram shows the text only, and a link loses its address.
    """
    html = render(markdown)
    entities = html.count("</") - html.count("</code></pre>")
    return max(utf16(visible(html)), ENTITY_UNITS * entities)


def columns(text: str) -> int:
    """How many columns a text takes in a typeface of fixed width."""
    kinds = ((unicodedata.category(char), unicodedata.east_asian_width(char)) for char in text)
    return sum(0 if kind in ("Mn", "Me", "Cf") else 1 + (width in "WF") for kind, width in kinds)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _safe(url: str) -> bool:
    try:
        return urlsplit(url).scheme.lower() in SCHEMES
    except ValueError:  # "http://[" and the like
        return False
