from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.fusion import CONTENDERS, Candidate, contested, ranked, semantic, settled

share = st.floats(0, 1)


def candidate(id: str, semantic: float, lexical: float) -> Candidate:
    return Candidate(id, f"text {id}", {}, semantic, semantic, lexical)


many = st.lists(st.tuples(share, share), min_size=1, max_size=12).map(
    lambda pairs: ranked([candidate(f"{n:02}", *pair) for n, pair in enumerate(pairs)])
)


def test_a_cosine_of_foreign_texts_means_nothing_and_that_of_the_same_text_everything() -> None:
    assert [0.0, 0.0, 0.5, 1.0] == [semantic(cosine, 0.75) for cosine in (-0.2, 0.75, 0.875, 1.0)]


def test_meaning_and_words_count_the_same() -> None:
    assert candidate("a", 0.4, 0.8).score == candidate("b", 0.8, 0.4).score == 0.6


def test_words_decide_where_meanings_are_the_same_and_the_other_way_round() -> None:
    found = ranked([candidate("a", 0.5, 0.1), candidate("b", 0.5, 0.9), candidate("c", 0.9, 0.1)])
    assert ["b", "c", "a"] == [each.id for each in found]


def test_ties_are_ranked_by_id() -> None:
    assert ["a", "b", "c"] == [each.id for each in ranked([candidate(id, 0.5, 0.5) for id in "cab"])]


def test_only_a_close_lead_is_contested() -> None:
    assert contested([candidate("a", 0.5, 0.5), candidate("b", 0.5, 0.45)])
    assert not contested([candidate("a", 0.5, 0.5), candidate("b", 0.4, 0.4)])
    assert not contested([candidate("a", 0.5, 0.5)])
    assert not contested([])


def test_the_sentence_that_answers_lifts_its_passage_over_the_one_before() -> None:
    found = [candidate("a", 0.6, 0.6), candidate("b", 0.6, 0.58)]
    lifted = settled(found, [(0.2, 0.1), (0.9, 0.8)])
    assert ["b", "a"] == [each.id for each in lifted]
    assert {"cosine": 0.6, "semantic": 0.6, "lexical": 0.58, "sentence": 0.9, "wording": 0.8} == lifted[0].explanation()


@given(many, st.lists(st.tuples(share, share), max_size=CONTENDERS))
def test_nobody_is_lost_scores_stay_in_range_and_order_and_the_unseen_never_gain(
    found: list[Candidate], sentences: list[tuple[float, float]]
) -> None:
    after = settled(found, sentences[: len(found)])
    assert {each.id for each in found} == {each.id for each in after}
    scores = [each.score for each in after]
    assert sorted(scores, reverse=True) == scores
    assert all(0 <= score <= 1 for score in scores)
    unseen = [each.id for each in found[len(sentences) :]]
    assert unseen == [each.id for each in after if each.id in unseen]
    before = {each.id: each.score for each in found}
    assert all(each.score == before[each.id] for each in after if each.id in unseen)


def test_an_explanation_leaves_out_what_was_not_looked_at() -> None:
    assert {"cosine", "semantic", "lexical"} == candidate("a", 0.5, 0.5).explanation().keys()
