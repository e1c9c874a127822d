from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.evidence import Evidence, quote
from assistant.knowledge.passages import Passage
from assistant.meaning import Meaning
from assistant.testing.words import WordEmbeddings

PUMP = Passage(
    "p",
    "pump.md",
    "Pump manual",
    "The Zeta-9 pump must be serviced every 45 days by a certified technician. The warranty lasts 3 years.",
)
LIBRARY = Passage("l", "library.md", "Library", "The library opens at 9 am on weekdays. It is closed on Sundays.")
PASSAGES = (PUMP, LIBRARY)
MEANING = Meaning(WordEmbeddings())


def supporter(said: str, *passages: Passage, question: str = "", meaning: Meaning | None = None) -> int | None:
    return Evidence(passages or PASSAGES, question=question, meaning=meaning).supporter(said)


def passage(text: str, title: str = "x") -> Passage:
    return Passage("x", "x", title, text)


@pytest.mark.parametrize("meaning", [None, MEANING])
def test_a_sentence_is_supported_by_the_passage_that_says_it(meaning: Meaning | None) -> None:
    asked = "How often must the pump be serviced?"

    assert [1, 2] == [
        supporter(said, question=asked, meaning=meaning) for said in ("45 days", "It is closed on Sundays.")
    ]


@pytest.mark.parametrize("meaning", [None, MEANING])
@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("The pump is blue.", "What colour is the pump?"),
        ("The Zeta-9 pump must be serviced by magic", "Who services the Zeta-9 pump?"),
        ("The pump must be serviced every 90 days by a technician.", ""),
        ("The pump must be serviced by the technician Sorensen.", ""),
        ("The Zeta-8X pump must be serviced every 45 days.", ""),
        ("!?", ""),
        ("", ""),
    ],
)
def test_what_a_passage_does_not_say_is_not_supported(said: str, question: str, meaning: Meaning | None) -> None:
    assert supporter(said, question=question, meaning=meaning) is None


def test_a_yes_is_supported_where_all_that_the_question_says_stands_in_the_passage() -> None:
    asked = "Is the library closed on Sundays?"

    assert (2, None) == (
        supporter("It is closed on Sundays.", question=asked),
        supporter("The library is closed on Sundays.", PUMP, question=asked),
    )


def test_a_passage_that_is_cited_needs_less_than_one_that_is_found() -> None:
    said = "Certified technicians should inspect the pump, and owners keep every bill."
    evidence = Evidence(PASSAGES)

    assert (True, None) == (evidence.holds(said, 1), evidence.supporter(said))


def test_a_name_may_stand_in_the_title() -> None:
    assert 1 == supporter(
        "A technician from Brightwater services the pump every 45 days.", passage(PUMP.text, "Brightwater")
    )


def test_a_name_may_stand_in_a_heading() -> None:
    under = Passage("x", "x", "x", PUMP.text, metadata={"headings": ["Pumps", "Made by Brightwater"]})

    assert 1 == supporter("A technician from Brightwater services the pump every 45 days.", under)


def test_a_name_of_another_language_need_not_stand_in_the_passage() -> None:
    german = passage("Die Pumpe wird in Deutschland alle 45 Tage gewartet, sagt der Hersteller der Pumpe.")
    asked = "How often is the pump in Germany serviced?"

    assert Evidence([german], question=asked).holds("In all of Germany, 45.", 1)


@pytest.mark.parametrize(
    ("text", "said"),
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
@pytest.mark.parametrize("meaning", [None, MEANING])
def test_support_is_found_in_every_script(text: str, said: str, meaning: Meaning | None) -> None:
    assert 1 == supporter(said, passage(text), meaning=meaning)


def test_without_meaning_an_answer_in_another_script_is_judged_by_its_numbers() -> None:
    assert (1, None) == (supporter("每45天保养一次。", PUMP), supporter("每60天保养一次。", PUMP))


def test_a_quote_spans_sentences_where_what_is_said_does() -> None:
    assert PUMP.text == quote(PUMP.text, "Serviced every 45 days, with a warranty of 3 years").text


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=50))
def test_a_quote_is_a_piece_of_the_passage(text: str, said: str) -> None:
    found = Evidence([passage(text)], meaning=MEANING).quote(1, said)

    assert found.text == text[found.start : found.end]


@settings(deadline=None)
@given(st.text(max_size=100), st.text(max_size=100))
def test_any_text_can_be_asked_about_any_other(text: str, said: str) -> None:
    assert Evidence([passage(text)], question=said, meaning=MEANING).supporter(said) in (None, 1)
