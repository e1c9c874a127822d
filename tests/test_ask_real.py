"""The whole turn with the real parts: SmolLM2 in vLLM, multilingual-e5-small and Chroma."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from assistant import Assistant, Knowledge, Settings
from assistant.answers import Done, TextDelta

pytestmark = pytest.mark.engine

PUMP = """# Zeta-9 pump

## Service
The Zeta-9 pump must be serviced every 45 days by a certified technician. The warranty lasts 3 years.
"""
LIBRARY = "# Library\n\nThe library opens at 9 am on weekdays and at 11 am on Saturdays. It is closed on Sundays.\n"


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    folder = tmp_path_factory.mktemp("ask")
    (folder / "pump.md").write_text(PUMP)
    (folder / "library.md").write_text(LIBRARY)
    settings = Settings(data_dir=folder / "data")
    with Knowledge(settings) as knowledge:
        knowledge.add([folder / "pump.md", folder / "library.md"])
    with Assistant.open(settings) as opened:
        yield opened.start()


def test_a_question_is_answered_from_the_document_that_holds_the_answer(assistant: Assistant) -> None:
    answer = assistant.ask("How often must the Zeta-9 pump be serviced?")

    assert "45 days" in answer.text
    assert ("yes", ["pump.md"]) == (answer.grounded, [Path(citation.source).name for citation in answer.citations])


def test_the_quote_stands_where_the_citation_says(assistant: Assistant) -> None:
    (citation,) = assistant.ask("How often must the Zeta-9 pump be serviced?").citations

    assert citation.quote == PUMP[citation.start : citation.end]


def test_the_stream_says_what_the_answer_says(assistant: Assistant) -> None:
    events = list(assistant.stream("On which day is the library closed?"))
    done = events[-1]

    assert isinstance(done, Done)
    assert done.answer.text == "".join(event.text for event in events if isinstance(event, TextDelta))


def test_a_question_the_documents_do_not_touch_is_refused_in_its_language(assistant: Assistant) -> None:
    answer = assistant.ask("¿Quién ganó la Copa Mundial de Fútbol en 1998?")

    assert ("no", ()) == (answer.grounded, answer.citations)
    assert answer.text.startswith("No encontré nada sobre")


def test_a_conversation_is_kept(assistant: Assistant) -> None:
    assistant.ask("How long does the warranty of the Zeta-9 pump last?", conversation="real")

    assert ["human", "ai"] == [message.type for message in assistant.conversations.messages("real")]


async def test_many_questions_are_answered_at_once(assistant: Assistant) -> None:
    answers = await asyncio.gather(*(assistant.aask("How often must the Zeta-9 pump be serviced?") for _ in range(8)))

    assert [True] * 8 == ["45 days" in answer.text for answer in answers]


async def test_leaving_the_stream_early_stores_nothing(assistant: Assistant) -> None:
    async with aclosing(assistant.astream("How often is the pump serviced?", conversation="left")) as events:
        await anext(events)

    assert [] == await assistant.conversations.amessages("left")
