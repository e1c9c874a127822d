"""Search: the passages nearest to a query, never one that is half written or being replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from langchain_core.embeddings import Embeddings

from assistant.knowledge.index import Hit, Index
from assistant.knowledge.lock import committing
from assistant.knowledge.manifest import Generation, Manifest, generation_of
from assistant.knowledge.metadata import where
from assistant.knowledge.passages import Passage

MAX_PASSAGES = 1000
"""Passages one search may ask for."""
SPARE = 8
"""Passages asked for beyond `k`, so that equal texts and what is being replaced leave `k`, and ties are cut by id."""


class Search:
    """Looks into the collection, and into the manifest for what must not be seen."""

    def __init__(self, index: Index, manifest: Manifest, embeddings: Embeddings) -> None:
        self._index = index
        self._manifest = manifest
        self._embeddings = embeddings

    def run(self, query: str, k: int, *, filter: Mapping[str, Any] | None) -> list[Passage]:
        """As `Knowledge.search`."""
        if not query.strip():
            raise ValueError("the query is empty")
        if not 1 <= k <= MAX_PASSAGES:
            raise ValueError(f"k is {k!r}: 1 to {MAX_PASSAGES} passages can be asked for")
        condition = where(filter)
        vector = self._embeddings.embed_query(query)
        return [_passage(hit) for hit in self._steady(partial(self._nearest, vector, k, condition))]

    def _steady(self, look: Callable[[list[Generation]], list[Hit]]) -> list[Hit]:
        """What `look` finds while nothing is switched under it: at first hoping so, then with the writers waiting."""
        for _ in range(3):
            unfinished = self._manifest.unfinished()
            hits = look(unfinished)
            if self._manifest.unfinished() == unfinished:
                return hits
        with committing(self._manifest.path):
            return look(self._manifest.unfinished())

    def _nearest(
        self, vector: list[float], k: int, condition: Mapping[str, Any] | None, unfinished: list[Generation]
    ) -> list[Hit]:
        hidden = {(generation.document, generation.version) for generation in unfinished}
        asked = k + SPARE
        while True:
            hits = self._index.query(vector, asked, where=condition)
            seen: dict[str, Hit] = {}
            for hit in hits:
                if generation_of(hit.id) not in hidden:
                    seen.setdefault(hit.text, hit)
            if len(seen) >= k or len(hits) < asked:
                return list(seen.values())[:k]
            asked *= 4


def _passage(hit: Hit) -> Passage:
    metadata = dict(hit.metadata)
    own = {name: metadata.pop(name, None) for name in ("source", "title", "start", "end", "page")}
    return Passage(id=hit.id, text=hit.text, score=hit.score, metadata=metadata, **own)
