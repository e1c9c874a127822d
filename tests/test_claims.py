from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.claims import claims, facts, unknown_codes


def held(said: str, source: str, language: str = "en", other: str | None = None) -> bool:
    there = other or language
    return claims(said, language).held(facts(source, there), names=there == language)


@pytest.mark.parametrize(
    ("said", "source", "language", "other"),
    [
        ("1,234.5 euros", "1.234,5 Euro", "en", "de"),
        ("1234.5 euros", "1,234.5 euros", "en", "en"),
        ("1234 units", "1 234 units", "en", "en"),
        ("1 234 567 pièces", "1.234.567 pieces", "fr", "en"),
        ("12,34,567 rupees", "1234567 rupees", "en", "en"),
        ("1.50", "1.5", "en", "en"),
        ("٤٥ يوما", "45 days", "ar", "en"),
        ("5 million people", "5,000,000 people", "en", "en"),
        ("500万", "5 million", "zh", "en"),
        ("3,5 Mio. Euro", "3.5 million euros", "de", "en"),
        ("3.5亿人", "350 million people", "zh", "en"),
        ("2 Milliarden", "2 billion", "de", "en"),
        ("3 years", "three years", "en", "en"),
        ("21 Tage", "einundzwanzig Tage", "de", "de"),
        ("15 天", "十五天", "zh", "zh"),
        ("at 14:00", "at 2 pm", "en", "en"),
        ("at 2 p.m. sharp", "14:00", "en", "en"),
        ("2:30 PM", "14.30 and 14:30", "en", "en"),
        ("下午2点", "14:00", "zh", "zh"),
        ("öğleden sonra, ÖS 2", "14:00", "tr", "tr"),
        ("on 5 March 2024", "2024-03-05", "en", "en"),
        ("am 5.3.2024", "5 March 2024", "de", "en"),
        ("5 марта 2024 года", "2024/03/05", "ru", "ru"),
        ("opened in March", "opened on 2024-03-05", "en", "en"),
        ("1. Open it for 45 days", "45 days", "en", "en"),
        ("the NFL rules", "rules of the National Football League", "en", "en"),
        ("what Müller's pump does", "Muller makes a pump", "en", "en"),
        ("in Ankara'da", "Ankara", "tr", "tr"),
        ("code E42 and E-43", "codes E-42, E43", "en", "en"),
        ("Die Pumpe und der Schlauch", "nichts davon", "de", "de"),
        ("PUMP SERVICE AND REPAIR", "nothing of it", "en", "en"),
        ("A Guide To Every Pump", "nothing of it", "en", "en"),
    ],
)
def test_what_is_written_another_way_is_held(said: str, source: str, language: str, other: str) -> None:
    assert held(said, source, language, other)


@pytest.mark.parametrize(
    ("said", "source", "language"),
    [
        ("90 days", "45 days", "en"),
        ("75 %", "7.5 %", "en"),
        ("12.5 mg", "12 mg, 5 times", "en"),
        ("5 million", "5 billion", "en"),
        ("at 2 pm", "at 2 am", "en"),
        ("on 6 March 2024", "2024-03-05", "en"),
        ("on 5.3.2024", "5 April 2024", "en"),
        ("in April", "on 2024-03-05", "en"),
        ("the owner, Sorensen, said", "the owner, Larsen, said", "en"),
        ("it uses iOS", "it uses Android", "en"),
        ("the FIFA rules", "rules of the National Football League", "en"),
        ("error E42", "error E43", "en"),
        ("错误代码 X9", "错误代码 X8", "zh"),
        ("每60天", "每45天", "zh"),
    ],
)
def test_what_differs_by_a_number_a_date_or_a_name_is_not_held(said: str, source: str, language: str) -> None:
    assert not held(said, source, language)


@settings(deadline=None)
@given(st.text(max_size=200), st.sampled_from(["en", "de", "zh", "ar", "tr", "fa"]))
def test_a_text_holds_all_that_it_claims(text: str, language: str) -> None:
    assert held(text, text, language)


@settings(deadline=None)
@given(st.integers(0, 10**12), st.sampled_from(["{:d}", "{:,d}", "{:_d}"]), st.sampled_from([",", ".", " ", "'"]))
def test_a_number_is_the_same_however_it_is_grouped(number: int, pattern: str, sign: str) -> None:
    written = pattern.format(number).replace("_", sign).replace(",", sign)

    assert held(written, f"it is {number} in all")
    assert held(str(number), f"it is {written} in all")


@settings(deadline=None)
@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_is_the_same_in_twelve_and_in_twenty_four_hours(hour: int, minute: int) -> None:
    twelve = f"{hour % 12 or 12}:{minute:02} {'am' if hour < 12 else 'pm'}"

    assert held(twelve, f"{hour}:{minute:02}")
    assert held(f"{hour:02}:{minute:02}", twelve)


def test_a_code_that_no_text_knows_is_found_however_it_is_written() -> None:
    texts = ["Error E 17 means that the lid is open.", "The KX/400 weighs 47 kg."]
    assert [] == unknown_codes("What do E-17 and the KX-400 mean?", texts)
    assert ["E-99"] == unknown_codes("What does E-99 mean?", texts)
    assert [] == unknown_codes("What happened in the 1980s, the 2nd time, in 2015?", texts)
