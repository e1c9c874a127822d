"""Leaves written as Markdown again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from assistant.markup.inline import TICKS, write_line, write_lines
from assistant.markup.leaves import Code, Item, Leaf, List, Quote, Rule, Table, Text
from assistant.markup.runs import Run

BULLETS = "-*+"
RULE = "___"
"""Dashes and asterisks could be bullets."""
ESCAPED_PIPE = "\\|"
DELIMITERS = {"": "---", "left": ":--", "right": "--:", "center": ":-:"}


def write(leaves: Sequence[Leaf]) -> str:
    """Markdown that reads back as these leaves."""
    return "\n".join(_blocks(leaves, 0, 0, tight=False))


def _blocks(leaves: Sequence[Leaf], level: int, depth: int, *, tight: bool) -> list[str]:
    """Lines of the leaves within what stands at `level` of their paths; `depth` lists are around them."""
    lines: list[str] = []
    lists = 0
    for box, members in groupby(leaves, lambda leaf: _box(leaf, level)):
        group = list(members)
        lists = lists + 1 if isinstance(box, List) else 0
        block = _block(box, group, level, depth, lists - 1)
        if lines and not tight:
            lines.append("")
        lines.extend(block)
    return lines


def _box(leaf: Leaf, level: int) -> Quote | List | Leaf:
    if len(leaf.path) <= level:
        return leaf
    box = leaf.path[level]
    return box.list if isinstance(box, Item) else box


def _block(box: Quote | List | Leaf, group: list[Leaf], level: int, depth: int, nth: int) -> list[str]:
    if isinstance(box, Quote):
        return [f"> {line}" if line else ">" for line in _blocks(group, level + 1, depth, tight=False)]
    if isinstance(box, List):
        return list(_items(box, group, level, depth, nth))
    return list(_lines(box))


def _items(list_: List, group: list[Leaf], level: int, depth: int, nth: int) -> Iterator[str]:
    """Lines of a list; its signs differ from those of the list before it and around it, which would be read as one."""
    for index, (item, members) in enumerate(groupby(group, lambda leaf: leaf.path[level])):
        assert isinstance(item, Item)  # noqa: S101 -- what _box grouped by
        number = item.number
        marker = BULLETS[(depth + nth) % 3] if number is None else f"{number}{'.)'[nth % 2]}"
        if index and not list_.tight:
            yield ""
        for place, line in enumerate(_blocks(list(members), level + 1, depth + 1, tight=list_.tight)):
            lead = f"{marker} " if place == 0 else " " * (len(marker) + 1)
            yield lead + line if line else lead.rstrip(" ")


def _lines(leaf: Leaf) -> Iterator[str]:
    if isinstance(leaf, Rule):
        yield RULE
    elif isinstance(leaf, Code):
        yield from _fence(leaf)
    elif isinstance(leaf, Table):
        yield _row(leaf.header)
        yield f"|{'|'.join(DELIMITERS[column] for column in leaf.columns)}|"
        yield from map(_row, leaf.rows)
    elif leaf.level:
        yield f"{'#' * leaf.level} {_heading(leaf)}".rstrip(" ")
    else:
        yield from write_lines(leaf.runs).split("\n")


def _heading(leaf: Text) -> str:
    text = write_line(leaf.runs)
    return text[:-1] + "\\#" if text.endswith("#") else text


def _fence(leaf: Code) -> Iterator[str]:
    longest = max((len(ticks) for line in leaf.lines for ticks in TICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    if "`" in leaf.info:
        fence = "~" * max(3, *(line.count("~") + 1 for line in leaf.lines))
    yield fence + leaf.info
    yield from leaf.lines
    yield fence


def _row(cells: Sequence[list[Run]]) -> str:
    return f"| {' | '.join(write_line(cell).replace('|', ESCAPED_PIPE) for cell in cells)} |"
