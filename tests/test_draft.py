from __future__ import annotations

import threading
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings

from assistant.draft import Draft
from assistant.knowledge.passages import Passage
from assistant.meaning import Meaning
from assistant.testing.words import WordEmbeddings

PASSAGES = (
    Passage("p", "pump.md", "Pump", "The pump is serviced every 45 days. The warranty lasts 3 years."),
    Passage("l", "library.md", "Library", "The library is closed on Sundays. It opens at nine."),
)
SAID = " Serviced every 45 days [2]. Pumps are blue. Closed on Sundays.\n"


class Watched(Embeddings):
    """`WordEmbeddings` that remember the threads they were called in."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.threads.add(threading.get_ident())
        return WordEmbeddings().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def draft(**options: Any) -> Draft:
    return Draft(PASSAGES, question="What do the documents say?", **options)


@pytest.mark.parametrize(
    ("withhold", "expected"),
    [
        (False, "Serviced every 45 days [1]. Pumps are blue. Closed on Sundays. [2]"),
        (True, "Serviced every 45 days [1]. Closed on Sundays. [2]"),
    ],
)
def test_a_draft_shows_what_the_policy_allows(withhold: bool, expected: str) -> None:
    written = draft(withhold=withhold)
    shown = "".join([*map(written.write, SAID), written.finish()])

    assert (expected, expected, "partly") == (shown, written.text, written.grounded)
    assert [1, 2] == [citation.number for citation in written.citations]


async def test_on_an_event_loop_sentences_are_judged_in_a_thread() -> None:
    embeddings = Watched()
    written = draft(meaning=Meaning(embeddings))
    shown = [await written.awrite(letter) for letter in "Maintenance is done regularly by us. Yes. "]
    shown.append(await written.afinish())

    assert "Maintenance is done regularly by us. Yes." == "".join(shown)
    assert embeddings.threads
    assert threading.get_ident() not in embeddings.threads


def test_without_checking_a_text_passes_as_it_is() -> None:
    written = draft(check=False)

    assert ("See the list [7].", "", ()) == (written.write(" See the list [7]. "), written.finish(), written.citations)


def test_what_is_not_proven_is_not_grounded() -> None:
    written = draft()
    written.write("Pumps are blue [1].")
    written.finish()

    assert ("Pumps are blue.", "no", ()) == (written.text, written.grounded, written.citations)
