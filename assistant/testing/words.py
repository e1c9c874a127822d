"""A small embedding for tests: texts that share words are near each other. Deterministic, without a model."""

from __future__ import annotations

import hashlib
import math
import re

from langchain_core.embeddings import Embeddings

DIMENSION = 128


class WordEmbeddings(Embeddings):
    """Each word adds one to a place of the vector that its hash names; vectors have length 1.

    As a setting: `knowledge.embedding_model = "assistant.testing.words:WordEmbeddings"`.
    """

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        vector = [0.0] * DIMENSION
        for word in re.findall(r"\w+", text.lower()) or [""]:
            vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % DIMENSION] += 1.0
        length = math.hypot(*vector)
        return [value / length for value in vector]
