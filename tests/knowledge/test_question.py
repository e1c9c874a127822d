from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.question import CHARACTERS, LEAD, MIDDLE, REMARKS, Question, Remark
from assistant.testing.words import WordEmbeddings

EARLIER = (Remark("user", "Tell me of the Zeta pump."), Remark("assistant", "It moves water [1]."))
FOLLOW_UP = Question("How heavy is it?", EARLIER)
shares = st.floats(0, 1)
scores = st.lists(shares, max_size=120).map(lambda found: sorted(found, reverse=True))
remarks = st.lists(st.builds(Remark, st.sampled_from(["user", "assistant"]), st.text(max_size=300)), max_size=9)
EMBEDDINGS = WordEmbeddings()


def middling(lead: float, *, candidates: int = 60) -> list[float]:
    """Scores of candidates, the best one `lead` ahead of all others."""
    return [0.3 + lead, *[0.3] * (candidates - 1)]


def test_a_first_question_is_asked_as_it_stands() -> None:
    question = Question("machine machine 42")

    assert {"machine": 2.0, "42": 1.0} == {term: w for term, w in question.asked().items() if not term.startswith("#")}
    assert 0.0 == question.carry([0.3, 0.3])
    assert EMBEDDINGS.embed_query("machine machine 42") == pytest.approx(question.vector(EMBEDDINGS))


def test_a_question_that_finds_its_passage_needs_nothing_of_the_conversation() -> None:
    assert 0.0 == FOLLOW_UP.carry(middling(2 * LEAD))


def test_a_question_that_finds_all_passages_alike_needs_the_whole_conversation() -> None:
    assert 1.0 == FOLLOW_UP.carry(middling(0.0))


def test_in_between_it_needs_the_less_the_more_it_finds() -> None:
    assert 0.5 == pytest.approx(FOLLOW_UP.carry(middling(LEAD / 2)))


def test_a_question_that_finds_nothing_needs_the_whole_conversation() -> None:
    assert 1.0 == FOLLOW_UP.carry([])


def test_a_few_good_passages_beside_many_others_are_found_too() -> None:
    assert 0.0 == FOLLOW_UP.carry([0.9] * 5 + [0.3] * 20)


def test_asking_for_more_candidates_moves_the_middle_no_further_than_usual() -> None:
    usual = [0.9 - 0.001 * rank for rank in range(2 * MIDDLE)]

    assert FOLLOW_UP.carry(usual) == FOLLOW_UP.carry([*usual, *[0.0] * 900])


def test_remarks_without_words_are_no_conversation() -> None:
    question = Question("How heavy is it?", (Remark("user", " \n"), Remark("assistant", "[1]")))

    assert (0.0, dict(Question("How heavy is it?").asked())) == (question.carry([]), dict(question.asked(1.0)))


def test_a_follow_up_looks_for_what_was_said_before_as_well() -> None:
    asked = FOLLOW_UP.asked(1.0)

    assert {"zeta", "pump", "water", "heavy"} <= asked.keys()
    assert asked["zeta"] == asked["heavy"]


def test_numbers_of_citations_are_not_looked_for() -> None:
    assert "1" not in FOLLOW_UP.asked(1.0)


def test_the_beginnings_of_the_last_remarks_are_looked_at() -> None:
    long = Remark("user", "pump " * CHARACTERS + "valve")
    question = Question("And?", (Remark("user", "forgotten"), *EARLIER, *EARLIER, Remark("assistant", "hose"), long))

    assert REMARKS < len(question.earlier)
    assert {"forgotten", "valve"}.isdisjoint(question.asked(1.0))
    assert {"zeta", "hose", "pump"} <= question.asked(1.0).keys()


def test_a_follow_up_looks_in_the_direction_of_what_was_said_before() -> None:
    pump = EMBEDDINGS.embed_query("Zeta pump")
    near = [math.dist(pump, FOLLOW_UP.vector(EMBEDDINGS, carry)) for carry in (0.0, 0.5, 1.0)]

    assert near[0] > near[1] > near[2]


@given(scores, scores, remarks.filter(bool))
def test_what_a_question_needs_is_a_share_and_falls_with_its_lead(
    one: list[float], other: list[float], earlier: list[Remark]
) -> None:
    question = Question("And its price?", tuple(earlier))

    assert 0.0 <= question.carry(one) <= 1.0
    if one and other:
        leads = [found[0] - found[min(len(found) // 2, MIDDLE)] for found in (one, other)]
        needed = [question.carry(found) for found in (one, other)]
        assert (leads[0] - leads[1]) * (needed[0] - needed[1]) <= 0.0


@given(st.text(max_size=200), remarks, shares)
def test_weights_are_never_negative_and_weigh_as_much_as_the_question(
    text: str, earlier: list[Remark], carry: float
) -> None:
    question = Question(text, tuple(earlier))
    alone = sum(question.asked().values())

    weights = question.asked(carry).values()

    assert all(weight >= 0.0 for weight in weights)
    if alone:
        assert alone == pytest.approx(sum(weights))


@given(st.text(max_size=80), remarks, shares)
def test_the_vector_has_unit_length(text: str, earlier: list[Remark], carry: float) -> None:
    vector = Question("word " + text, tuple(earlier)).vector(EMBEDDINGS, carry)

    assert 1.0 == pytest.approx(math.hypot(*vector))


@pytest.mark.parametrize("ask", [Question.asked, lambda question: question.vector(EMBEDDINGS)])
@given(text=st.text(max_size=80), earlier=remarks)
def test_without_carry_the_conversation_changes_nothing(
    ask: Callable[[Question], object], text: str, earlier: list[Remark]
) -> None:
    assert ask(Question(text)) == ask(Question(text, tuple(earlier)))
