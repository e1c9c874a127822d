from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.citations import CitationFilter, Marker, bind, grounded, quote, supporter, uncited
from assistant.knowledge.passages import Passage

PUMP = Passage(
    "p",
    "pump.md",
    "Pump manual",
    "The Zeta-9 pump must be serviced every 45 days by a certified technician. The warranty lasts 3 years.",
    score=0.9,
    start=100,
    end=201,
    page=2,
)
LIBRARY = Passage("l", "library.md", "Library", "The library opens at 9 am on weekdays. It is closed on Sundays.")
PASSAGES = (PUMP, LIBRARY)

WORDS = [
    "The pump ",
    "every 45 days",
    " [1]",
    "[2]",
    " [1, 2]",
    "【1】",
    "[7]",
    "[",
    "]",
    "1",
    ". ",
    ".\n",
    "。",
    "`",
    "```",
]
WORDS += ["(x)", " ", "\n", "closed on Sundays", "x[1]", "[a]", "[2024]", "- ", "[1-2]", "泵", "\t"]
texts = st.lists(st.sampled_from(WORDS), max_size=25).map("".join)


def passed(*deltas: str) -> str:
    sieve = CitationFilter(PASSAGES)
    return "".join([*map(sieve.feed, deltas), sieve.finish()])


@given(texts, st.data())
def test_however_a_text_is_cut_into_deltas_the_same_text_comes_out(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    deltas = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert passed(text) == passed(*deltas)


@given(texts)
def test_a_text_one_character_at_a_time_comes_out_as_in_one_piece(text: str) -> None:
    assert passed(text) == passed(*text)


@given(st.text().filter(lambda text: not re.search(r"[\[【]\s*\d", text)))
def test_a_text_without_citations_passes_unchanged(text: str) -> None:
    assert text == passed(text)


@given(texts)
def test_every_marker_that_leaves_names_a_passage(text: str) -> None:
    sieve = CitationFilter(PASSAGES)
    sieve.feed(text)
    sieve.finish()

    assert {marker.number for marker in sieve.markers} <= {1, 2}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Serviced every 45 days [1].", "Serviced every 45 days [1]."),
        ("Serviced every 45 days. [1] Closed on Sundays [2]", "Serviced every 45 days. [1] Closed on Sundays [2]"),
        ("Serviced every 45 days【1】。", "Serviced every 45 days[1]。"),
        ("According to [1], the warranty lasts 3 years.", "According to [1], the warranty lasts 3 years."),
        ("[2] The library is closed on Sundays.", "[2] The library is closed on Sundays."),
        ("The pump and the library [1, 2].", "The pump and the library [1][2]."),
        ("The pump and the library [1-2].", "The pump and the library [1][2]."),
        ("The pump and the library [1][2].", "The pump and the library [1][2]."),
    ],
)
def test_a_citation_of_a_passage_that_bears_on_the_sentence_stays(said: str, expected: str) -> None:
    assert expected == passed(said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Serviced every 45 days [7].", "Serviced every 45 days."),
        ("Serviced every 45 days[7].", "Serviced every 45 days."),
        ("Serviced every 45 days [1, 7].", "Serviced every 45 days [1]."),
        ("Serviced every 45 days [3]", "Serviced every 45 days"),
        ("Serviced [9] every 45 days", "Serviced every 45 days"),
    ],
)
def test_a_citation_of_no_passage_is_taken_out(said: str, expected: str) -> None:
    assert expected == passed(said)


def test_a_citation_of_a_passage_that_has_nothing_to_do_with_the_sentence_is_taken_out() -> None:
    assert "Bananas grow in bunches." == passed("Bananas grow in bunches [2].")


@pytest.mark.parametrize(
    "text",
    [
        "an array [a] and a footnote [^1]",
        "the law of [2024]",
        "[1](https://example.org) and [the manual](m.md)",
        "`x[9]` and ``a ` [9]``",
        "```python\nprint(x[9])\nrow [9]\n```\nend",
        "x[0], f(x)[9] and my_list[9]",
        "the interval [0, 1]",
        "an open [ bracket",
        "ends with [",
        "ends with [1",
        "- [ ] to do\n- [x] done",
    ],
)
def test_a_bracket_that_is_no_citation_passes_unchanged(text: str) -> None:
    assert text == passed(text)


def test_text_is_held_back_only_while_it_may_become_a_citation() -> None:
    sieve = CitationFilter(PASSAGES)

    assert ["every 45 days", "", "", " [1].", " Next [a]"] == [
        sieve.feed(piece) for piece in ("every 45 days ", "[", "1]", ".", " Next [a]")
    ]


