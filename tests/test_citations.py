from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.citations import Marker, Verifier, bind
from assistant.evidence import Evidence
from assistant.knowledge.passages import Passage
from assistant.support import strip_markers

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
EVIDENCE = Evidence(PASSAGES)

UNTIMED = settings(deadline=None)  # the first text loads the languages

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


def verified(*deltas: str, question: str = "", withhold: bool = False) -> tuple[str, Verifier]:
    verifier = Verifier(Evidence(PASSAGES, question=question), withhold=withhold)
    return "".join([*map(verifier.feed, deltas), verifier.finish()]), verifier


def passed(*deltas: str, withhold: bool = False) -> str:
    return verified(*deltas, withhold=withhold)[0]


@UNTIMED
@given(texts, st.booleans(), st.data())
def test_however_a_text_is_cut_into_deltas_the_same_text_comes_out(
    text: str, withhold: bool, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    deltas = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert passed(text, withhold=withhold) == passed(*deltas, withhold=withhold)


@UNTIMED
@given(texts, st.booleans())
def test_a_text_one_character_at_a_time_comes_out_as_in_one_piece(text: str, withhold: bool) -> None:
    assert passed(text, withhold=withhold) == passed(*text, withhold=withhold)


@UNTIMED
@given(texts)
def test_nothing_but_citations_is_added_to_a_text_or_taken_from_it(text: str) -> None:
    plain, kept = (re.sub(r"[\s\d\[\]【】,-]", "", part) for part in (text, passed(text)))

    assert plain == kept


@UNTIMED
@given(st.text().filter(lambda text: not re.search(r"[\[【]\s*\d", text)))
def test_a_text_without_citations_passes_unchanged_where_no_passage_supports_it(text: str) -> None:
    verifier = Verifier(Evidence(()))

    assert text == verifier.feed(text) + verifier.finish()


@UNTIMED
@given(texts)
def test_every_marker_that_leaves_names_a_passage(text: str) -> None:
    sieve = Verifier(Evidence(PASSAGES))
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
        ("Serviced every 45 days [7].", "Serviced every 45 days [1]."),
        ("Serviced every 45 days[2].", "Serviced every 45 days[1]."),
        ("Closed on Sundays [1]. It opens on weekdays [1].", "Closed on Sundays [2]. It opens on weekdays [2]."),
        ("Serviced every 45 days [3]", "Serviced every 45 days [1]"),
        ("Serviced every 45 days [2, 7] by a technician [2].", "Serviced every 45 days [1] by a technician."),
        ("[2] Serviced every 45 days.", "[1] Serviced every 45 days."),
    ],
)
def test_a_citation_moves_to_the_passage_that_supports_the_sentence(said: str, expected: str) -> None:
    assert expected == passed(said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Serviced every 45 days [1, 7].", "Serviced every 45 days [1]."),
        ("Serviced every 45 days [1][2].", "Serviced every 45 days [1]."),
        ("Bananas grow in bunches [2].", "Bananas grow in bunches."),
        ("Bananas grow in bunches [7].", "Bananas grow in bunches."),
        ("Serviced every 60 days [1].", "Serviced every 60 days."),
        ("Bananas [9] grow", "Bananas grow"),
    ],
)
def test_a_citation_that_no_passage_fulfils_is_taken_out(said: str, expected: str) -> None:
    assert expected == passed(said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("The warranty lasts 3 years.", "The warranty lasts 3 years. [1]"),
        ("Serviced every 45 days. Closed on Sundays.", "Serviced every 45 days. [1] Closed on Sundays. [2]"),
        ("- Serviced every 45 days\n- Blue bananas\n", "- Serviced every 45 days [1]\n- Blue bananas\n"),
        ("# Service every 45 days\nWhy every 45 days?", "# Service every 45 days\nWhy every 45 days?"),
        (
            "| Service | Days |\n|---|---|\n| Pump | 45 days |",
            "| Service | Days |\n|---|---|\n| Pump | 45 days |\n\n[1]",
        ),
        ("保修期三年。Closed on Sundays。", "保修期三年。Closed on Sundays。 [2]"),
    ],
)
def test_a_supported_sentence_without_a_citation_gets_one_at_its_end(said: str, expected: str) -> None:
    assert expected == passed(said)


@pytest.mark.parametrize(
    "text",
    [
        "an array [a] and a footnote [^1]",
        "the law of [2024]",
        "[1](https://example.org) and [the manual](m.md)",
        "`x[8]` and ``a ` [8]``",
        "```python\nprint(x[8])\nrow [8]. Every 45 days.\n```\nend",
        "x[0], f(x)[8] and my_list[8]",
        "the interval [0, 1]",
        "an open [ bracket",
        "ends with [",
        "ends with [1",
        "- [ ] to do\n- [x] done",
    ],
)
def test_a_bracket_that_is_no_citation_passes_unchanged(text: str) -> None:
    assert text == passed(text)


