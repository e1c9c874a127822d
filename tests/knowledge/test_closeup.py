import numpy as np

from assistant.knowledge.closeup import look
from assistant.testing.words import WordEmbeddings

EMBEDDINGS = WordEmbeddings()


def vectors(texts):
    return [np.asarray(vector, np.float32) for vector in EMBEDDINGS.embed_documents(list(texts))]


def test_the_best_sentence_of_each_text_is_told_by_meaning_and_by_words() -> None:
    asked = {"pump": 2.0, "cleaned": 1.0, "yearly": 1.0}
    question = EMBEDDINGS.embed_query("pump cleaned yearly")
    near, far, empty = look(
        ["It is red. The pump is cleaned yearly.", "The cat sleeps all day.", ""],
        vectors,
        question=question,
        asked=asked,
    )
    assert 1.0 == near[1]
    assert (0.0, 0.0) == (far[1], empty[1])
    assert near[0] > far[0]


def test_words_spread_over_two_sentences_count_only_where_most_of_them_stand() -> None:
    asked = {"pump": 2.0, "yearly": 1.0}
    ((_, held),) = look(
        ["The pump is old. It stops yearly."], vectors, question=EMBEDDINGS.embed_query("x"), asked=asked
    )
    assert 2 / 3 == held
