import pytest

from assistant.knowledge.duplicates import distinct

LONG = "The pump of the washing machine is behind the lower panel and is cleaned by turning the filter to the left. "


def kept(*texts: str) -> list[int]:
    return list(distinct(enumerate(texts)))


def test_the_same_words_count_once_however_they_are_set() -> None:
    assert [0] == kept(LONG, LONG, f"  {LONG.upper()}\n", LONG.replace(" ", "\n"), f"**{LONG.strip()}**")


def test_a_part_of_an_earlier_text_is_the_same_and_a_longer_text_is_not() -> None:
    assert [0] == kept(f"{LONG} Water may run out.", LONG)
    assert [0, 1] == kept(LONG, f"{LONG} Water may run out.")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It costs 12 euros.", "It costs 14 euros."),
        ("Article E-42", "Article E-43"),
        ("There is a fee.", "There is no fee."),
        ("Alice sued Bob.", "Bob sued Alice."),
        ("How vitamin C is taken", "How vitamin D is taken"),
        ("Interferon is given weekly.", "Interleukin is given weekly."),
        ("每45天保养一次。", "每90天保养一次。"),
    ],
)
def test_one_word_may_make_another_text(one: str, other: str) -> None:
    assert [0, 1] == kept(LONG + one, LONG + other)


def test_nothing_gives_nothing() -> None:
    assert [] == kept()
    assert [0] == kept("", "...")
