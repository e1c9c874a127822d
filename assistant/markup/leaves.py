"""A Markdown text as a flat row of leaves (paragraphs, code, tables, rules), each with the quotes and list items around it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import Generic, TypeVar

from markdown_it.tree import SyntaxTreeNode

from assistant.markup.parse import tree
from assistant.markup.renderer import is_tight, line_of, numbers, rows_of
from assistant.markup.runs import Run, trimmed


@dataclass(frozen=True, eq=False, slots=True)
class Quote:
    """A block quotation; compared by identity, as are lists and items."""


@dataclass(frozen=True, eq=False, slots=True)
class List:
    """A list; `tight` without blank lines between its items."""

    tight: bool


@dataclass(frozen=True, eq=False, slots=True)
class Item:
    """An item of a list; `number` None is a bullet."""

    list: List
    number: int | None


Path = tuple[Quote | Item, ...]
Row = tuple[list[Run], ...]
T = TypeVar("T")


class Line:
    """The runs of a paragraph as one text that is cut by offsets."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = tuple(runs)
        self.ends = list(accumulate(len(run.text) for run in runs))

    @cached_property
    def text(self) -> str:
        """What is visible of it."""
        return "".join(run.text for run in self.runs)

    def at(self, offset: int) -> int:
        """The index of the run that has the character at an offset."""
        return bisect_right(self.ends, offset)

    def between(self, start: int, end: int) -> list[Run]:
        """The runs of a stretch, without white space around it."""
        if start >= end:
            return []
        first, last = self.at(start), self.at(end - 1)
        cut = list(self.runs[first : last + 1])
        cut[-1] = Run(cut[-1].text[: end - self.ends[last] + len(cut[-1].text)], cut[-1].marks)
        cut[0] = Run(cut[0].text[start - self.ends[first] + len(self.runs[first].text) :], cut[0].marks)
        return trimmed(cut)


class Pile(Generic[T]):
    """The lines of a block of code, or the rows of a table, with how much is visible of each."""

    def __init__(self, members: Sequence[T], length: Callable[[T], int]) -> None:
        self.members = tuple(members)
        self.totals = [0, *accumulate(map(length, members))]

    def within(self, start: int, limit: int) -> int:
        """How many members from `start` on have no more visible characters than `limit` together."""
        return bisect_right(self.totals, self.totals[start] + limit) - 1 - start


@dataclass(frozen=True, eq=False, slots=True)
class Text:
    """A paragraph, or a heading of `level` 1 to 6: the characters `start` to `end` of a line."""

    path: Path
    line: Line = field(repr=False)
    start: int
    end: int
    level: int = 0

    @property
    def length(self) -> int:
        """Visible characters."""
        return self.end - self.start

    @property
    def runs(self) -> list[Run]:
        """What is to be written."""
        return self.line.between(self.start, self.end)


@dataclass(frozen=True, eq=False, slots=True)
class Code:
    """A block of code: the lines `start` to `end` of a pile; `info` starts with its language."""

    path: Path
    info: str
    pile: Pile[str] = field(repr=False)
    start: int
    end: int

    @property
    def length(self) -> int:
        """Visible characters."""
        return self.pile.totals[self.end] - self.pile.totals[self.start]

    @property
    def lines(self) -> tuple[str, ...]:
        """What is to be written."""
        return self.pile.members[self.start : self.end]


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A table: the rows `start` to `end` of a pile under a header; `columns` are "left", "right", "center" or "" each."""

    path: Path
    columns: tuple[str, ...]
    header: Row
    pile: Pile[Row] = field(repr=False)
    start: int
    end: int

    @property
    def length(self) -> int:
        """Visible characters."""
        return visible(self.header) + self.pile.totals[self.end] - self.pile.totals[self.start]

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is to be written under the header."""
        return self.pile.members[self.start : self.end]


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """A horizontal line."""

    path: Path
    length: int = 1


Leaf = Text | Code | Table | Rule


def text_leaf(path: Path, runs: Sequence[Run], level: int = 0) -> Text:
    """A whole paragraph or heading."""
    line = Line(runs)
    return Text(path, line, 0, line.ends[-1] if line.ends else 0, level)


def code_leaf(path: Path, info: str, lines: Sequence[str]) -> Code:
    """A whole block of code."""
    return Code(path, info, Pile(lines, len), 0, len(lines))


def visible(row: Row) -> int:
    """Visible characters of a table's row."""
    return sum(len(run.text) for cell in row for run in cell)


def leaves(text: str) -> list[Leaf]:
    """The leaves of a Markdown text in order."""
    return [leaf for node in tree(text).children for leaf in _leaves(node, ())]


def without(leaves: Sequence[Leaf], items: frozenset[Item]) -> list[Leaf]:
    """The leaves with these items no longer around them."""
    return [replace(leaf, path=tuple(box for box in leaf.path if box not in items)) for leaf in leaves]


def _leaves(node: SyntaxTreeNode, path: Path) -> Iterator[Leaf]:
    if node.type in ("bullet_list", "ordered_list"):
        list_ = List(is_tight(node))
        for number, item in zip(numbers(node), node.children, strict=False):
            inside = (*path, Item(list_, number))
            inner = [leaf for child in item.children for leaf in _leaves(child, inside)]
            yield from inner or [text_leaf(inside, ())]
    elif node.type == "blockquote":
        quote = Quote()
        for child in node.children:
            yield from _leaves(child, (*path, quote))
    elif node.type != "paragraph" or line_of(node):
        yield _leaf(node, path)


def _leaf(node: SyntaxTreeNode, path: Path) -> Leaf:
    if node.type in ("fence", "code_block"):
        return code_leaf(path, node.info.strip(), node.content.removesuffix("\n").split("\n"))
    if node.type == "hr":
        return Rule(path)
    if node.type == "table":
        header, *rows = (tuple(row) for row in rows_of(node))
        return Table(path, _columns(node), header, Pile(rows, visible), 0, len(rows))
    return text_leaf(path, line_of(node), int(node.tag[1:]) if node.type == "heading" else 0)


def _columns(table: SyntaxTreeNode) -> tuple[str, ...]:
    head = table.children[0].children[0].children
    return tuple(str(cell.attrs.get("style", "")).removeprefix("text-align:") for cell in head)
