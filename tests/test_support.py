from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.support import spans


def said(text: str) -> list[str]:
    return [span.text for span in spans(text)]


def test_a_line_break_inside_a_paragraph_ends_no_sentence() -> None:
    wrapped = "Hoses and filters have a warranty of 6 months. The warranty begins\non the day of purchase."

    assert ["Hoses and filters have a warranty of 6 months.", "The warranty begins\non the day of purchase."] == said(
        wrapped
    )


@pytest.mark.parametrize(
    "text",
    [
        "A paragraph that is long enough to have been wrapped\n\nanother one",
        "- a list item that is long enough to have been wrapped\n- another one",
        "# A heading that is long enough to have been wrapped once\nits text",
        "A paragraph that is long enough to have been wrapped\n> a quote",
        "the name of a product that is rather long: Zeta-9 pump\nprice in euros: 189.00",
        "Hafenstrasse 12\nHamburg",
    ],
)
def test_a_line_break_between_blocks_records_and_short_lines_ends_one(text: str) -> None:
    assert 2 == len(said(text))


def test_every_row_of_a_table_stands_for_itself() -> None:
    assert "| Invoice | 1.50 euros |" in said("| Way | Fee |\n| --- | --- |\n| Card | none |\n| Invoice | 1.50 euros |")


def test_an_abbreviation_ends_no_sentence() -> None:
    assert ["The keynote speaker is Dr. Anika Rao.", "She speaks at 7.5 km."] == said(
        "The keynote speaker is Dr. Anika Rao. She speaks at 7.5 km."
    )


@given(st.text(max_size=200))
def test_spans_hold_every_character_that_is_no_white_space(text: str) -> None:
    kept = "".join(text[span.start : span.end] for span in spans(text))

    assert "".join(text.split()) == "".join(kept.split())
