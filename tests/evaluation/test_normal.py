from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.evaluation.normal import contains, normalise


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The  Panthers' defence!", "en", "panthers defence"),
        ("The Panthers", "", "the panthers"),
        ("El envío", "es-MX", "envío"),
        ("ＡＢＣ　１２", "", "abc 12"),
        ("STRASSE Straße", "de", "strasse strasse"),
        ("1,234,567.50 and 1.234", "", "1234567.50 and 1234"),
        ("3,5 Liter", "de", "3.5 liter"),
        ("12\u00a0345 €", "fr", "12345"),
        ("in 2004 300 people", "en", "in 2004 300 people"),
        ("٣٫٥ و ۱۲", "ar", "3.5 و 12"),
        ("共 136 次。", "zh", "共136次"),
        ("zero\u200bwidth", "", "zerowidth"),
        ("Ankara'da", "tr", "ankara da"),
    ],
)
def test_a_text_is_reduced_to_what_is_compared(text: str, language: str, expected: str) -> None:
    assert expected == normalise(text, language)


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [
        ("It has 1308 points", "308", False),
        ("It has 308.5 points", "308", False),
        ("It has 308 points", "308", True),
        ("about 10km away", "10", True),
        ("go north", "no", False),
        ("no, north", "no", True),
        ("the train", "rain", False),
        ("Berlins Mauer", "Berlin", True),
        ("欧洲的语言", "欧洲", True),
        ("耗完136次。", "136 次", True),
        ("anything", "", False),
        ("north no", "no", True),
    ],
)
def test_an_answer_stands_as_whole_words_and_numbers(text: str, gold: str, expected: bool) -> None:
    assert expected is contains(normalise(text), normalise(gold))


WORDS = st.text("abcxyzéß中文カナ0123456789", min_size=1, max_size=8)


@given(before=WORDS, gold=WORDS, after=WORDS)
def test_an_answer_between_other_words_is_found(before: str, gold: str, after: str) -> None:
    assert contains(normalise(f"{before}, {gold} {after}"), normalise(gold))


@given(st.text())
def test_any_text_can_be_normalised_and_holds_itself(text: str) -> None:
    plain = normalise(text)
    assert contains(plain, plain) is bool(plain)
