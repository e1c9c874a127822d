"""Small to big: passages are found small and shown with what stands around them, as far as there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from assistant.knowledge.passages import Passage

Fetch = Callable[[Sequence[str]], Mapping[str, Passage]]
"""From ids to those of them that exist."""


def widened(passages: Sequence[Passage], *, room: int, count: Callable[[str], int], fetch: Fetch) -> list[Passage]:
    """The passages, best first, with their neighbours in the document until `room` tokens are used; adjacent ones joined.

    The best passage's neighbours come first, the following before the preceding; only those of its own section and page.
    Passages found are all kept, whatever room they take. Where two are joined the text between them is white space of
    the length it has in the document, so that offsets hold.
    """
    chosen = {passage.id: passage for passage in passages}
    left = room - sum(count(passage.text) for passage in passages)
    around = fetch([id for passage in passages for id in _beside(passage.id) if id not in chosen]) if left > 0 else {}
    for passage in passages:
        for id in _beside(passage.id):
            beside = around.get(id)
            if beside is None or id in chosen or not _together(passage, beside):
                continue
            size = count(beside.text)
            if size <= left:
                left -= size
                chosen[id] = beside
    return list(_joined(chosen.values()))


def _beside(id: str) -> Iterator[str]:
    """The ids of the passages after and before one, as `Generation.ids` makes them."""
    generation, _, number = id.rpartition("-")
    if generation and number.isdecimal():
        yield f"{generation}-{int(number) + 1}"
        if int(number):
            yield f"{generation}-{int(number) - 1}"


def _together(passage: Passage, beside: Passage) -> bool:
    return passage.page == beside.page and passage.metadata.get("headings") == beside.metadata.get("headings")


def _joined(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Best first, adjacent passages as one in the place of the better."""
    waiting = {passage.id: passage for passage in passages}
    while waiting:
        joined = waiting.pop(next(iter(waiting)))
        first = last = joined.id
        while (after := _step(last, 1)) in waiting and _together(joined, waiting[after]):
            joined, last = _join(joined, waiting.pop(after)), after
        while (before := _step(first, -1)) in waiting and _together(joined, waiting[before]):
            part = waiting.pop(before)
            joined, first = replace(_join(part, joined), id=joined.id, score=joined.score), before
        yield joined


def _step(id: str, by: int) -> str:
    generation, _, number = id.rpartition("-")
    return f"{generation}-{int(number) + by}" if generation and number.isdecimal() else ""


def _join(first: Passage, second: Passage) -> Passage:
    gap = 1 if first.end is None or second.start is None else max(0, second.start - first.end)
    return replace(first, text=f"{first.text}{chr(10) * gap}{second.text}", end=second.end)
