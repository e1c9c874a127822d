"""What can be evaluated: something that takes documents in and finds passages, and perhaps answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from assistant.knowledge.passages import Passage

if TYPE_CHECKING:
    from assistant.answers import Citation
    from assistant.evaluation.dataset import CorpusDocument, Query

BUDGET = 6000
"""Bytes of UTF-8 that a prompt keeps for passages: 1,500 tokens at four bytes each, the same for every script."""


class System(Protocol):
    """A way to find passages. `name` stands in reports; a passage's `source` is the id of its document."""

    name: str

    def index(self, documents: Sequence[CorpusDocument]) -> int:
        """Take the documents in; how many passages they became."""

    def search(self, query: Query, k: int) -> Sequence[Passage]:
        """At most `k` passages, best first; `query.earlier` is what was said before."""

    def pack(self, query: Query, found: Sequence[Passage], budget: int) -> Sequence[Passage]:
        """What of it a prompt of `budget` UTF-8 bytes would hold; `packed` does it in the order of the ranking."""

    def close(self) -> None:
        """Give everything back."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer; `refused` where the system says so itself, not in its words; `citations` None where it never cites."""

    text: str
    refused: bool
    citations: tuple[Citation, ...] | None = None
    prompt_tokens: int = 0
    seconds: float = 0.0


@runtime_checkable
class Answering(Protocol):
    """A system that also answers."""

    def answer(self, query: Query) -> Answered:
        """The answer, from the documents taken in."""


def packed(passages: Sequence[Passage], budget: int = BUDGET) -> tuple[Passage, ...]:
    """The passages in order until `budget` bytes are full; the last one is cut to fit."""
    return tuple(_packed(passages, budget))


def _packed(passages: Sequence[Passage], budget: int) -> Iterator[Passage]:
    for passage in passages:
        size = len(passage.text.encode("utf-8", "replace"))
        if size > budget:
            text = passage.text.encode("utf-8", "replace")[:budget].decode("utf-8", "ignore")
            end = None if passage.start is None else passage.start + len(text)
            if text:
                yield replace(passage, text=text, end=end)
            return
        yield passage
        budget -= size
