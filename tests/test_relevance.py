from __future__ import annotations

import pytest

from assistant.knowledge.passages import Passage
from assistant.relevance import Relevant, excerpt, is_beside, leading, relevant, threshold, top


def passage(text: str, title: str = "Manual") -> Passage:
    return Passage(text, title, title, text)


CODES = passage(
    "Error code E2 means that the motor is hot.\n\nError code E4 means that the filter is blocked.", "Codes"
)
DATA = passage("The Zeta-9 delivers a flow rate of 90 litres per minute. The pump weighs 6.2 kilograms.", "Zeta-9 pump")
SHOP = passage("# Opening hours\n\n## Saturday\n\nThe shop is open from 10:00 to 14:00.", "Shop")
PRICES = passage(
    "product: Zeta-9 pump\nprice in euros: 189.00\n\nproduct: Zeta-5 pump\nprice in euros: 119.00", "Prices"
)
CHINESE = passage("Zeta-9 水泵的保修期是三年，从购买之日算起。请保留收据。", "常见问题")


def quoted(question: str, *passages: Passage) -> list[str]:
    return [sentence.quote for sentence in excerpt(relevant(question, passages), bar=threshold(question))]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What does error code E4 mean?", "Error code E4 means that the filter is blocked."),
        ("What flow rate does the pump deliver?", "The Zeta-9 delivers a flow rate of 90 litres per minute."),
        ("Zeta-9 水泵的保修期是多久？", "Zeta-9 水泵的保修期是三年，从购买之日算起。"),
        ("What is the price of the Zeta-5?", "product: Zeta-5 pump\nprice in euros: 119.00"),
    ],
)
def test_the_sentence_that_answers_is_quoted(question: str, sentence: str) -> None:
    assert sentence in quoted(question, DATA, CODES, PRICES, CHINESE)


def test_headings_and_titles_count_for_the_sentences_under_them() -> None:
    assert ["The shop is open from 10:00 to 14:00."] == quoted("When is the shop open on Saturday?", SHOP)


def test_a_heading_is_no_answer() -> None:
    assert "# Opening hours" not in [sentence.span.text for sentence in relevant("What are the opening hours?", [SHOP])]


def test_a_sentence_that_only_repeats_the_question_is_no_answer() -> None:
    assert [] == relevant("Does the pump weigh much?", [passage("The pump weighs.", "Pump")])


@pytest.mark.parametrize(
    "question", ["How often must the Zeta-9 be serviced?", "Who founded the firm?", "公司的创始人是谁？", "?!"]
)
def test_nothing_is_quoted_where_the_passages_do_not_hold_what_the_question_is_about(question: str) -> None:
    assert [] == quoted(question, DATA, PRICES, CODES, passage("The pump must not freeze.", "Zeta-9 pump"))


def test_a_sentence_beside_the_best_that_is_nearly_as_good_is_quoted_too() -> None:
    both = passage("Error code E4 means that the filter is blocked. To remove error code E4, clean the filter.")

    assert 2 == len(quoted("What must I do about error code E4?", both))


def test_a_hard_wrapped_sentence_is_quoted_on_one_line() -> None:
    wrapped = passage("The motor of this submersible water pump draws 450 watts\nat 230 volts.")

    assert ["The motor of this submersible water pump draws 450 watts at 230 volts."] == quoted(
        "How many watts does the motor draw?", wrapped
    )


def test_the_place_of_a_sentence_is_that_in_its_passage() -> None:
    assert all(s.span.text == SHOP.text[s.span.start : s.span.end] for s in relevant("When is the shop open?", [SHOP]))


def test_the_passage_with_the_most_relevant_sentence_leads() -> None:
    found = relevant("What does error code E4 mean?", [DATA, CODES])

    assert [CODES, DATA] == leading(found, [DATA, CODES])


def test_relevance_is_at_most_one_and_zero_without_sentences() -> None:
    found: list[Relevant] = relevant("flow rate", [DATA])

    assert (True, 0.0) == (0 < top(found) <= 1, top([]))


BLOCKED = "Error code E4 means that the filter is blocked. Clean the filter, then press the green button."


@pytest.mark.parametrize(
    "beside", ["What is the capital of Spain?", "Who wrote Faust?", "thanks", "Good morning", "ok"]
)
def test_what_only_stands_beside_a_conversation_is_told_from_what_follows_it(beside: str) -> None:
    earlier = ["What does error code E4 mean?"]
    assert is_beside(beside, earlier, [passage(BLOCKED)])
    assert not is_beside("And the green button?", earlier, [passage(BLOCKED)])


def test_where_nobody_spoke_the_language_of_the_passages_nothing_is_beside() -> None:
    assert not is_beside("为什么？", ["过滤器怎么清洗？"], [passage(BLOCKED)])
