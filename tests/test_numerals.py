from __future__ import annotations

import pytest

from assistant.numerals import halves, magnitudes, months, spelled
from assistant.refusal import sentences


@pytest.mark.parametrize(
    ("language", "word", "number"),
    [("en", "twenty-one", 21), ("de", "funfundvierzig", 45), ("zh", "十五", 15), ("ru", "три", 3), ("tr", "iki", 2)],
)
def test_numbers_are_spelled_in_the_words_of_the_language(language: str, word: str, number: int) -> None:
    assert number == spelled(language)[word]


@pytest.mark.parametrize(
    ("language", "word", "month"),
    [("en", "mar", 3), ("ru", "марта", 3), ("pl", "marca", 3), ("fi", "maaliskuuta", 3), ("el", "μαρτιου", 3)],
)
def test_months_are_known_as_they_stand_in_a_date(language: str, word: str, month: int) -> None:
    assert month == months(language)[word]


@pytest.mark.parametrize("language", ["fa", "th", "ar"])
def test_months_are_those_of_the_gregorian_calendar(language: str) -> None:
    assert {1, 6, 12} <= set(months(language).values())


def test_what_stands_for_more_than_one_month_names_none() -> None:
    assert {} == months("vi")  # "tháng" and a number


@pytest.mark.parametrize(("language", "mark"), [("en", "pm"), ("ja", "午後"), ("el", "μμ"), ("hu", "du")])
def test_the_afternoon_adds_twelve_hours(language: str, mark: str) -> None:
    assert 12 == halves(language)[mark]


@pytest.mark.parametrize(
    ("language", "word", "power"),
    [
        ("en", "billion", 9),
        ("de", "billion", 12),
        ("de", "mio", 6),
        ("zh", "万", 4),
        ("hi", "लख", 5),
        ("ru", "миллионов", 6),
    ],
)
def test_a_magnitude_is_that_of_the_language(language: str, word: str, power: int) -> None:
    assert power == magnitudes(language)[word]


@pytest.mark.parametrize("language", sentences())
def test_every_language_that_is_spoken_tells_the_halves_of_a_day_and_spells_numbers(language: str) -> None:
    assert ([0, 12], True) == (sorted(halves(language).values()), len(spelled(language)) > 90)
