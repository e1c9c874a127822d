from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.pieces import Pieces, Reference, Words, numbered

PARTS = [
    "The pump ",
    "45 days",
    " [1]",
    "[2]",
    "【1】",
    "[",
    "]",
    "1",
    ". ",
    ".",
    ".\n",
    "。",
    "`",
    "```",
    "(x)",
    " ",
    "\n",
]
PARTS += ["x[1]", "Dr. Rao", "e.g. ", "!", "| a. B |", "- ", "泵", "\t", "\n\n", '"', "?) ", "A"]
texts = st.lists(st.sampled_from(PARTS), max_size=25).map("".join)


def told(*deltas: str) -> str:
    """The pieces as one text: a sentence's end as ¶, a citation as its numbers."""
    pieces = Pieces()
    found = [piece for delta in deltas for piece in pieces.feed(delta)] + list(pieces.finish())
    marks = (
        piece.text if isinstance(piece, Words) else f"<{piece.written}>" if isinstance(piece, Reference) else "¶"
        for piece in found
    )
    return "".join(marks)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Every 45 days. [1] Closed [2]. Next", "Every 45 days.< [1]>¶ Closed< [2]>.¶ Next¶"),
        ("According to [1], Dr. Rao is here. yes. No", "According to< [1]>, Dr. Rao is here. yes.¶ No¶"),
        ("保修期三年。泵[1]。好【2】吗", "保修期三年。¶泵<[1]>。¶好<【2】>吗¶"),
        ("A `x[1]. B` c. [a] D [1](u). E", "A `x[1]. B` c.¶ [a] D [1](u).¶ E¶"),
        ("| a. B | 5 [1] |\nEnd", "| a. B | 5< [1]> |¶\nEnd¶"),
        ("- ```\nx. Y [1]\n```\nEnd", "- ¶```\nx. Y [1]\n```¶\nEnd¶"),
        ("It is ``` x [1]. Y\nEnd [1]", "It is ``` x [1]. Y¶\nEnd< [1]>¶"),
        ("", "¶"),
    ],
)
def test_words_citations_and_ends_of_sentences_are_told_apart(text: str, expected: str) -> None:
    assert expected == told(text)


@given(texts, st.data())
def test_however_a_text_is_cut_the_same_pieces_come_out(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))

    assert told(text) == told(*[text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)])


@given(texts)
def test_nothing_is_lost(text: str) -> None:
    assert text == told(*text).replace("<", "").replace(">", "").replace("¶", "")


@given(texts, texts)
def test_what_is_said_to_pass_ends_no_sentence_and_is_not_held_back(text: str, more: str) -> None:
    pieces = Pieces()
    list(pieces.feed(text))
    if pieces.passes(more):
        assert all(isinstance(piece, Words) for piece in pieces.feed(more))


@pytest.mark.parametrize(
    ("inside", "expected"), [("1", [1]), ("1, 3-5", [1, 3, 4, 5]), ("2、2", [2]), ("0", []), ("5-3", [])]
)
def test_the_numbers_of_a_citation_are_listed(inside: str, expected: list[int]) -> None:
    assert expected == numbered(inside)
