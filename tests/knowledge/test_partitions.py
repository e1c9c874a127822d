"""Labels: what is one, and how a set of them becomes a partition."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.partitions import (
    MAX_HELD,
    PUBLIC,
    content_of,
    granted,
    labels,
    partition_in,
    partition_of,
    versioned,
)

LABELS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20).filter(str.strip)


@pytest.mark.parametrize(
    ("access", "why"),
    [
        ("tenant:a", "not the text 'tenant:a'"),
        (b"tenant:a", "not the text"),
        (7, "not 7"),
        ([7], "7 is no text"),
        ([None], "None is no text"),
        ([["a"]], r"\['a'\] is no text"),
        (["a", ""], "'' is blank"),
        ([" \u3000"], "is blank"),
        (["a" * 201], "has 201 characters, 200 are allowed"),
        (["a\nb"], r"'a\\nb' holds a control character"),
        (["a\0"], "control character"),
        (["a\ud800"], "control character"),
        (["a\u2028b"], "control character"),
        ([str(n) for n in range(51)], "51 labels, 50 are allowed"),
    ],
)
def test_what_is_no_list_of_labels_is_refused_with_the_reason(access: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        labels(access)


def test_labels_are_sorted_and_each_is_there_once_as_it_was_written() -> None:
    assert (" a", "A", "a", "a:1", "á") == labels(["a", "á", "A", "a", " a", "a:1"])
    assert ("e\u0301", "\u00e9") == labels(["\u00e9", "e\u0301"])


def test_who_asks_may_have_more_labels_than_a_document() -> None:
    assert 51 == len(labels(map(str, range(51)), most=MAX_HELD))


def test_an_empty_list_publishes_nothing() -> None:
    assert None is granted(None)
    with pytest.raises(ValueError, match="access is an empty list"):
        granted([])


@given(st.lists(LABELS, max_size=5), st.lists(LABELS, max_size=5))
def test_two_sets_of_labels_share_a_partition_only_where_they_are_the_same_set(
    one: list[str], other: list[str]
) -> None:
    assert (set(one) == set(other)) == (partition_of(labels(one)) == partition_of(labels(other)))


@given(st.lists(LABELS, max_size=5))
def test_a_version_tells_its_content_and_its_partition(access: list[str]) -> None:
    version = versioned("0123abcd", labels(access))

    assert ("0123abcd", partition_of(labels(access))) == (content_of(version), partition_in(version))
    assert (PUBLIC == partition_in(version)) == (not access)
    assert re.fullmatch(r"[0-9a-f.]+", version)