def test_text_leaves_at_once_where_nothing_is_withheld() -> None:
    verifier = Verifier(Evidence(PASSAGES))

    assert ["every 45 days", "", "", " [1].", "", " Next [a]"] == [
        verifier.feed(piece) for piece in ("every 45 days ", "[", "1]", ".", " ", "Next [a]")
    ]


def test_text_leaves_a_sentence_at_a_time_where_the_unsupported_is_withheld() -> None:
    verifier = Verifier(Evidence(PASSAGES), withhold=True)

    assert ["", "", "Every 45 days [1].", "", " Closed on Sundays. [2]"] == [
        *map(verifier.feed, ("Every 45 ", "days [1]. ", "Closed on ", "Sundays.")),
        verifier.finish(),
    ]


@pytest.mark.parametrize(
    ("said", "expected", "grounded"),
    [
        ("Pumps are blue [1].", "", "no"),
        ("Every 45 days [1]. Pumps are blue [1]. Closed on Sundays [2].", "Every 45 days [1]. Closed on Sundays [2].", "partly"),
        ("Pumps are blue. Every 45 days [1].", " Every 45 days [1].", "partly"),
        ("Every 90 days [1].", "", "no"),
        ("Yes. Serviced every 45 days [1].", "Yes. Serviced every 45 days [1].", "yes"),
        ("Blue.", "", "no"),
        ("What I found:\n- every 45 days [1]\n- blue bananas [1]", "What I found:\n- every 45 days [1]", "partly"),
        ("What I found:\n\n- blue bananas [1]", "", "no"),
        ("Every 45 days [1].\n\nBananas are blue.\n\nClosed on Sundays [2].", "Every 45 days [1].\n\nClosed on Sundays [2].", "partly"),
        ("Every 45 days [1].\n\nThe colours are:\n- blue bananas", "Every 45 days [1].", "partly"),
        ("Which pump do you mean?", "Which pump do you mean?", "no"),
        ("## Service\n\nEvery 45 days [1].", "## Service\n\nEvery 45 days [1].", "yes"),
        ("| What | Days |\n|---|---|\n| Pump | 45 days |\n| Hose | 90 days |", "| What | Days |\n|---|---|\n| Pump | 45 days |\n\n[1]", "partly"),
        ("Like this:\n```sh\nrun --x 77\n```\nEvery 45 days [1].", "Like this:\n```sh\nrun --x 77\n```\nEvery 45 days [1].", "yes"),
        ("", "", "no"),
    ],
)  # fmt: skip
def test_what_no_passage_supports_stays_back_and_the_rest_is_shown(said: str, expected: str, grounded: str) -> None:
    shown, verifier = verified(said, withhold=True)

    assert (expected, grounded) == (shown, verifier.grounded)


@UNTIMED
@given(texts.map(lambda text: text.replace("`", "")).filter(lambda text: not set("[]【】") & set(strip_markers(text))))
def test_every_claim_that_is_shown_under_withholding_is_supported(text: str) -> None:
    shown, verifier = verified(text, withhold=True)

    assert shown.split() == passed(shown, withhold=True).split()
    assert {marker.number for marker in verifier.markers} <= {1, 2}


def test_a_citation_is_bound_to_the_sentence_of_the_passage_that_supports_it() -> None:
    (citation,) = bind("The warranty lasts 3 years.", [Marker(26, 1)], EVIDENCE)

    assert "The warranty lasts 3 years." == citation.quote


def test_the_place_of_a_quote_is_counted_in_the_document() -> None:
    (citation,) = bind("The warranty lasts 3 years.", [Marker(26, 1)], EVIDENCE)

    assert (100 + PUMP.text.index("The warranty"), 100 + len(PUMP.text)) == (citation.start, citation.end)


def test_a_quote_of_a_passage_without_a_place_has_none() -> None:
    (citation,) = bind("Closed on Sundays.", [Marker(17, 2)], EVIDENCE)

    assert (None, None) == (citation.start, citation.end)


def test_a_citation_carries_the_passage_it_comes_from() -> None:
    (citation,) = bind("The warranty lasts 3 years.", [Marker(26, 1)], EVIDENCE)

    assert ("pump.md", "Pump manual", 2, 0.9) == (citation.source, citation.title, citation.page, citation.score)


def test_citations_stand_in_the_order_in_which_they_first_appear() -> None:
    text = "Closed on Sundays. The warranty lasts 3 years. It opens at 9 am."
    markers = [Marker(17, 2), Marker(45, 1), Marker(63, 2)]

    assert [2, 1] == [citation.number for citation in bind(text, markers, EVIDENCE)]


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
    assert expected == verified(text)[1].grounded
