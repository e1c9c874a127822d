from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.knowledge.terms import GRAM, LONGEST, PART, owners, parts, terms

PIECES = [
    "Straße",
    "ÉTÉ",
    "ısı",
    "İZMİR",
    "E-42",
    "3.5",
    "1,000",
    "北京",
    "カメラ",
    "ภาษา",
    "한국",
    "كتـــاب",
    "हिन्दी",
    "ﬁ",
    "Ⅳ",
]
TEXTS = st.one_of(
    st.text(max_size=200), st.lists(st.sampled_from([*PIECES, " ", "-", ".", "_", "\u0301", "\u200d"])).map("".join)
)


def words(text: str) -> list[str]:
    return [term for term in terms(text) if not term.startswith(PART)]


@settings(deadline=None)
@given(TEXTS)
def test_any_text_has_terms_without_white_space_and_always_the_same(text: str) -> None:
    found = terms(text)

    assert found == terms(text)
    assert all(term and len(term.split()) == 1 for term in found)
    assert all(len(term) <= 2 * LONGEST for term in found)


@settings(deadline=None)
@given(TEXTS)
def test_case_and_composition_make_no_difference(text: str) -> None:
    forms = [text.upper(), text.lower(), *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]

    assert [terms(text)] * 4 == [terms(form) for form in forms]


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_a_paragraph_has_the_terms_of_its_sentences(first: str, second: str) -> None:
    assert set(terms(first)) | set(terms(second)) <= {*terms(f"{first} | {second}")}


@settings(deadline=None)
@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=20))
def test_no_letters_are_lost(word: str) -> None:
    assert terms(word)


def test_a_word_is_found_by_itself_and_by_its_parts() -> None:
    assert ["boats", "#_boa", "#boat", "#oats", "#ats_"] == terms("Boats")
    assert {"#_boa", "#boat"} <= {*terms("boats")} & {*terms("boat")}
    assert {"#schi", "#hiff", "#iff_"} <= {*terms("Raumschiff")} & {*terms("Schiff")}


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("E-42", "e42"),
        ("E-42", "42"),
        ("ISO-9001", "ISO"),
        ("ISO-9001", "9001"),
        ("ISO9001", "iso-9001"),
        ("A320-200", "A320"),
        ("foo_bar", "bar"),
        ("user@example.org", "example"),
        ("covid19", "COVID-19"),
        ("1,000", "1000"),
        ("1.234.567", "1234567"),
        ("1.234,56", "1234.56"),
        ("12\u00a0345", "12345"),
        ("12'345", "12345"),
        ("3,5", "3.5"),
        ("at 14:00", "14:00"),
        ("٣٫٥ or ٤٢", "42"),
        ("C++", "c++"),
        ("C#", "C#"),
        ("Ⅳ", "IV"),
        ("ﬁle", "file"),
        ("ＩＳＯ", "iso"),
        ("soft\u00adhyphen", "softhyphen"),
    ],
)
def test_identifiers_and_numbers_are_found_however_they_are_written(written: str, asked: str) -> None:
    assert words(asked)[0] in words(written)


@pytest.mark.parametrize(
    ("one", "other"), [("3.5", "35"), ("14:00", "1400"), ("C++", "C"), ("E-42", "E-43"), ("A320-200", "A320-214")]
)
def test_identifiers_and_numbers_are_told_apart(one: str, other: str) -> None:
    assert words(one)[0] not in terms(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("café", "cafe"),
        ("Größe", "GROSSE"),
        ("ISPARTA", "ısparta"),
        ("İstanbul", "istanbul"),
        ("كِتَاب", "كتاب"),
        ("كتـــاب", "كتاب"),
        ("أحمد", "احمد"),
        ("آية", "اية"),
        ("שָׁלוֹם", "שלום"),
        ("Ёлка", "елка"),
        ("Ὀδυσσεύς", "οδυσσευς"),
        ("bệnh viện", "benh vien"),
    ],
)
def test_accents_and_points_do_not_hide_a_word(one: str, other: str) -> None:
    assert {*terms(other)} - {other} <= {*terms(one)}


def test_accents_tell_words_where_both_are_written() -> None:
    assert {"mà"} == {*terms("mà")} - {*terms("má")}
    assert "が" not in terms("か")
    assert not {*terms("किताब")} & {*terms("कतब")}


def test_syllables_make_words_in_pairs() -> None:
    assert "benh_vien" in terms("bệnh viện")
    assert "new_york" in terms("New York")
    assert "new_york" not in terms("New 中 York")


def test_scripts_without_spaces_are_searched_by_what_they_are_made_of() -> None:
    assert ["北", "京", "大", "北京", "京大"] == terms("北京大")
    assert ["東", "東で", "でカ", "カメ", "メラ"] == terms("東でカメラ")
    assert ["한국", "국어"] == terms("한국어")
    assert {"ภาษา", "ไทย"} <= {*terms("ภาษาไทย")}
    assert {"ພາສາ", "ລາວ"} <= {*terms("ພາສາລາວ")}
    assert "e42" in terms("北京E42航站")


def test_what_is_no_word_gives_no_parts_without_end() -> None:
    assert ["x" * LONGEST] == terms("x" * 100_000)
    assert [] == terms("!?… 🦙 \ud800 \u0301")


@given(st.text(st.characters(categories=["Ll"]), min_size=GRAM, max_size=30))
def test_a_part_belongs_to_its_word(word: str) -> None:
    assert all([word] == owners(part, [word, "1"]) for part in parts(word))


def test_a_pair_belongs_to_its_words_and_anything_else_to_itself() -> None:
    assert ["new", "york"] == owners("new_york", ["new", "york", "new_york"])
    assert ["2019_2020"] == owners("2019_2020", ["2019_2020"])
    assert ["#gone"] == owners("#gone", ["other"])
