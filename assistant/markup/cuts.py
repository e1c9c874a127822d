"""One leaf cut in two, where it hurts least."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TypeGuard

import regex

from assistant.markup.leaves import Code, Item, Leaf, Table, Text, code_leaf, text_leaf, visible
from assistant.markup.places import places
from assistant.markup.runs import Mark, Run

VISIBLE = regex.compile(r"\S")
Size = Callable[[Leaf], int]
"""The platform's length of a piece that ends with this leaf."""


def longest(most: int, size: Callable[[int], int], limit: int, guess: int) -> int:
    """About the largest count up to `most` with a size up to `limit`; 0 if there is none. Sizes grow with the count.

    `guess` is where to look first; sizes are asked for as seldom as may be.
    """
    fits, over, tries = 0, most + 1, 0
    guess = min(max(guess, 1), most)
    while fits < guess < over:
        used = size(guess)
        if used <= limit:
            fits = guess
        else:
            over = guess
        if limit - limit // 16 <= used <= limit:
            break
        tries += 1
        guess = guess * limit // max(used, 1) if tries % 3 else (fits + over) // 2
        guess = min(max(guess, fits + 1), over - 1)
    return fits


def cut(leaf: Leaf, size: Size, limit: int, *, anywhere: bool, guess: int) -> tuple[Leaf, Leaf] | None:
    """A part that fits, as long as it should be, and the rest; None if nothing fits. Both are visible.

    `anywhere`: also inside a link or a word that is longer than the limit; a text without a better place is not cut else.
    `guess` is how many visible characters may fit.
    """
    if isinstance(leaf, Text):
        return _text(leaf, size, limit, anywhere, guess)
    if isinstance(leaf, Code):
        return _code(leaf, size, limit, guess) or (_code_line(leaf, size, limit) if anywhere else None)
    return _table(leaf, size, limit, guess) if isinstance(leaf, Table) else None


def bare(leaf: Leaf, limit: int) -> list[Leaf]:
    """The leaf with less markup: its first link or style as text, no quote around it; a table as its lines."""
    path = tuple(box for box in leaf.path if isinstance(box, Item))
    if isinstance(leaf, Code):
        if path != leaf.path or leaf.info:
            return [replace(leaf, path=path, info="")]
        return [text_leaf(path, [Run("\n".join(leaf.lines).strip())])]
    if isinstance(leaf, Table):
        return _as_lines(leaf, limit)
    if not isinstance(leaf, Text):
        return []
    runs = leaf.runs
    if runs and runs[0].marks:
        count = next((index for index, run in enumerate(runs) if run.marks[:1] != runs[0].marks[:1]), len(runs))
        return [text_leaf(leaf.path, [*_unmarked(runs[:count]), *runs[count:]], leaf.level)]
    return [replace(leaf, path=path, level=0)]


def is_bare(leaf: Leaf) -> TypeGuard[Text]:
    """Whether `bare` has nothing left to take away."""
    if not isinstance(leaf, Text) or leaf.level or not all(isinstance(box, Item) for box in leaf.path):
        return False
    return not (leaf.runs and leaf.runs[0].marks)


def by_force(leaf: Text, size: Size, limit: int) -> tuple[Text, Text]:
    """Cut inside the first grapheme, which is longer than the limit."""
    most = min(leaf.length, limit)
    return _parted(
        leaf, leaf.start + max(longest(most, lambda count: size(_to(leaf, leaf.start + count)), limit, 1), 1)
    )


def _as_lines(table: Table, limit: int) -> list[Leaf]:
    """The header and the first row as text, or all rows where the header is too long to be repeated."""
    count = len(table.rows) if _is_long(table, limit) else 1
    lines: list[Leaf] = [
        text_leaf(table.path, [run for cell in row if cell for run in (*cell, Run("\n"))][:-1])
        for row in (table.header, *table.rows[:count])
        if any(row)
    ]
    return [*lines, replace(table, start=table.start + count)] if count < len(table.rows) else lines


def _is_long(table: Table, limit: int) -> bool:
    return 2 * visible(table.header) > limit


def _unmarked(runs: list[Run]) -> Iterator[Run]:
    for index, run in enumerate(runs):
        yield Run(run.text)
        following = runs[index + 1].marks if index + 1 < len(runs) else ()
        yield from (Run(f" ({mark.url})") for mark in run.marks if _ends_here(mark, run, following))


def _ends_here(mark: Mark, run: Run, following: tuple[Mark, ...]) -> bool:
    return bool(mark.url) and mark not in following and not mark.shows(run.text)


def _text(leaf: Text, size: Size, limit: int, anywhere: bool, guess: int) -> tuple[Leaf, Leaf] | None:
    most = min(leaf.end - leaf.start, limit)
    end = leaf.start + longest(most, lambda count: size(_to(leaf, leaf.start + count)), limit, guess)
    for place in places(leaf, end, anywhere=anywhere):
        head, tail = _parted(leaf, place)
        if tail.length and size(head) <= limit:
            return head, tail
    return None


def _to(leaf: Text, end: int) -> Text:
    return replace(leaf, end=end)


def _parted(leaf: Text, place: int) -> tuple[Text, Text]:
    seen = VISIBLE.search(leaf.line.text, place, leaf.end)
    return _to(leaf, place), replace(leaf, start=seen.start() if seen else leaf.end)


def _code(leaf: Code, size: Size, limit: int, guess: int) -> tuple[Leaf, Leaf] | None:
    """Cut after a blank line in the second half of what fits, or else after the last line that fits."""
    most = min(leaf.pile.within(leaf.start, limit), leaf.end - leaf.start - 1)
    count = longest(most, lambda count: size(_lines(leaf, count)), limit, leaf.pile.within(leaf.start, max(guess, 0)))
    lines = leaf.pile.members
    blank = [count for count in range(count // 2 + 1, count + 1) if not lines[leaf.start + count - 1].strip()]
    end = leaf.start + (blank[-1] if blank else count)
    if not any(map(str.strip, lines[leaf.start : end])) or not any(map(str.strip, islice(lines, end, leaf.end))):
        return None
    return replace(leaf, end=end), replace(leaf, start=end)


def _lines(leaf: Code, count: int) -> Code:
    return replace(leaf, end=leaf.start + count)


def _code_line(leaf: Code, size: Size, limit: int) -> tuple[Leaf, Leaf] | None:
    """Cut within the first visible line, which is too long."""
    index = next((index for index, line in enumerate(leaf.lines) if line.strip()), 0)
    line = leaf.lines[index]
    whole = text_leaf((), [Run(line)])

    def head(end: int) -> Code:
        return code_leaf(leaf.path, leaf.info, [line[:end]])

    end = longest(min(len(line), limit), lambda end: size(head(end)), limit, limit)
    for place in places(whole, end, anywhere=True):
        rest = (line[place:], *leaf.lines[index + 1 :])
        if line[:place].strip() and any(map(str.strip, rest)) and size(head(place)) <= limit:
            return head(place), code_leaf(leaf.path, leaf.info, rest)
    return None


def _table(leaf: Table, size: Size, limit: int, guess: int) -> tuple[Leaf, Leaf] | None:
    if _is_long(leaf, limit):
        return None
    most = min(leaf.pile.within(leaf.start, limit), leaf.end - leaf.start - 1)
    first = leaf.pile.within(leaf.start, max(guess, 0))
    end = leaf.start + longest(most, lambda count: size(replace(leaf, end=leaf.start + count)), limit, first)
    return (replace(leaf, end=end), replace(leaf, start=end)) if end > leaf.start else None
