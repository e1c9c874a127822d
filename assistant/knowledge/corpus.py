"""What one search sees of the lexical index: a moment of it, some of its partitions, and how rare a term is in those."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from assistant.knowledge.terms import VERSION

if TYPE_CHECKING:
    from tantivy import Query, Schema, Searcher

TERMS = f"terms{VERSION}"
"""Named after the version of the terms: a folder that was filled by another one is not of this schema."""
ALL = "*"
"""The partition of every passage."""
K1 = 1.2
"""Tantivy's saturation of BM25: a term adds at most K1 + 1 times its rarity to a score."""

MANY = 1000
"""A term that stands in more passages than this, and in more than half of all, weighs nothing.

Robertson's form of BM25 has no positive rarity for it. It takes 29 % off the time of a search in 100,000 passages and
moves nDCG by 0.1 points at most (six public sets). In a small collection every word counts.
"""


class Weighed(NamedTuple):
    """A term as one partition stores it; `boost` makes a share of the score that it gets there."""

    term: str
    stored: str
    boost: float


class Corpus:
    """The passages of `partitions` (None: of all) at the moment of `searcher`."""

    def __init__(self, searcher: Searcher, schema: Schema, partitions: Collection[str] | None) -> None:
        self._searcher = searcher
        self._schema = schema
        self._partitions = partitions

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """Passages of each partition that has any, by what marks its terms."""
        if self._partitions is None:
            found = self._searcher.terms_with_prefix("partition", "")
            return {mark: size for mark, size in found if mark != ALL}
        sizes = {mark: self._searcher.doc_freq("partition", mark) for mark in map(mark_of, self._partitions)}
        return {mark: size for mark, size in sizes.items() if size}

    def _holding(self, term: str) -> dict[str, int]:
        """How many passages of each partition hold the term, where any do."""
        found = {mark: self._searcher.doc_freq(TERMS, mark + term) for mark in self._sizes}
        return {mark: holding for mark, holding in found.items() if holding}

    def weights(self, asked: Mapping[str, float]) -> dict[str, float]:
        """Each term's weight times its rarity here; one that no passage holds is as rare as can be."""
        return {term: weight * self._rarity(self._holding(term)) for term, weight in asked.items()}

    def weighed(self, asked: Mapping[str, float]) -> list[Weighed]:
        """The terms that passages hold, so that their scores add up to shares.

        Tantivy counts rarity among all passages, those deleted since the last merge included: the boost replaces its
        figure by ours.
        """
        holding = {term: self._holding(term) for term, weight in asked.items() if weight > 0}
        worth = {term: asked[term] * self._rarity(held) for term, held in holding.items()}
        most, everything = sum(worth.values()) * (K1 + 1), self._searcher.doc_freq("partition", ALL)
        return [
            Weighed(term, mark + term, worth[term] / most / rarity(count, everything))
            for term, held in holding.items()
            if worth[term] > 0
            for mark, count in held.items()
        ]

    def _rarity(self, holding: Mapping[str, int]) -> float:
        count, size = sum(holding.values()), sum(self._sizes.values())
        return 0.0 if count > max(MANY, size / 2) else rarity(count, size)

    def best(
        self, weighed: Iterable[Weighed], k: int, *, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """Ids and shares of the `k` best passages, best first; `among` are the ids of those looked at."""
        from tantivy import Occur, Query

        wanted = [(Occur.Should, self._query(each)) for each in weighed]
        if not wanted or k < 1:
            return []
        query = Query.boolean_query(wanted)
        if among is not None:
            given = Query.const_score_query(Query.term_set_query(self._schema, "id", list(among)), 0.0)
            query = Query.boolean_query([(Occur.Must, given), (Occur.Should, query)])
        hits = self._searcher.search(query, min(k, max(1, self._searcher.num_docs)), count=False).hits
        found = ((str(self._searcher.doc(at).get_first("id")), min(1.0, round(score, 6))) for score, at in hits)
        return sorted((hit for hit in found if hit[1] > 0), key=lambda hit: (-hit[1], hit[0]))

    def _query(self, each: Weighed) -> Query:
        from tantivy import Query

        return Query.boost_query(Query.term_query(self._schema, TERMS, each.stored, "freq"), each.boost)


def mark_of(partition: str) -> str:
    """What stands before the terms of a partition: as long for each, so that none begins like another."""
    return blake2b(partition.encode(), digest_size=8).hexdigest()


def rarity(holding: int, passages: int) -> float:
    """BM25's inverse document frequency in the form that is never negative, as tantivy computes it."""
    return math.log1p((passages - holding + 0.5) / (holding + 0.5))
