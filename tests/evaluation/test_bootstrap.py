from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.evaluation.bootstrap import difference, estimate, separation

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(SHARES)
def test_the_interval_holds_the_mean_and_is_the_same_each_time(values: list[float]) -> None:
    found = estimate(values)
    assert found == estimate(values)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert math.isclose(sum(values) / len(values), found.value, abs_tol=1e-9)


def test_the_interval_of_a_share_is_about_that_of_the_binomial() -> None:
    found = estimate([1.0] * 80 + [0.0] * 20)
    half = 1.96 * math.sqrt(0.8 * 0.2 / 100)
    assert (pytest.approx(0.8 - half, abs=0.02), pytest.approx(0.8 + half, abs=0.02)) == (found.low, found.high)


def test_equal_values_give_a_point() -> None:
    assert (1.0, 1.0, 1.0, 7) == (estimate([1.0] * 7).value, estimate([1.0] * 7).low, estimate([1.0] * 7).high, 7)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_a_difference_turned_round_is_its_negative(pairs: list[tuple[float, float]]) -> None:
    ours, theirs = zip(*pairs, strict=True)
    there, back = difference(ours, theirs), difference(theirs, ours)
    assert pytest.approx((there.value, there.low, there.high), abs=1e-9) == (-back.value, -back.high, -back.low)
    turned = {"better": "worse", "worse": "better", "unclear": "unclear"}
    assert turned[there.verdict] == back.verdict
    assert 0 < there.p <= 1


def test_a_difference_is_paired() -> None:
    ours, theirs = [0.9, 0.1] * 30, [0.8, 0.0] * 30
    found = difference(ours, theirs)
    assert "better" == found.verdict
    assert pytest.approx((0.1, 0.1, 0.1)) == (found.value, found.low, found.high)
    assert "worse" == difference(ours, theirs, lower_is_better=True).verdict


def test_no_difference_is_unclear() -> None:
    found = difference([1.0, 0.0] * 20, [0.0, 1.0] * 20)
    assert ("unclear", 0.0) == (found.verdict, found.value)
    assert found.p > 0.5


def test_values_that_are_not_paired_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        difference([1.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="at least one"):
        estimate([])


@given(st.lists(st.integers(0, 9), min_size=1), st.lists(st.integers(0, 9), min_size=1))
def test_the_separation_is_the_share_of_pairs_in_order(positive: list[int], negative: list[int]) -> None:
    pairs = [(high > low) + (high == low) / 2 for high in positive for low in negative]
    assert pytest.approx(sum(pairs) / len(pairs)) == separation(positive, negative)
