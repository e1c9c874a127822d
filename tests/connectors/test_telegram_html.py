"""Telegram's HTML: only what Telegram knows, nested as it allows, escaped; and what it counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.markup import split, utf16
from assistant.testing.telegram_markup import parse
from connectors._telegram_html import render, size, visible
from tests.markup.grammar import DOCUMENTS, HOSTILE

TEXTS = st.one_of(DOCUMENTS, HOSTILE)
STYLES = {"bold", "italic", "strikethrough"}


def crossing(entities: list[dict[str, Any]]) -> list[object]:
    """Pairs that Telegram does not allow: crossing ones, anything in code, a quote in a quote."""
    spans = [(entity["offset"], entity["offset"] + entity["length"], entity["type"]) for entity in entities]
    pairs = [(one, other) for index, one in enumerate(spans) for other in spans[index + 1 :] if other[0] < one[1]]
    return [pair for pair in pairs if not allowed(*pair)]


def allowed(outer: tuple[int, int, str], inner: tuple[int, int, str]) -> bool:
    kinds = {outer[2], inner[2]}
    if kinds & {"code", "pre"}:
        return "blockquote" in kinds and inner[1] <= outer[1]
    return inner[1] <= outer[1] and (bool(kinds & STYLES) or len(kinds) == 2)


@given(TEXTS)
def test_what_telegram_reads_is_the_visible_text_with_entities_that_it_allows(text: str) -> None:
    shown, entities = parse(render(text), "HTML")
    assert visible(render(text)).strip() == shown
    assert [] == crossing(entities)


@given(TEXTS, st.integers(64, 4096))
def test_pieces_are_valid_and_within_the_limit(text: str, limit: int) -> None:
    for piece in split(text, limit=limit, size=size):
        shown, entities = parse(render(piece), "HTML")
        assert 0 < utf16(shown) <= size(piece) <= limit
        assert len(entities) <= 100


@given(TEXTS, st.data())
def test_any_beginning_of_a_text_is_valid_too(text: str, data: st.DataObject) -> None:
    start = text[: data.draw(st.integers(0, len(text)))]
    assert visible(render(start)).strip() == parse(render(start), "HTML")[0]


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("# A `b` *c*", "<b>A </b><code>b</code><b> <i>c</i></b>"),
        ("**a *b* ~~c~~**", "<b>a <i>b</i> <s>c</s></b>"),
        ("- a\n  - b\n- c", "• a\n  • b\n• c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("> a\n> > b", "<blockquote>a\n\nb</blockquote>"),
        ("```py x\na < b\n```", '<pre><code class="language-py">a &lt; b</code></pre>'),
        ("```\na", "<pre>a</pre>"),
        ("| a | b |\n|--|--|\n| 中文 | 2 |\n| 1 |", "<pre>a    | b\n-----+--\n中文 | 2\n1    |</pre>"),
        ("| a | b |\n|--|--|\n| [x](http://y.z) | 2 |", '<b>a</b>: <a href="http://y.z">x</a>\n<b>b</b>: 2'),
        ("see [1] and 【2】", "see [1] and 【2】"),
        ('[a](http://x.y/?q="1"&r=<)', '<a href="http://x.y/?q=%221%22&amp;r=%3C">a</a>'),
        ("[a](ftp://x.y) [b](/c) [d](javascript:x)", "a (ftp://x.y) b (/c) [d](javascript:x)"),
        ("![alt](http://x.y/z.png)", '<a href="http://x.y/z.png">alt</a>'),
        ("<b>x</b> & <script>", "&lt;b&gt;x&lt;/b&gt; &amp; &lt;script&gt;"),
        ("a\nb  \nc", "a\nb\nc"),
        ("[`x`](http://y.z)", '<a href="http://y.z">x</a>'),
        ("a\x00b\ud800", "a\ufffdb\ufffd"),
        ("**unclosed", "**unclosed"),
    ],
)  # fmt: skip
def test_markdown_becomes_telegrams_html(markdown: str, html: str) -> None:
    assert html == render(markdown)


@pytest.mark.parametrize(("markdown", "units"), [("a & <b>", 7), ("👍🏽", 4), ("# " + "b" * 50, 50), ("", 0)])
def test_size_is_utf16_code_units_of_the_visible_text(markdown: str, units: int) -> None:
    assert units == size(markdown)


def test_no_message_has_more_links_than_telegram_reads() -> None:
    text = " ".join(f"[{number}](http://x.y/{number})" for number in range(300))
    pieces = [parse(render(piece), "HTML") for piece in split(text, limit=4096, size=size)]
    assert [f"http://x.y/{number}" for number in range(300)] == [each["url"] for _, found in pieces for each in found]
    assert max(len(found) for _, found in pieces) <= 100
    assert 4 == len(pieces)


def test_a_table_wider_than_a_phone_is_written_row_by_row() -> None:
    wide = "long words " * 5
    assert f"<b>a</b>: {wide.strip()}\n<b>b</b>: 1" == render(f"| a | b |\n|--|--|\n| {wide}| 1 |")
