from __future__ import annotations

import pytest
from sets import animals

from assistant.evaluation import Report
from assistant.evaluation.floor import Floor, shortfalls
from assistant.evaluation.report import Case


def report(**values: float) -> Report:
    named = {name.replace("_at_", "@"): value for name, value in values.items()}
    return Report("set", "assistant", 3, 3, (Case(animals().queries[0], (), {}, named),))


def test_a_floor_that_is_reached_says_nothing() -> None:
    assert [] == shortfalls(report(ndcg_at_10=0.9), [Floor.parse("ndcg@10 = 0.9")])


def test_a_metric_below_its_floor_is_named_with_both_figures() -> None:
    assert ["ndcg@10 is 0.85, below the floor of 0.9"] == shortfalls(report(ndcg_at_10=0.85), [Floor("ndcg@10", 0.9)])


def test_where_lower_is_better_the_floor_is_a_ceiling() -> None:
    found = shortfalls(report(refused_answerable=0.2), [Floor("refused_answerable", 0.1)])
    assert ["refused_answerable is 0.2, above the 0.1 allowed"] == found
    assert [] == shortfalls(report(refused_answerable=0.05), [Floor("refused_answerable", 0.1)])


def test_a_metric_that_was_not_measured_falls_short() -> None:
    assert ["contains_gold was not measured: no question of 'set' has what it needs"] == shortfalls(
        report(ndcg_at_10=1), [Floor("contains_gold", 0.1)]
    )


@pytest.mark.parametrize(
    ("text", "said"), [("ndgc=1", "did you mean 'ndcg@10'?"), ("hit@1", "is no number"), ("hit@1=x", "is no number")]
)
def test_a_floor_of_another_form_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"metric|number") as caught:
        Floor.parse(text)
    assert said in str(caught.value)
