"""Documents and questions for timings: real ones from every set, and any number of passages made of their sentences."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from assistant.evaluation.dataset import CorpusDocument, Dataset
from assistant.knowledge.sentences import sentences

NOISE = 0.5
"""Length of the noise against the vector of unit length: neighbours then have a cosine of about 0.8."""
SENTENCE = range(40, 200)
"""Bytes of a sentence that passages are made of: five make one passage of the default size."""


def documents(folder: Path, characters: int) -> list[CorpusDocument]:
    """Documents of every set in turn, each once, until there are enough characters; none makes up a tenth of them."""
    corpora = [iter(Dataset.read(path.parent).documents) for path in sorted(folder.glob("*/corpus.jsonl"))]
    taken: dict[str, CorpusDocument] = {}
    total = 0
    while corpora and total < characters:
        for corpus in list(corpora):
            document = next(corpus, None)
            if document is None:
                corpora.remove(corpus)
            elif len(document.text) < characters / 10 and digest(document.text) not in taken:
                taken[digest(document.text)] = replace(document, id=digest(document.text))
                total += len(document.text)
    return list(taken.values())


def questions(folder: Path, count: int) -> list[str]:
    """A sample of the questions of every set."""
    texts = sorted({q.text for path in folder.glob("*/corpus.jsonl") for q in Dataset.read(path.parent).queries})
    return random.Random(0).sample(texts, min(count, len(texts)))


def recombined(texts: list[str], count: int) -> Iterator[str]:
    """Passages of five sentences each, drawn from all texts."""
    pool = [text[start:end].strip() for text in texts for start, end in sentences(text, 0, len(text))]
    pool = [sentence for sentence in pool if len(sentence.encode()) in SENTENCE]
    draw = random.Random(1)
    for number in range(count):
        yield f"{' '.join(draw.sample(pool, 5))} ({number})"


class Noisy(Embeddings):
    """Questions embedded by the real model; a passage gets the vector of one real passage, with noise of its own."""

    def __init__(self, real: Embeddings, vectors: NDArray[np.float32]) -> None:
        self._real = real
        self._vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self._vector(text).tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._real.embed_query(text)

    def _vector(self, text: str) -> NDArray[np.float64]:
        draw = np.random.default_rng(int(digest(text), 16))
        noise = draw.standard_normal(self._vectors.shape[1])
        vector = self._vectors[draw.integers(len(self._vectors))] + NOISE * noise / np.linalg.norm(noise)
        unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
        return unit


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
