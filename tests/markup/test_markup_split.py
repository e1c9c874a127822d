"""Splitting: every piece fits, is Markdown of its own, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from assistant.markup import plain, split, utf8, utf16
from assistant.markup.leaves import leaves
from assistant.markup.places import UNSPACED
from assistant.markup.write import write
from tests.markup.grammar import DOCUMENTS, HOSTILE, WORDS, depth, letters, seen

PROSE = "Some **bold** text with *em* and [a link](http://x.y/z) and `code` in it. "


def size(markdown: str) -> int:
    """As Telegram counts, about."""
    return utf16("".join(char for char, _ in seen(markdown))) + markdown.count("\n") + markdown.count(" ")


def shown(markdown: str) -> int:
    """Characters of the plain text."""
    return len(plain(markdown))


def tables(markdown: str) -> bool:
    return any("cell" in what for _, what in seen(markdown))


@given(st.one_of(DOCUMENTS, HOSTILE))
def test_what_is_written_reads_as_what_was_read(text: str) -> None:
    assert seen(text) == seen(write(leaves(text)))


@given(st.one_of(DOCUMENTS, HOSTILE), st.integers(64, 400))
def test_pieces_show_together_what_the_whole_shows_each_character_with_its_styles(text: str, limit: int) -> None:
    if tables(text):
        return
    pieces = split(text, limit=limit, size=size)
    assert seen(text) == [char for piece in pieces for char in seen(piece)]


@pytest.mark.parametrize("measure", [len, lambda text: utf16(plain(text)), lambda text: utf8(plain(text))])
@given(text=st.one_of(DOCUMENTS, HOSTILE), limit=st.integers(64, 1000))
def test_every_piece_fits_and_no_letter_is_lost(measure: Callable[[str], int], text: str, limit: int) -> None:
    pieces = split(text, limit=limit, size=measure)
    assert [] == [piece for piece in pieces if measure(piece) > limit]
    assert not letters(plain(text)) - letters(" ".join(map(plain, pieces)))
    assert pieces == [again for piece in pieces for again in split(piece, limit=limit, size=measure)]


@given(st.lists(WORDS.filter(lambda word: word[0].isalpha()), min_size=1, max_size=60), st.integers(64, 200))
def test_neither_words_nor_graphemes_are_cut(words: list[str], limit: int) -> None:
    text = " ".join(words)
    for one, other in pairwise(split(text, limit=limit, size=shown)):
        last, first = plain(one).split()[-1], plain(other).split()[0]
        assert not regex.match(r"[\p{M}\u200d\p{Emoji_Modifier}]", first)
        assert last + first not in words or UNSPACED.search(last + first) or len(last + first) > limit


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("# One\n\naa bb\n\n# Two\n\ncc dd", 14, ["# One\n\naa bb", "# Two\n\ncc dd"]),
        ("- aaaa\n- bbbb\n- cccc", 15, ["- aaaa\n- bbbb", "- cccc"]),
        ("7. aaaa\n8. bbbb\n9. cccc", 16, ["7. aaaa\n8. bbbb", "9. cccc"]),
        ("```py\na = 1\nb = 2\nc = 3\n```", 15, ["```py\na = 1\nb = 2\n```", "```py\nc = 3\n```"]),
        ("Is it? Yes it is. So be it then.", 20, ["Is it? Yes it is.", "So be it then."]),
        ("**aaa bbb ccc ddd**", 8, ["**aaa bbb**", "**ccc ddd**"]),
        ("aaa [bbb ccc](http://x.y) ddd", 21, ["aaa", "[bbb ccc](http://x.y)", "ddd"]),
        ("> aaa bbb\n> ccc ddd", 12, ["> aaa bbb", "> ccc ddd"]),
        ("- aaa bbb\n  - ccc\n- ddd", 9, ["- aaa bbb", "- ccc", "- ddd"]),
        ("今天天气很好我们去公园", 6, ["今天天气很好", "我们去公园"]),
        ("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 8, ["👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦"]),
        ("aaaaaaaaaaaa", 5, ["aaaaa", "aaaaa", "aa"]),
        ("fits, **as it is**  \n", 99, ["fits, **as it is**  \n"]),
        (" \n\t", 9, []),
        ("", 9, []),
    ],
)  # fmt: skip
def test_a_text_is_cut_where_it_hurts_least(text: str, limit: int, expected: list[str]) -> None:
    assert expected == split(text, limit=limit, size=shown)


def test_a_heading_stays_with_a_paragraph_that_is_cut() -> None:
    pieces = split("intro\n\n# Head\n\n" + "word " * 100, limit=100, size=shown)
    assert pieces[1].startswith("# Head\n\nword") or pieces[0].startswith("intro\n\n# Head\n\nword")


def test_the_header_of_a_table_is_repeated_and_every_row_is_there_once() -> None:
    rows = [f"| row{number:03} | **x** |" for number in range(100)]
    pieces = split("\n".join(["| name | y |", "|:--|--:|", *rows]), limit=300, size=shown)
    assert all(piece.startswith("| name | y |\n|:--|--:|\n") for piece in pieces)
    assert rows == [line for piece in pieces for line in piece.split("\n")[2:]]


def test_a_row_longer_than_the_limit_becomes_text() -> None:
    pieces = split("| a | b |\n|--|--|\n| 1 | 2 |\n| " + "long " * 40 + "| 3 |\n| 4 | 5 |", limit=64, size=shown)
    assert "| a | b |\n|---|---|\n| 1 | 2 |" == pieces[0]
    assert pieces[-1].endswith("3\n\n| a | b |\n|---|---|\n| 4 | 5 |")
    assert 40 == sum(piece.count("long") for piece in pieces)


def test_an_address_longer_than_the_limit_is_shown_whole() -> None:
    url = "http://x.y/" + "a" * 200
    pieces = split(f"[label]({url}) end", limit=70, size=shown)
    assert f"label({url})end" == "".join("".join(map(plain, pieces)).split())


def test_a_grapheme_longer_than_the_limit_is_cut_all_the_same() -> None:
    pieces = split("a" + "\u0301" * 100, limit=64, size=shown)
    assert "a" + "\u0301" * 100 == "".join(pieces)
    assert [64, 37] == list(map(len, pieces))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000, "![[" * 4_000, "[a](" * 5_000, ">" * 10_000 + "x", "> " * 5_000 + "x", "- " * 5_000 + "x",
        "1. " * 3_000 + "x", "*a " * 5_000 + "b* " * 5_000, "**a* " * 6_000, "~~a" * 9_000, "`" * 10_000 + "\nx",
        "```\n" + "x\n" * 30_000, "\\" * 10_000, "|a" * 5_000 + "\n" + "|-" * 5_000, "a\n" * 20_000, "x](" * 5_000,
        "\u0301" * 20_000, "🇩" * 10_000, "a\x00b\ud800c" * 1_000, "<" * 10_000, "&" * 10_000, "x" * 100_000,
        "| " + "h" * 1_000 + "|\n|-|\n" + "|b|\n" * 2_000,
    ],
)  # fmt: skip
def test_hostile_texts_are_split_without_harm(text: str) -> None:
    assert depth(text) < 60
    pieces = split(text, limit=4096, size=shown)
    assert all(0 < shown(piece) <= 4096 for piece in pieces)
    assert not letters(text) - letters(" ".join(map(plain, pieces)))


def test_a_text_twice_as_long_is_measured_twice_as_often() -> None:
    """Splitting is linear: what is parsed to measure pieces grows as the text does."""
    measured: list[int] = []

    def counted(text: str) -> int:
        measured[-1] += len(text)
        return shown(text)

    for times in (200, 400):
        measured.append(0)
        split(PROSE * times, limit=1000, size=counted)
    assert measured[1] < 2.2 * measured[0]
    assert measured[1] < 6 * len(PROSE * 400)


def test_a_limit_must_be_positive() -> None:
    with pytest.raises(ValueError, match="limit 0"):
        split("a", limit=0, size=len)
