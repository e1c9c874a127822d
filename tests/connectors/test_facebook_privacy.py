"""A public answer repeats nothing by which the person who asked could be found, and leaves the rest as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors._facebook_privacy import discreet

COMMENT = (
    "Hi, I am Ann. Write to ann.example+shop@mail.example.org or call +49 170 1234567, card 4111 1111 1111 1111, "
    "IBAN DE89 3704 0044 0532 0130 00. Open on 24.12.2026? Do you have 1.000.000 of them?"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello Ann Example, we open at 9.", "Hello …, we open at 9."),
        ("ANN  EXAMPLE asked", "… asked"),
        ("Thanks, Ann! See you, @Ann.", "Thanks, …! See you, …."),
        ("Dear Ms Example", "Dear Ms …"),
        ("We wrote to ann.example+shop@mail.example.org.", "We wrote to …."),
        ("We wrote to ANN.EXAMPLE+SHOP@mail.example.org.", "We wrote to …."),
        ("Your number 0170 1234567 is noted.", "Your number … is noted."),
        ("Your number 0170/123-45-67 is noted.", "Your number … is noted."),
        ("Card 4111-1111-1111-1111 was charged.", "Card … was charged."),
        ("IBAN DE89370400440532013000", "IBAN DE…"),
    ],
)
def test_what_they_gave_away_is_left_out(text: str, expected: str) -> None:
    assert expected == discreet(text, comment=COMMENT, name="Ann Example")


@pytest.mark.parametrize(
    "text",
    [
        "Call us at +49 30 7654321 or write to shop@example.org.",
        "On 24.12.2026 we are closed, as on 2026-12-24.",
        "We have 1.000.000 of them.",
        "Annual examples: an example of Annette, and planning.",
        "Open from 9 to 17, 49 170 days a year.",
    ],
)
def test_what_is_not_theirs_stays(text: str) -> None:
    assert text == discreet(text, comment=COMMENT, name="Ann Example")


@pytest.mark.parametrize(
    "date",
    [
        "24.12.2026",
        "24. 12. 2026",
        "24.12.26 18",
        "24.12.2026 18.00",
        "24.12.2026 (18-22)",
        "24.12.2026 - 31.12.2026",
        "24.12.\u201331.12.2026",
        "12/24/2026 6 pm",
        "24/12/2026-31/12/2026",
        "2026-12-24 9.00 - 17.30",
        "2026/12/24",
        "9.00 - 17.00",
    ],
)
def test_a_date_that_was_asked_about_may_be_answered(date: str) -> None:
    assert f"Yes, on {date}." == discreet(f"Yes, on {date}.", comment=f"Open on {date}?", name="Ann Example")


@pytest.mark.parametrize("number", ["06.12.20.26.89", "01.02.2026.34.56", "06 12 20 26 89", "0170 1234567"])
@pytest.mark.parametrize("beside", ["{}", "24.12.2026 {}", "{} 24.12.2026", "{} 0171 7654321", "0171 7654321 {}"])
def test_a_number_is_left_out_whatever_stands_beside_it(number: str, beside: str) -> None:
    assert "You gave …." == discreet(f"You gave {number}.", comment=f"Call {beside.format(number)}!", name="")
    assert number not in discreet(f"You gave {beside.format(number)}.", comment=f"Call {number}!", name="")


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("王小明您好，我们九点开门。", "王小明", "…您好，我们九点开门。"),
        ("Hola José, buenos días José María", "José María", "Hola …, buenos días …"),
        ("Josefina no es José", "José", "Josefina no es …"),
        ("@ann.example_90 we ship", "ann.example_90", "… we ship"),
        ("an example, and a dog", "ann.example", "an example, and a dog"),
        ("Привет, Анна Иванова", "Анна Иванова", "Привет, …"),
        ("de la casa de la Cruz", "María de la Cruz", "de la casa de la …"),
        ("A. is a letter", "A. Smith", "A. is a letter"),
        ("12 34 5678", "12 34", "12 34 5678"),
        ("nothing", "", "nothing"),
        ("C++ (beta) [x]", "C++ (beta)", "… [x]"),
    ],
)
def test_names_are_found_in_every_script(text: str, name: str, expected: str) -> None:
    assert expected == discreet(text, comment="", name=name)


def test_digits_of_every_script_are_digits() -> None:
    assert "رقمك …" == discreet("رقمك 0170 1234567", comment="٠١٧٠ ١٢٣٤٥٦٧", name="")


@given(comment=st.text(max_size=200), name=st.text(max_size=30), text=st.text(max_size=200))
def test_whatever_is_written_nothing_new_comes_of_it(comment: str, name: str, text: str) -> None:
    seen = discreet(text, comment=comment, name=name)
    assert len(seen) <= len(text) or "…" in seen
    assert text == discreet(text, comment="", name="")


@given(
    local=st.from_regex(r"[a-z][a-z0-9]{1,9}", fullmatch=True),
    number=st.from_regex(r"0[1-9][0-9]{2,3}[ /-][1-9][0-9]{5,7}", fullmatch=True),
)
def test_an_address_and_a_number_never_pass(local: str, number: str) -> None:
    address = f"{local}@mail.example.org"
    said = discreet(f"We wrote to {address} and called {number}.", comment=f"{address}, {number}", name="Zed")
    assert address not in said
    assert number not in said
