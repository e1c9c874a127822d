from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from assistant.meaning import REMEMBERED, Meaning
from assistant.testing.words import WordEmbeddings

PUMP = "The pump is serviced every 45 days. The warranty lasts 3 years."
LIBRARY = "The library is closed on Sundays. It opens at nine."


class Counting(Embeddings):
    """`WordEmbeddings` that counts the texts of each call."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.batches.append(len(texts))
        return WordEmbeddings().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_the_passage_that_says_it_is_nearer() -> None:
    near = Meaning(WordEmbeddings()).nearness("The library is closed on Sundays.", [PUMP, LIBRARY])

    assert near[1] == pytest.approx(1.0, abs=1e-5)
    assert near[0] < 0.3


def test_the_nearest_sentence_is_told_by_its_place() -> None:
    assert 1 == Meaning(WordEmbeddings()).nearest("How long does the warranty last? 3 years", PUMP)


def test_a_single_sentence_is_as_near_as_the_average() -> None:
    assert [0.0] == Meaning(WordEmbeddings()).nearness("The pump is blue.", ["The pump is serviced."])


def test_no_passage_is_near_where_there_is_none() -> None:
    assert [] == Meaning(WordEmbeddings()).nearness("The pump is blue.", [])


def test_a_sentence_is_embedded_once() -> None:
    counting = Counting()
    meaning = Meaning(counting)
    first, second = (meaning.nearness("Closed on Sundays", [PUMP, LIBRARY]) for _ in range(2))

    assert (first, 5) == (second, sum(counting.batches))


def test_only_so_many_vectors_are_kept() -> None:
    counting = Counting()
    meaning = Meaning(counting)
    for number in range(REMEMBERED + 10):
        meaning.nearness("x", [f"w{number}"])
    meaning.nearness("x", ["w0"])

    assert REMEMBERED + 12 == sum(counting.batches)


def test_threads_may_share_it() -> None:
    meaning = Meaning(WordEmbeddings())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: meaning.nearness(f"word {n % 7}", [PUMP, LIBRARY]), range(200)))

    assert all(found[n] == found[n % 7] for n in range(200))


@given(st.text(max_size=50), st.lists(st.text(max_size=80), max_size=4))
def test_nothing_is_nearer_than_one(said: str, passages: list[str]) -> None:
    assert all(near <= 1.0001 for near in Meaning(WordEmbeddings()).nearness(said, passages))
