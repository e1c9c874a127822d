"""A Markdown text as pieces that a platform takes, each whole Markdown of its own; nothing is lost."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate, pairwise

from assistant.markup.cuts import bare, by_force, cut, is_bare, longest
from assistant.markup.leaves import Item, Leaf, Text, leaves, without
from assistant.markup.parse import clean
from assistant.markup.write import write

GLUED, ANNOUNCED = 99, 50
"""Bonds between a heading, or a paragraph that ends with a colon, and what follows."""


def split(text: str, *, limit: int, size: Callable[[str], int]) -> list[str]:
    """Cut a text between blocks, then items, rows and lines of code, sentences, words, and graphemes at last.

    A heading stays with what follows, a table's header is repeated, a fence is opened again, a list goes on with its number.

    Args:
        text: Markdown.
        limit: the largest size of a piece; at least one character of any kind must fit.
        size: the platform's length of a piece of Markdown, in a unit of which every visible character is one or more.

    Returns:
        Markdown pieces in order; none where nothing is visible, and the text itself where it fits.

    Raises:
        ValueError: `limit` is not positive.
    """
    if limit < 1:
        raise ValueError(f"limit {limit!r} must be positive")
    text = clean(text)
    found = leaves(text)
    if sum(leaf.length for leaf in found) <= limit and (whole := size(text)) <= limit:
        return [text] if whole and text.strip() else []
    measured = lru_cache(maxsize=8)(size)
    return [piece for piece in _Splitter(found, limit, measured).pieces() if measured(piece)]


class _Splitter:
    """What is left of a text, the next leaf last, and the items that a piece has begun."""

    def __init__(self, leaves: list[Leaf], limit: int, size: Callable[[str], int]) -> None:
        self.rest = leaves[::-1]
        self.limit = limit
        self.size = size
        self.begun: frozenset[Item] = frozenset()
        self.density = 1.0  # of the last piece, in units per visible character: where to start to look

    def pieces(self) -> Iterator[str]:
        """The pieces in order."""
        while self.rest:
            piece = self._next()
            if piece:
                written = self._written(piece)
                yield written
                self.density = max(self.size(written) / max(_length(piece), 1), 0.1)
                self.begun = _items(piece[-1])

    def _written(self, piece: list[Leaf]) -> str:
        return write(without(piece, self.begun))

    def _size(self, piece: list[Leaf]) -> int:
        return self.size(self._written(piece))

    def _next(self) -> list[Leaf]:
        """The leaves of the next piece, taken from the rest; none where a leaf was made simpler instead."""
        ahead = self._ahead()
        guess = bisect_right(list(accumulate(leaf.length for leaf in ahead)), self.limit / self.density)
        count = longest(len(ahead), lambda count: self._size(ahead[:count]), self.limit, guess)
        if 0 < count == len(self.rest):
            return self._take(count)
        best, full = self._boundary(count)
        if best and full:
            return self._take(best)
        return self._filled(count) or self._take(best or count) or self._forced()

    def _ahead(self) -> list[Leaf]:
        """The next leaves, as many as could fit."""
        ahead: list[Leaf] = []
        total = 0
        for leaf in reversed(self.rest):
            total += leaf.length
            if total > self.limit:
                break
            ahead.append(leaf)
        return ahead

    def _take(self, count: int) -> list[Leaf]:
        taken = self.rest[: -count - 1 : -1]
        del self.rest[len(self.rest) - count :]
        return taken

    def _boundary(self, count: int) -> tuple[int, bool]:
        """How many leaves to take, up to `count`, to cut at the best place (0: there is none), and whether that is half a piece."""
        ahead = self.rest[: -count - 2 : -1]
        lengths = list(accumulate(leaf.length for leaf in ahead[:count]))
        half = self.limit * lengths[-1] // (2 * self._size(ahead[:count]) or 1) if lengths else 0
        ranks = [(_bond(*pair), -index) for index, pair in enumerate(pairwise(ahead), 1)]
        allowed = [place for place in ranks if place[0] < GLUED]
        late = [place for place in allowed if lengths[-place[1] - 1] >= half]
        return (-min(late or allowed)[1] if allowed else 0), bool(late)

    def _filled(self, count: int) -> list[Leaf]:
        """`count` leaves and as much of the next as fits; empty if nothing does."""
        head, leaf = self.rest[: -count - 1 : -1], self.rest[-count - 1]
        guess = int(self.limit / self.density) - _length(head)
        parts = cut(leaf, lambda part: self._size([*head, part]), self.limit, anywhere=not head, guess=guess)
        if parts is None:
            return []
        self._take(count + 1)
        self.rest.append(parts[1])
        return [*head, parts[0]]

    def _forced(self) -> list[Leaf]:
        """A part of a leaf of which nothing fits as it is; none where it was made simpler."""
        leaf = self.rest.pop()
        items = _items(leaf)
        if not is_bare(leaf):
            self.rest.extend(reversed(bare(leaf, self.limit)))
        elif not items <= self.begun:
            self.begun |= items
            self.rest.append(leaf)
        else:
            head, tail = by_force(leaf, lambda part: self._size([part]), self.limit)
            self.rest.extend([tail] if tail.runs else [])
            return [head]
        return []


def _length(leaves: list[Leaf]) -> int:
    return sum(leaf.length for leaf in leaves)


def _items(leaf: Leaf) -> frozenset[Item]:
    return frozenset(box for box in leaf.path if isinstance(box, Item))


def _bond(before: Leaf, after: Leaf) -> int:
    """How closely two neighbours belong together: by what they are in, and by what the first announces."""
    if isinstance(before, Text) and before.level:
        return GLUED
    if isinstance(before, Text) and before.line.text[: before.end].endswith((":", "：")):
        return ANNOUNCED
    shared = 0
    for one, other in zip(before.path, after.path, strict=False):
        if one is not other:
            same = isinstance(one, Item) and isinstance(other, Item) and one.list is other.list
            return 2 * shared + same
        shared += 1
    return 2 * shared - (isinstance(after, Text) and after.level > 0)
