from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answers import Citation
from assistant.evaluation.dataset import CorpusDocument, Gold, Query, Span
from assistant.evaluation.metrics import METRICS, answering, context, ranking
from assistant.evaluation.place import Places
from assistant.evaluation.system import Answered, packed
from assistant.knowledge.passages import Passage

TEXT = "The cat sleeps. The dog barks. The owl turns its head."
PLACES = Places([CorpusDocument("d", "d", TEXT)])


def passage(text: str, start: int | None = None, source: str = "d") -> Passage:
    return Passage(f"{source}-{start}", source, source, text, start=start)


def test_a_perfect_ranking_scores_one_everywhere() -> None:
    expected = dict.fromkeys(["recall@1", "recall@5", "recall@10", "hit@1", "mrr@10", "ndcg@10"], 1.0)
    assert expected == ranking(["a", "b"], {"a": 1})


def test_the_metrics_of_one_question_are_as_computed_by_hand() -> None:
    found = ranking(["x", "a", "y", "z", "w", "b"], {"a": 2, "b": 1, "c": 1})
    gain = 2 / math.log2(3) + 1 / math.log2(7)
    ideal = 2 + 1 / math.log2(3) + 1 / 2
    expected = {"recall@1": 0, "recall@5": 1 / 3, "recall@10": 2 / 3, "hit@1": 0, "mrr@10": 1 / 2}
    assert pytest.approx({**expected, "ndcg@10": gain / ideal}) == found


def test_what_comes_after_the_tenth_place_does_not_count() -> None:
    assert {0.0} == set(ranking([*map(str, range(10)), "a"], {"a": 1}).values())


def test_a_grade_of_zero_is_not_relevant() -> None:
    assert {0.0} == set(ranking(["a"], {"a": 0}).values())


@given(st.permutations("abcdefghijklm"), st.dictionaries(st.sampled_from("abcdefghijklmno"), st.floats(0, 3)))
def test_every_metric_is_a_share_and_recall_grows_with_depth(ids: list[str], grades: dict[str, float]) -> None:
    found = ranking(ids, grades)
    assert all(-1e-9 <= value <= 1 + 1e-9 for value in found.values())
    assert found["recall@1"] <= found["recall@5"] <= found["recall@10"]
    assert found["hit@1"] <= found["mrr@10"]


def gold(answers: tuple[str, ...] = (), spans: tuple[tuple[int, int], ...] = (), **flags: bool) -> Query:
    places = tuple(Span("d", start, end) for start, end in spans)
    return Query("q", "?", "en", grades={"d": 1}, gold=Gold(answers, places, **flags))


def test_a_gold_text_stands_in_any_passage_whatever_its_form() -> None:
    found = context(gold(("THE  DOG barks",)), [passage("It is the dog (barks)", source="x")], PLACES)
    assert {"document_in_context": 0.0, "answer_in_context": 1.0} == found


def test_evidence_is_the_share_of_characters_held_each_once() -> None:
    query = gold(spans=((0, 15), (16, 30)), all_required=True)
    held = [passage(TEXT[:10], 0), passage(TEXT[5:20], 5)]
    assert pytest.approx({"document_in_context": 1, "evidence": 16 / 25, "answer_in_context": 0}) == context(
        query, held, PLACES
    )


def test_one_place_is_enough_unless_all_are_required() -> None:
    held = [passage(TEXT[:15], 0)]
    any_of = context(gold(spans=((0, 15), (16, 30))), held, PLACES)
    all_of = context(gold(spans=((0, 15), (16, 30)), all_required=True), held, PLACES)
    assert (1.0, 0.0) == (any_of["answer_in_context"], all_of["answer_in_context"])


def test_a_place_over_two_neighbouring_passages_is_held() -> None:
    held = [passage(TEXT[8:30], 8), passage(TEXT[:8], 0)]
    assert 1.0 == context(gold(spans=((0, 15),)), held, PLACES)["answer_in_context"]


def test_the_white_space_where_a_document_is_cut_is_not_missed() -> None:
    held = [passage("The cat sleeps.", 0), passage("The dog barks.", 16)]
    found = context(gold(spans=((4, 23),), all_required=True), held, PLACES)
    assert (1.0, 1.0) == (found["evidence"], found["answer_in_context"])


def test_longform_answers_are_not_looked_for() -> None:
    assert {"document_in_context": 1.0} == context(gold(("x",), longform=True), [passage("y")], PLACES)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (passage("The dog barks.", 16), 16),
        (passage("The dog barks.", 3), 16),
        (passage("The dog barks."), 16),
        (passage("The cat sleeps.\nThe dog barks.", 0), 0),
        (Passage("i", "d", "d", "The dog barks.", metadata={"start_index": 16}), 16),
        (passage("Nobody barks."), None),
        (passage("The dog barks.", source="elsewhere"), None),
    ],
)
def test_a_passage_is_located_also_where_its_offset_is_wrong_or_missing(found: Passage, expected: int | None) -> None:
    assert expected == PLACES.locate(found)


@given(st.lists(st.text(min_size=1), max_size=8), st.integers(0, 60))
def test_packing_keeps_the_beginning_of_the_ranking_within_the_budget(texts: list[str], budget: int) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in texts]
    joined = "".join(one.text for one in packed([passage(text, 0) for text in clean], budget))
    assert "".join(clean).startswith(joined)
    assert len(joined.encode()) <= budget
    assert len(joined.encode()) > budget - 4 or joined == "".join(clean)


QUERY = gold(("sleeps",))
RIGHT, WRONG = Citation(1, "d", "d", "The cat sleeps."), Citation(2, "x", "x", "Nobody.")


def test_an_answer_is_judged_by_its_text_and_its_citations() -> None:
    found = answering(QUERY, Answered("It sleeps.", False, (RIGHT, WRONG), 120, 0.5))
    expected = {"contains_gold": 1.0, "citation_precision": 0.5, "citation_recall": 1.0, "refused_answerable": 0.0}
    assert {**expected, "prompt_tokens": 120.0} == found


def test_a_quote_that_holds_the_gold_is_right_whatever_its_document() -> None:
    quoted = Citation(1, "copy", "copy", "A cat sleeps.")
    assert 1.0 == answering(QUERY, Answered("It sleeps.", False, (quoted,)))["citation_precision"]


def test_a_refusal_contains_nothing_and_cites_nothing() -> None:
    found = answering(QUERY, Answered("Nothing says that it sleeps.", True, ()))
    assert {"contains_gold": 0.0, "refused_answerable": 1.0, "prompt_tokens": 0.0} == found


def test_an_answer_without_citations_where_there_could_be_some_has_no_recall() -> None:
    assert 0.0 == answering(QUERY, Answered("It sleeps.", False, ()))["citation_recall"]
    assert "citation_recall" not in answering(QUERY, Answered("It sleeps.", False, None))


def test_an_unanswerable_question_is_only_judged_by_the_refusal() -> None:
    found = answering(Query("q", "?", answerable=False), Answered("No.", True, ()))
    assert {"refused_unanswerable": 1.0, "prompt_tokens": 0.0} == found


def test_every_value_is_of_a_known_metric() -> None:
    values = context(gold(("x",), ((0, 2),)), [], PLACES) | answering(QUERY, Answered("", False, (RIGHT,)))
    assert values.keys() | ranking([], {}).keys() <= METRICS.keys()
