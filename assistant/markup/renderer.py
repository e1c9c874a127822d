"""Markdown turned into a platform's own markup: a visitor whose hooks write readable plain text until they are overridden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from markdown_it.tree import SyntaxTreeNode

from assistant.markup.parse import tree
from assistant.markup.runs import Mark, Run, runs

LAST_NUMBER = 999_999_999
"""The largest number of a list item that CommonMark knows."""
INDENT = "  "


class Renderer:
    """Override what the platform writes differently; every hook gets text that is already in the platform's markup.

    Single line breaks stay line breaks: people who chat, and models, mean them so.
    """

    def render(self, text: str) -> str:
        """The whole of a Markdown text."""
        return self.joined(self.block(node, 0) for node in tree(text).children)

    def text(self, text: str) -> str:
        """Visible characters as they are; escape here."""
        return text

    def strong(self, inner: str) -> str:
        """Bold text."""
        return inner

    def em(self, inner: str) -> str:
        """Italic text."""
        return inner

    def s(self, inner: str) -> str:
        """Text struck through."""
        return inner

    def code(self, inner: str) -> str:
        """Code within a line."""
        return inner

    def link(self, inner: str, mark: Mark, label: str) -> str:
        """A link or an image; `label` is the visible text that became `inner`."""
        return inner if mark.shows(label) else f"{inner} ({self.text(mark.url)})"

    def marks(self, run: Run) -> tuple[Mark, ...]:
        """The marks of a run in the order in which they nest; leave out what cannot be written."""
        return run.marks

    def heading(self, line: Sequence[Run], level: int) -> str:
        """A heading of level 1 to 6."""
        return self.inline(line)

    def fence(self, code: str, info: str) -> str:
        """A block of code, not yet escaped, without its last line break; `info` starts with the language."""
        return self.text(code)

    def quote(self, inner: str, nested: bool) -> str:
        """A block quotation; `nested`: within another."""
        return "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))

    def rule(self) -> str:
        """A horizontal line."""
        return self.text("———")

    def bullet(self, number: int | None, depth: int) -> str:
        """What stands before a list item, the space included; `depth` 0 is the outermost list."""
        return self.text(INDENT * depth + ("• " if number is None else f"{number}. "))

    def table(self, rows: Sequence[Sequence[list[Run]]]) -> str:
        """A table; the first row is its header."""
        return "\n".join(" | ".join(self.inline(cell) for cell in row) for row in rows)

    def joined(self, blocks: Iterable[str], gap: str = "\n\n") -> str:
        """Blocks one after the other, the empty ones left out."""
        return gap.join(block for block in blocks if block.strip())

    def block(self, node: SyntaxTreeNode, depth: int) -> str:
        """One block node; `depth` is the number of lists around it."""
        kind = node.type
        if kind in ("bullet_list", "ordered_list"):
            return self.items(node, depth)
        if kind == "blockquote":
            inner = self.joined(self.block(child, depth) for child in node.children)
            return self.quote(inner, _quoted(node)) if inner else ""
        if kind in ("fence", "code_block"):
            return self.fence(node.content.removesuffix("\n"), node.info)
        if kind == "heading":
            return self.heading(line_of(node), int(node.tag[1:]))
        if kind == "table":
            return self.table(rows_of(node))
        return self.rule() if kind == "hr" else self.inline(line_of(node))

    def items(self, node: SyntaxTreeNode, depth: int) -> str:
        """A list, its items apart as far as they are in the source."""
        gap = "\n" if is_tight(node) else "\n\n"
        written = []
        for number, item in zip(numbers(node), node.children, strict=False):
            inner = self.joined((self.block(child, depth + 1) for child in item.children), gap)
            written.append(self.bullet(number, depth) + inner)
        return gap.join(written)

    def inline(self, line: Sequence[Run]) -> str:
        """Runs of text, each mark opened once for all neighbours that share it."""
        return self._nested([(run, self.marks(run)) for run in line], 0)

    def _nested(self, line: list[tuple[Run, tuple[Mark, ...]]], depth: int) -> str:
        parts = []
        for mark, group in groupby(line, lambda pair: pair[1][depth] if len(pair[1]) > depth else None):
            members = list(group)
            label = "".join(run.text for run, _ in members)
            inner = self.text(label) if mark is None else self._nested(members, depth + 1)
            parts.append(inner if mark is None else self._marked(inner, mark, label))
        return "".join(parts)

    def _marked(self, inner: str, mark: Mark, label: str) -> str:
        if mark.kind in ("link", "image"):
            return self.link(inner, mark, label)
        hooks = {"strong": self.strong, "em": self.em, "s": self.s, "code": self.code}
        return hooks[mark.kind](inner)


def plain(text: str) -> str:
    """Readable plain text: links as "label (url)", lists with bullets, code as it is, tables as rows."""
    return Renderer().render(text)


def _quoted(node: SyntaxTreeNode) -> bool:
    above = node.parent
    while above and above.type != "blockquote":
        above = above.parent
    return above is not None


def line_of(node: SyntaxTreeNode) -> list[Run]:
    """The runs of a paragraph, heading or table cell."""
    return [run for inline in node.children for run in runs(inline)]


def rows_of(table: SyntaxTreeNode) -> list[list[list[Run]]]:
    """The cells of each row of a table, the header first."""
    return [[line_of(cell) for cell in row.children] for part in table.children for row in part.children]


def is_tight(node: SyntaxTreeNode) -> bool:
    """Whether a list has no blank lines between its items."""
    paragraphs = [child for item in node.children for child in item.children if child.type == "paragraph"]
    return bool(paragraphs) and all(paragraph.hidden for paragraph in paragraphs)


def numbers(node: SyntaxTreeNode) -> Iterable[int | None]:
    """The numbers of the items of a list; None for bullets."""
    if node.type == "bullet_list":
        return [None] * len(node.children)
    start = int(node.attrs.get("start", 1))
    return [min(start + index, LAST_NUMBER) for index in range(len(node.children))]
