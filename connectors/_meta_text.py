"""Markdown as Meta's surfaces show it: with the marks of WhatsApp, or as plain text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from markdown_it.tree import SyntaxTreeNode

from assistant import markup
from assistant.markup import Mark, Renderer, Run, utf8, utf16
from connectors._meta_marks import AS_LITERAL, AS_SEEN, FENCE, FENCED, HAIR, LITERAL, QUOTED, RESERVED, mark, settle

__all__ = ["Unit", "plain", "plain_parts", "unhurried", "whatsapp", "whatsapp_parts"]

Unit = Literal["characters", "bytes"]
"""What a limit counts. Meta does not say what a character is, so the largest of what it can be is taken: UTF-16 code units."""

LONG = 1000
"""Characters from which splitting may take milliseconds, and a hundred times that where every word is marked up."""

T = TypeVar("T")

TICK = LITERAL[3]
"""A backtick that is only a character."""

ADDRESS = re.compile(r"https?://[^\s`*<>\"]+")
"""Stays as it is, or it would not be one."""


class _WhatsApp(Renderer):
    """Signs that are only characters are kept apart from those that are marks until `settle` has seen all of them."""

    def render(self, text: str) -> str:
        return settle(super().render(RESERVED.sub("\ufffd", text)))

    def text(self, text: str) -> str:
        text = RESERVED.sub("\ufffd", text)  # from a character reference
        pieces, last = [], 0
        for found in ADDRESS.finditer(text):
            pieces += [text[last : found.start()].translate(AS_LITERAL), found[0]]
            last = found.end()
        pieces.append(text[last:].translate(AS_LITERAL))
        return "".join(pieces).replace(3 * TICK, HAIR.join(3 * TICK))

    def strong(self, inner: str) -> str:
        return mark("*")(inner)

    def em(self, inner: str) -> str:
        return mark("_")(inner)

    def s(self, inner: str) -> str:
        return mark("~")(inner)

    def code(self, inner: str) -> str:
        return inner if TICK in inner else mark("`")(inner.translate(AS_SEEN))

    def marks(self, run: Run) -> tuple[Mark, ...]:
        links = tuple(each for each in run.marks if each.kind in ("link", "image"))[:1]
        code = tuple(each for each in run.marks if each.kind == "code")
        return links + (code or tuple(each for each in run.marks if each.kind in ("strong", "em", "s")))

    def link(self, inner: str, mark: Mark, label: str) -> str:
        if mark.shows(label):
            return RESERVED.sub("\ufffd", label)
        return f"{inner} ({RESERVED.sub(chr(0xFFFD), mark.url)})"

    def heading(self, line: Sequence[Run], level: int) -> str:
        bold = Mark("strong")
        return self.inline([Run(run.text, (bold, *(each for each in run.marks if each != bold))) for run in line])

    def fence(self, code: str, info: str) -> str:
        if not code.strip():
            return ""
        if "```" in code or code[0] == "`" or code[-1] == "`":
            return self.text(code)
        return f"{FENCE}{code}{FENCED}"

    def block(self, node: SyntaxTreeNode, depth: int) -> str:
        if depth and node.type == "blockquote":  # a quote starts where a line does
            return self.joined(self.block(child, depth) for child in node.children)
        return super().block(node, depth)

    def quote(self, inner: str, nested: bool) -> str:
        if nested or FENCE in inner:
            return inner
        return "\n".join(f"{QUOTED}{line}" for line in inner.split("\n"))

    def table(self, rows: Sequence[Sequence[list[Run]]]) -> str:
        header, *others = rows
        lines = [[self.heading(cell, 1) for cell in header], *([self.inline(cell) for cell in row] for row in others)]
        return "\n".join(" | ".join(cells) for cells in lines)


class _Plain(Renderer):
    """A quotation is shown as its words: where nothing is marked, its sign would be read as a character."""

    def quote(self, inner: str, nested: bool) -> str:
        return inner


def plain(markdown: str) -> str:
    """A Markdown text without any marks: links as "label (url)", lists with bullets; "" where nothing is visible."""
    return _Plain().render(markdown)


def whatsapp(markdown: str) -> str:
    """A Markdown text with the marks of WhatsApp; "" where nothing is visible."""
    return _WhatsApp().render(markdown)


def whatsapp_parts(text: str, limit: int) -> list[str]:
    """Markdown pieces, each of which `whatsapp` writes within `limit` characters; at least one."""
    return _parts(text, limit, lambda piece: utf16(whatsapp(piece)), utf16)


def plain_parts(text: str, *, limit: int, unit: Unit) -> list[str]:
    """Markdown pieces, each of which `plain` writes within `limit`; at least one."""
    count = utf8 if unit == "bytes" else utf16
    return _parts(text, limit, lambda piece: count(plain(piece)), count)


async def unhurried(split: Callable[[], T], text: str) -> T:
    """What `split` gives of a text; beside the event loop where that may take long."""
    return split() if len(text) < LONG else await asyncio.to_thread(split)


def _parts(text: str, limit: int, size: Callable[[str], int], count: Callable[[str], int]) -> list[str]:
    return markup.split(text, limit=limit, size=size) or _unread(text, limit, count)


def _unread(text: str, limit: int, count: Callable[[str], int]) -> list[str]:
    """A text of which nothing is visible, in stretches that fit as they are written; blank ones are left out."""
    width = max(limit // count("\U0010ffff"), 1)
    stretches = [text] if count(text) <= limit else [text[at : at + width] for at in range(0, len(text), width)]
    return [stretch for stretch in stretches if stretch.strip()] or [text[:width]]