def test_a_citation_is_bound_to_the_sentence_of_the_passage_that_supports_it() -> None:
    (citation,) = bind("The warranty lasts 3 years.", [Marker(26, 1)], PASSAGES)

    assert "The warranty lasts 3 years." == citation.quote


def test_the_place_of_a_quote_is_counted_in_the_document() -> None:
    (citation,) = bind("The warranty lasts 3 years.", [Marker(26, 1)], PASSAGES)

    assert (100 + PUMP.text.index("The warranty"), 100 + len(PUMP.text)) == (citation.start, citation.end)


def test_a_quote_of_a_passage_without_a_place_has_none() -> None:
    (citation,) = bind("Closed on Sundays.", [Marker(17, 2)], PASSAGES)

    assert (None, None) == (citation.start, citation.end)


def test_a_citation_carries_the_passage_it_comes_from() -> None:
    (citation,) = bind("The warranty lasts 3 years.", [Marker(26, 1)], PASSAGES)

    assert ("pump.md", "Pump manual", 2, 0.9) == (citation.source, citation.title, citation.page, citation.score)


def test_citations_stand_in_the_order_in_which_they_first_appear() -> None:
    text = "Closed on Sundays. The warranty lasts 3 years. It opens at 9 am."
    markers = [Marker(17, 2), Marker(45, 1), Marker(63, 2)]

    assert [2, 1] == [citation.number for citation in bind(text, markers, PASSAGES)]


def test_a_quote_spans_sentences_where_what_is_said_does() -> None:
    assert PUMP.text == quote(PUMP.text, "Serviced every 45 days, with a warranty of 3 years").text


@given(st.text(max_size=200), st.text(max_size=50))
def test_a_quote_is_a_piece_of_the_passage(passage: str, said: str) -> None:
    found = quote(passage, said)

    assert found.text == passage[found.start : found.end]


def test_a_text_without_citations_gets_that_of_the_passage_supporting_it() -> None:
    assert [Marker(7, 1)] == uncited("45 days", PASSAGES, question="How often must the pump be serviced?")


def test_a_sentence_that_no_passage_supports_gets_no_citation() -> None:
    assert [] == uncited("The pump is blue.", PASSAGES, question="What colour is the pump?")


def test_what_a_sentence_repeats_of_the_question_supports_nothing() -> None:
    assert (
        supporter("The Zeta-9 pump must be serviced by magic", PASSAGES, question="Who services the Zeta-9 pump?")
        is None
    )


def test_a_number_that_the_passage_does_not_hold_is_not_supported() -> None:
    assert supporter("The pump must be serviced every 90 days by a technician.", PASSAGES) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The warranty lasts 3 years.", "yes"),
        ("The warranty lasts 3 years. Bananas are yellow.", "partly"),
        ("Bananas are yellow.", "no"),
        ("", "no"),
    ],
)
def test_an_answer_is_grounded_as_far_as_its_sentences_are_supported(text: str, expected: str) -> None:
    assert expected == grounded(text, PASSAGES)


@pytest.mark.parametrize(
    ("passage", "said"),
    [
        ("泽塔泵必须每45天由认证技师保养一次。保修期为三年。", "保修期是三年"),
        ("ポンプは45日ごとに点検が必要です。保証期間は3年です。", "保証期間は3年です"),
        ("ต้องซ่อมบำรุงปั๊มทุก 45 วัน การรับประกันมีอายุ 3 ปี", "การรับประกันมีอายุ 3 ปี"),
        ("Насос обслуживают каждые 45 дней. Гарантия длится три года.", "Гарантия: три года"),
        ("पंप की सर्विस हर 45 दिन में होनी चाहिए। वारंटी तीन साल की है।", "वारंटी तीन साल"),
        ("يجب صيانة المضخة كل 45 يومًا. مدة الضمان ثلاث سنوات.", "مدة الضمان ثلاث سنوات"),
        ("펌프는 45일마다 점검해야 합니다. 보증 기간은 3년입니다.", "보증 기간은 3년"),
    ],
)
def test_support_is_found_in_every_script(passage: str, said: str) -> None:
    assert 1 == supporter(said, [Passage("x", "x", "x", passage)])


def test_an_answer_in_another_script_is_judged_by_its_numbers() -> None:
    assert (1, None) == (supporter("每45天保养一次。", [PUMP]), supporter("每60天保养一次。", [PUMP]))
