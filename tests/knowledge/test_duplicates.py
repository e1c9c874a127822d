from assistant.knowledge.duplicates import distinct

LONG = "The pump of the washing machine is behind the lower panel and is cleaned by turning the filter to the left. "


def kept(*texts: str, question: str = "How is the pump cleaned?") -> list[int]:
    return list(distinct(enumerate(texts), question=question))


def test_the_same_text_counts_once_however_it_is_set() -> None:
    assert [0] == kept(LONG, LONG, f"  {LONG.upper()}\n", LONG.replace(" ", "\n"))


def test_a_text_with_a_word_more_is_the_same() -> None:
    text = (
        LONG * 1 + "Water may run out, so a cloth and a flat bowl belong under it before the filter is opened at all."
    )
    assert [0] == kept(text, f"{text} Yes.")


def test_another_number_or_article_code_makes_another_text() -> None:
    price = LONG + "It costs 12 euros, article E-42."
    assert [0, 1, 2] == kept(price, price.replace("12", "14"), price.replace("E-42", "E-43"))


def test_another_product_makes_another_text_where_it_is_asked_for() -> None:
    amber, azure = f"Amberjet. {LONG}{LONG}", f"Azurline. {LONG}{LONG}"
    texts = [name + " ".join(f"detail{chr(97 + n)} of it" for n in range(25)) for name in (amber, azure)]
    assert [0, 1] == kept(*texts, question="Is the pump of Amberjet or of Azurline quieter?")


def test_texts_on_the_same_matter_are_two() -> None:
    assert [0, 1] == kept(LONG, "The filter of the machine sits left of the pump and should be rinsed every month.")


def test_nothing_gives_nothing() -> None:
    assert [] == kept()
