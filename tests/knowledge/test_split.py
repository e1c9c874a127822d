from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.knowledge.load import Loaded
from assistant.knowledge.split import Chunk, embedding_text, split

BUILDING_BLOCKS = [
    *(
        "# Title\n",
        "## Part\n\n",
        "Under\n=====\n",
        "A sentence. Another one! A third?\n",
        "北京是首都。人口很多！真的吗？",
    ),
    *("- item\n", "  - nested item with words\n", "1. first\n", "> quoted\n", "    indented\n", "<div>\n", "---\n"),
    *("```py\nx = 1\n\ny = 2\n```\n", "```\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "[link]: http://example.org\n"),
    *("\n", "\n\n", " ", "\t", "word ", "x" * 50, "\x00", "\r", "\u2028", "👨‍👩‍👧", "e\u0301"),
]
TEXTS = st.one_of(st.text(max_size=400), st.lists(st.sampled_from(BUILDING_BLOCKS), max_size=40).map("".join))


def words(text: str) -> int:
    return len(text.split())


def quarters(text: str) -> int:
    return -(-len(text) // 4)


def uneven(text: str) -> int:
    """A count that does not add up, as that of real tokenizers: a piece may have more tokens than the whole."""
    return len(text.encode("utf-8", "replace")) // 3 + 2 * (len(text) % 2) + 1


COUNTS = st.sampled_from([words, quarters, len, uneven])


def parts(
    text: str, max_tokens: int = 20, count: Callable[[str], int] = words, media_type: str = "text/markdown"
) -> list[Chunk]:
    return split(Loaded("s", "t", text, media_type), max_tokens=max_tokens, count=count)


def texts(text: str, max_tokens: int = 20) -> list[str]:
    return [chunk.text for chunk in parts(text, max_tokens)]


def printed(text: str) -> str:
    return "".join(text.split())


@settings(deadline=None)
@given(TEXTS, st.integers(4, 60), COUNTS, st.sampled_from(["text/markdown", "text/x-source"]))
def test_chunks_are_ordered_slices_that_hold_every_character_once(
    text: str, max_tokens: int, count: Callable[[str], int], media_type: str
) -> None:
    chunks = parts(text, max_tokens, count, media_type=media_type)
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    assert all(chunk.text.strip() == chunk.text != "" for chunk in chunks)
    assert all(above.end <= below.start for above, below in pairwise(chunks))
    assert printed(text) == printed("".join(chunk.text for chunk in chunks))


@settings(deadline=None)
@given(TEXTS, st.integers(4, 60), COUNTS)
def test_no_chunk_is_longer_than_asked_unless_it_is_one_character(
    text: str, max_tokens: int, count: Callable[[str], int]
) -> None:
    for chunk in parts(text, max_tokens, count):
        assert count(chunk.text) <= max_tokens or len(chunk.text) == 1


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.integers(4, 60))
def test_splitting_again_gives_the_same(text: str, max_tokens: int) -> None:
    assert parts(text, max_tokens) == parts(text, max_tokens)


def test_a_short_document_is_one_chunk() -> None:
    assert [Chunk("One. Two.", 2, 11, None, ())] == parts("\n\nOne. Two.\n\n")


def test_nothing_but_white_space_gives_no_chunk() -> None:
    assert [] == parts(" \n\n\t\n")


def test_headings_form_a_path() -> None:
    text = "# Guide\n\nIntro.\n\n## Install\n\nRun it.\n\n### Windows\n\nClick.\n\n## Use\n\nAsk.\n"
    assert [
        ("Guide",),
        ("Guide", "Install"),
        ("Guide", "Install", "Windows"),
        ("Guide", "Use"),
    ] == [chunk.headings for chunk in parts(text)]


def test_a_heading_stands_in_the_chunk_that_it_introduces() -> None:
    text = "Before.\n\n# Empty\n\n## Inner\n\nText of the inner part.\n"
    assert ["Before.", "# Empty\n\n## Inner\n\nText of the inner part."] == texts(text)


def test_underlined_headings_count() -> None:
    assert [("Top",), ("Top", "Below")] == [c.headings for c in parts("Top\n===\n\nText.\n\nBelow\n-----\n\nMore.\n")]


def test_a_comment_in_a_fence_is_no_heading() -> None:
    assert [("Run",)] == [chunk.headings for chunk in parts("# Run\n\n```sh\n# not a heading\nls\n```\n")]


def test_a_long_paragraph_above_dashes_is_no_heading() -> None:
    assert [()] == [chunk.headings for chunk in parts(f"{'word ' * 60}\n---\n\nText.", 100)]


def test_front_matter_is_no_heading() -> None:
    chunks = parts("---\ntitle: Menu\ntags: food\n---\n# Menu\n\nSoup.\n")
    assert [("---\ntitle: Menu\ntags: food\n---", ()), ("# Menu\n\nSoup.", ("Menu",))] == [
        (chunk.text, chunk.headings) for chunk in chunks
    ]


def test_paragraphs_of_a_section_are_merged_while_they_fit() -> None:
    assert ["One two three.\n\nFour five six.", "Seven eight nine."] == texts(
        "One two three.\n\nFour five six.\n\nSeven eight nine.\n", 7
    )


def test_sections_are_not_merged() -> None:
    assert ["# A\n\nOne.", "# B\n\nTwo."] == texts("# A\n\nOne.\n\n# B\n\nTwo.\n", 100)


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    assert ["Dr. Li measured 3.5 volts.", "It was quite low again today."] == texts(
        "Dr. Li measured 3.5 volts. It was quite low again today.", 7
    )


def test_chinese_is_cut_between_sentences() -> None:
    assert ["北京是首都。", "人口很多！真的吗？", "“是的。”他说。"] == [
        chunk.text for chunk in parts("北京是首都。人口很多！真的吗？“是的。”他说。", 9, len)
    ]


def test_a_sentence_that_is_too_long_is_cut_at_a_clause() -> None:
    assert ["one two three four,", "five six seven eight"] == texts("one two three four, five six seven eight", 6)


def test_text_without_white_space_is_cut_between_graphemes() -> None:
    family = "👨‍👩‍👧"
    chunks = parts(family * 20, 16, len)
    assert {0} == {len(chunk.text) % len(family) for chunk in chunks}


def test_a_table_is_cut_between_rows_and_its_head_keeps_a_row() -> None:
    rows = [f"| row {number} | value {number} |" for number in range(6)]
    chunks = texts("\n".join(["| name | value |", "|---|---|", *rows]), 20)
    assert "\n".join(["| name | value |", "|---|---|", rows[0]]) in chunks[0]
    assert all(line in rows for chunk in chunks[1:] for line in chunk.split("\n"))


def test_a_list_is_cut_between_items() -> None:
    items = [f"- item number {number} says this." for number in range(6)]
    assert ["\n".join(items[:3]), "\n".join(items[3:])] == texts("\n".join(items), 21)


def test_a_fence_is_cut_between_lines_best_at_a_blank_one() -> None:
    text = "```py\na = 1\nb = 2\n\nc = 3\nd = 4\n```\n"
    assert ["```py\na = 1\nb = 2", "c = 3\nd = 4\n```"] == texts(text, 10)


def test_a_fence_that_fits_is_kept_whole() -> None:
    text = "Some words before the code stands here.\n\n```py\na = 1\n\nb = 2\n```\n"
    assert ["Some words before the code stands here.", "```py\na = 1\n\nb = 2\n```"] == texts(text, 12)


def test_source_code_is_cut_before_definitions_and_has_no_headings() -> None:
    functions = [f"# {name}\ndef {name}(x):\n    y = x\n\n    return y" for name in "fgh"]
    chunks = parts("\n\n\n".join(functions), 12, media_type="text/x-source")
    assert [(function, ()) for function in functions] == [(chunk.text, chunk.headings) for chunk in chunks]


def test_link_definitions_are_kept() -> None:
    text = "See [it][a].\n\n[a]: http://example.org/a\n"
    assert [text.strip()] == texts(text)


def test_the_page_is_the_one_on_which_a_chunk_starts() -> None:
    pages = ["First page here.\n\n", "Second page here.\n\n", "Third page here.\n"]
    starts = (0, len(pages[0]), len(pages[0] + pages[1]))
    loaded = Loaded("s", "t", "".join(pages), "application/pdf", starts)
    assert [1, 2, 3] == [chunk.page for chunk in split(loaded, max_tokens=3, count=words)]


def test_what_is_embedded_names_title_and_headings() -> None:
    chunk = Chunk("Click.", 0, 6, None, ("Guide", "Windows"))
    assert "Manual > Guide > Windows\n\nClick." == embedding_text(chunk, "Manual", max_tokens=20, count=words)


def test_a_heading_that_repeats_the_title_is_embedded_once() -> None:
    chunk = Chunk("Click.", 0, 6, None, ("Guide",))
    assert "Guide\n\nClick." == embedding_text(chunk, "Guide", max_tokens=20, count=words)


def test_headings_give_way_to_the_text_where_the_model_has_no_room() -> None:
    chunk = Chunk("one two three", 0, 13, None, ("Guide", "Windows"))
    assert "Manual\n\none two three" == embedding_text(chunk, "Manual", max_tokens=4, count=words)
    assert "one two three" == embedding_text(chunk, "Manual", max_tokens=3, count=words)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        "中" * 100_000,
        "." * 200_000,
        '."' * 50_000,
        " " * 500_000 + "x",
        "\n " * 100_000 + "x",
        "# a\n" * 30_000,
        "> " * 50_000,
        "- " * 50_000,
        "\n".join("  " * depth + "- a" for depth in range(500)),
        "[" * 100_000,
        "|" * 50_000 + "\n" + "|-" * 25_000,
        "```\n" + "x\n" * 50_000,
        "---\n" + "x\n" * 50_000,
        "e" + "\u0301" * 100_000,
        "\x00\x01" * 50_000,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_hostile_text_is_split_without_loss(text: str) -> None:
    calls = 0

    def count(stretch: str) -> int:
        nonlocal calls
        calls += len(stretch)
        return quarters(stretch)

    chunks = parts(text, 256, count)
    assert printed(text) == printed("".join(chunk.text for chunk in chunks))
    assert calls < 40 * len(text)
