"""The wait between two tries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.backoff import backoff


@given(attempt=st.integers(1, 10_000), first=st.floats(0.1, 10), longest=st.floats(10, 300))
def test_waits_double_from_the_first_to_the_longest_give_or_take_a_quarter(
    attempt: int, first: float, longest: float
) -> None:
    about = min(longest, first * 2 ** min(attempt - 1, 16))

    assert 0.75 * about <= backoff(attempt, first=first, longest=longest) <= 1.25 * about
