from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from assistant.knowledge.confidence import ALONE, LOOKED_AT, STRICT, Signs, confidence
from assistant.knowledge.fusion import Candidate
from assistant.knowledge.terms import terms
from assistant.testing.words import WordEmbeddings

EMBEDDINGS = WordEmbeddings()
PUMPS = (
    "The filter of the pump is cleaned every thirty days.",
    "The warranty begins on the day of purchase.",
    "The shop is open from Monday to Friday.",
    "Letters are answered within one working day.",
)
BOMBAS = (
    "La bomba se limpia cada treinta días con agua clara y sin jabón, por favor.",
    "La garantía empieza el día de la compra; guarde usted el recibo, por favor.",
)
share = st.floats(0, 1)
signs = st.builds(Signs, share, share, st.floats(0, 0.5), st.floats(-0.5, 0.5), st.booleans())


def vectors(texts: Sequence[str]) -> list[NDArray[np.float32]]:
    return [np.asarray(vector, np.float32) for vector in EMBEDDINGS.embed_documents(list(texts))]


def found(question: str, texts: Sequence[str]) -> list[Candidate]:
    """The texts as candidates of a question, best first, by the cosine and the share of terms."""
    asked, wanted = set(terms(question)), vectors([question])[0]
    cosines = [float(vector @ wanted) for vector in vectors(texts)]
    lexical = [len(asked & set(terms(text))) / len(asked) for text in texts]
    made = [
        Candidate(str(n), text, {}, cosine, cosine, held)
        for n, (text, cosine, held) in enumerate(zip(texts, cosines, lexical, strict=True))
    ]
    return sorted(made, key=lambda each: -each.score)


def sure(question: str, texts: Sequence[str], *, carried: bool = False) -> float:
    return confidence(
        question,
        found(question, texts),
        asked=dict.fromkeys(terms(question), 1.0),
        vector=EMBEDDINGS.embed_query(question),
        vectors=vectors,
        floor=0.0,
        carried=carried,
    )


def test_where_nothing_was_found_there_is_no_answer() -> None:
    assert 0.0 == sure("How often is the filter cleaned?", [])


def test_a_question_that_a_sentence_answers_passes_and_one_that_none_touches_is_refused() -> None:
    assert sure("How often is the filter of the pump cleaned?", PUMPS) > 0.9
    assert sure("Which actor won an Oscar for comedy?", PUMPS) < STRICT


def test_the_same_question_without_the_passage_that_answers_it_is_refused() -> None:
    assert sure("When does the warranty of the purchase begin?", PUMPS) >= STRICT
    assert sure("When does the warranty of the purchase begin?", PUMPS[2:]) < STRICT


@pytest.mark.parametrize("texts", [PUMPS[:1], PUMPS])
def test_one_passage_is_judged_as_several_are(texts: Sequence[str]) -> None:
    assert sure("How often is the filter of the pump cleaned?", texts) > 0.9


def test_only_the_sentences_of_the_first_passages_are_embedded() -> None:
    seen: list[str] = []

    def noted(texts: Sequence[str]) -> list[NDArray[np.float32]]:
        seen.extend(texts)
        return vectors(texts)

    asked = dict.fromkeys(terms("pump"), 1.0)
    many = found("pump", PUMPS)
    confidence("pump", many, asked=asked, vector=EMBEDDINGS.embed_query("pump"), vectors=noted, floor=0.0)
    assert [each.text for each in many[:LOOKED_AT]] == seen


def test_passages_in_another_language_are_judged_by_meaning_alone() -> None:
    def meaning(texts: Sequence[str]) -> list[NDArray[np.float32]]:
        return [np.array([1.0, 0.0] if "bomba" in text else [0.5, 0.75**0.5], np.float32) for text in texts]

    candidates = [
        Candidate(text, text, {}, cosine, cosine, 0.0) for text, cosine in zip(BOMBAS, (0.95, 0.5), strict=True)
    ]
    question = "How often should somebody clean this machine?"
    asked = dict.fromkeys(terms(question), 1.0)

    def told(candidates: Sequence[Candidate]) -> float:
        return confidence(question, candidates, asked=asked, vector=[1.0, 0.0], vectors=meaning, floor=0.0)

    assert told(candidates) > 0.9
    assert told([candidates[1], candidates[1]]) < STRICT


def test_what_a_follow_up_found_is_not_held_against_it_for_not_being_ahead() -> None:
    question = "How often is the filter of the pump cleaned?"
    crowd = [f"{PUMPS[0]} So it is with model {n}." for n in range(20)]
    assert sure(question, crowd, carried=True) > sure(question, crowd)


def test_a_passage_that_is_ahead_is_right_more_often() -> None:
    near, far = (Signs(0.4, 0.4, ahead, 0.2).confidence for ahead in (0.3, 0.1))
    assert far < Signs(0.4, 0.4, ALONE, 0.2).confidence < near


@given(signs)
def test_it_is_a_probability(given: Signs) -> None:
    assert 0.0 <= given.confidence <= 1.0


@given(signs, st.tuples(share, share, share, share))
def test_more_of_any_sign_is_never_less_likely(less: Signs, more: tuple[float, float, float, float]) -> None:
    raised = Signs(
        less.near + more[0], less.worded + more[1], less.ahead + more[2], less.above + more[3], foreign=less.foreign
    )
    assert less.confidence <= raised.confidence
