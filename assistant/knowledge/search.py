"""Search: the passages nearest to a question in meaning and words, never one that is half written or being replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from assistant.knowledge.closeup import look
from assistant.knowledge.duplicates import distinct
from assistant.knowledge.fusion import CANDIDATES, CONTENDERS, Candidate, contested, ranked, semantic, settled
from assistant.knowledge.lock import committing
from assistant.knowledge.manifest import Manifest, generation_of
from assistant.knowledge.metadata import where
from assistant.knowledge.store import rounded

if TYPE_CHECKING:
    from assistant.knowledge.embedder import Embedder
    from assistant.knowledge.index import Index
    from assistant.knowledge.lexicon import Lexicon
    from assistant.knowledge.question import Question
    from assistant.meaning import Meaning

T = TypeVar("T")

MAX_PASSAGES = 1000
"""Passages one search may ask for."""
SPARE = 8
"""Candidates beyond `k`, so that repeated texts and what is being replaced leave `k`."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: what metadata must be like, the partitions with their revisions, and generations not to be seen."""

    condition: Mapping[str, Any] | None
    partitions: Mapping[str, int]
    hidden: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, best first, and how it read the question.

    `carried` is how much of what was said before it took (0 to 1), `asked` the weights of the terms looked for,
    `weights` the same times how rare they are where was looked, `vector` the direction, of unit length.
    """

    candidates: tuple[Candidate, ...]
    carried: float
    asked: Mapping[str, float]
    vector: Sequence[float]
    weights: Mapping[str, float] = field(default_factory=dict)


class Search:
    """Looks into both indexes, and into the manifest for what must not be seen."""

    def __init__(
        self, index: Index, lexicon: Lexicon, manifest: Manifest, embedder: Embedder, meaning: Meaning
    ) -> None:
        self._index = index
        self._lexicon = lexicon
        self._manifest = manifest
        self._embedder = embedder
        self._meaning = meaning

    def run(self, question: Question, k: int, *, filter: Mapping[str, Any] | None, access: Sequence[str]) -> Found:
        """The `k` best that somebody with the labels `access` may see.

        Raises:
            ValueError: the question is empty, `k` is not 1 to 1000, or the filter is wrong.
        """
        if not question.text.strip():
            raise ValueError("the query is empty")
        if not 1 <= k <= MAX_PASSAGES:
            raise ValueError(f"k is {k!r}: 1 to {MAX_PASSAGES} passages can be asked for")
        condition = where(filter)
        return self._steady(lambda scope: self._found(question, k, scope), condition, access)

    def passages(self, ids: Sequence[str], *, access: Sequence[str]) -> dict[str, Candidate]:
        """Those of these passages that there are and that somebody with the labels `access` may see; without scores."""
        return self._steady(lambda scope: self._there(ids, scope), None, access)

    def _there(self, ids: Sequence[str], scope: Scope) -> dict[str, Candidate]:
        found = self._index.fetch(ids, where=None, partitions=scope.partitions)
        return {
            id: Candidate(id, text, metadata, 0.0, 0.0, 0.0)
            for id, (_, text, metadata) in found.items()
            if generation_of(id) not in scope.hidden
        }

    def words(self, found: Found, id: str, *, access: Sequence[str]) -> dict[str, float]:
        """What a passage's lexical score owes to each word of the question."""
        return self._lexicon.words(found.asked, id, partitions=self._manifest.visible(access))

    def _steady(self, look: Callable[[Scope], T], condition: Mapping[str, Any] | None, access: Sequence[str]) -> T:
        """What `look` finds while nothing is switched under it: at first hoping so, then with the writers waiting."""
        for _ in range(3):
            revision = self._manifest.revision()
            found = look(self._scope(condition, access))
            if self._manifest.revision() == revision:
                return found
        with committing(self._manifest.path):
            return look(self._scope(condition, access))

    def _scope(self, condition: Mapping[str, Any] | None, access: Sequence[str]) -> Scope:
        unfinished = self._manifest.unfinished()
        hidden = frozenset((generation.document, generation.version) for generation in unfinished)
        return Scope(condition, self._manifest.visible(access), hidden)

    def _found(self, question: Question, k: int, scope: Scope) -> Found:
        number = max(CANDIDATES, k + SPARE)
        while True:
            found, exhausted = self._asked(question, partial(self._candidates, number=number, scope=scope))
            once = distinct((c, c.text) for c in found.candidates)
            best = tuple(islice(once, max(k, CONTENDERS)))
            if len(best) >= k or exhausted:
                weights = self._lexicon.weights(found.asked, partitions=scope.partitions)
                found = replace(found, weights=weights)
                return replace(found, candidates=tuple(self._settled(best, found)[:k]))
            number *= 4

    def _asked(
        self, question: Question, find: Callable[[Mapping[str, float], Sequence[float]], tuple[list[Candidate], bool]]
    ) -> tuple[Found, bool]:
        """The question as it stands, and where that is not enough, as far as needed with what was said before."""
        asked, vector = question.asked(), question.vector(self._embedder.embeddings)
        candidates, exhausted = find(asked, vector)
        if carried := question.carry([candidate.score for candidate in candidates]):
            asked, vector = question.asked(carried), question.vector(self._embedder.embeddings, carried, alone=vector)
            candidates, exhausted = find(asked, vector)
        return Found(tuple(candidates), carried, asked, vector), exhausted

    def _candidates(
        self, asked: Mapping[str, float], vector: Sequence[float], *, number: int, scope: Scope
    ) -> tuple[list[Candidate], bool]:
        """What either index proposes, scored by both, best first; and whether there is no more than that."""
        near = self._index.query(vector, number, where=scope.condition, partitions=scope.partitions)
        worded = dict(self._lexicon.search(asked, number, partitions=scope.partitions))
        hits = {hit.id: (hit.score, hit.text, hit.metadata) for hit in near}
        hits |= self._others([id for id in worded if id not in hits], vector, scope)
        rest = [id for id in hits if id not in worded]
        shares = worded | self._lexicon.shares(asked, rest, partitions=scope.partitions)
        found = [
            Candidate(id, text, metadata, cosine, semantic(cosine, self._embedder.floor), shares[id])
            for id, (cosine, text, metadata) in hits.items()
            if generation_of(id) not in scope.hidden
        ]
        return ranked(found), len(near) < number

    def _others(
        self, ids: Sequence[str], vector: Sequence[float], scope: Scope
    ) -> Iterator[tuple[str, tuple[float, str, dict[str, Any]]]]:
        """The passages of these ids that are in scope, with their cosines."""
        import numpy as np

        question = np.asarray(vector, np.float32)
        question /= np.linalg.norm(question) or 1.0
        fetched = self._index.fetch(ids, where=scope.condition, partitions=scope.partitions) if ids else {}
        for id, (stored, text, metadata) in fetched.items():
            cosine = float(stored @ question) / (float(np.linalg.norm(stored)) or 1.0)
            yield id, (rounded(cosine), text, metadata)

    def _settled(self, best: tuple[Candidate, ...], found: Found) -> Sequence[Candidate]:
        """With the first ones looked at sentence by sentence where they are too close to tell."""
        if not contested(best):
            return best
        texts = [candidate.text for candidate in best[:CONTENDERS]]
        seen = look(texts, self._meaning.vectors, question=found.vector, asked=found.weights)
        return settled(best, [(semantic(cosine, self._embedder.floor), held) for cosine, held in seen])
