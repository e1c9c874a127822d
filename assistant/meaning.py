"""How near the meaning of a sentence is to that of a passage's sentences, in any language an embedding knows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from assistant.support import spans

REMEMBERED = 4096
"""Vectors kept: 6 MB with 384 numbers each, some hundred passages."""

Vector = NDArray[np.float32]


class Meaning:
    """Compares sentences by an embedding; vectors are remembered by their text. For threads, not for an event loop."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._lock = Lock()

    def nearness(self, sentence: str, passages: Sequence[str]) -> list[float]:
        """For each passage how near its nearest sentence is to `sentence`: at most 1, and 0 as near as the average.

        (cosine - mean) / (1 - mean), the mean taken over the sentences of all passages: cosines of unrelated texts are
        near 0 with some models and near 0.8 with others, lower between languages than within one. One sentence alone
        is always as near as the average.
        """
        cosines = [self._cosines(sentence, passage) for passage in passages]
        mean = float(np.concatenate(cosines).mean()) if cosines else 0.0
        return [(float(found.max()) - mean) / max(1.0 - mean, 1e-6) for found in cosines]

    def nearest(self, sentence: str, passage: str) -> int:
        """Place of the nearest sentence among `spans(passage)`."""
        return int(self._cosines(sentence, passage).argmax())

    def _cosines(self, sentence: str, passage: str) -> Vector:
        texts = [span.text for span in spans(passage)] or [passage]
        wanted, *rest = self.vectors([sentence, *texts])
        return np.stack(rest) @ wanted

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of unit length; what is not remembered is embedded in one batch."""
        with self._lock:
            known = {text: self._known[text] for text in texts if text in self._known}
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        made = self._embeddings.embed_documents(missing) if missing else []
        for text, vector in zip(missing, np.asarray(made, np.float32), strict=True):
            known[text] = vector / max(float(np.linalg.norm(vector)), 1e-12)
        self._remember({text: known[text] for text in texts})
        return [known[text] for text in texts]

    def _remember(self, vectors: dict[str, Vector]) -> None:
        with self._lock:
            for text, vector in vectors.items():
                self._known[text] = vector
                self._known.move_to_end(text)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
