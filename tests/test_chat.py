from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.retrievers import BaseRetriever
from pydantic import Field
from turn_fakes import LIBRARY, PUMP, PUMP_TEXT, Found, Scripted, small

from assistant.answers import Answer, Cited, Done, Event, TextDelta, Usage
from assistant.chat import Turn, check_options, check_question, respond
from assistant.errors import EngineUnavailable, InvalidQuestion, PermanentError, PromptTooLong, RateLimited
from assistant.knowledge.passages import Passage
from assistant.knowledge.question import Remark
from assistant.retrieval import Inquiry, Retrieved
from assistant.sections import Chat

QUESTION = "How often must the pump be serviced?"
HISTORY = (HumanMessage("Tell me of the Zeta-9 pump."), AIMessage("It pumps [1]."))


async def events(
    model: Scripted, retriever: BaseRetriever | None, turn: Turn | str = QUESTION, **chat: Any
) -> list[Event]:
    turn = Turn(turn) if isinstance(turn, str) else turn
    return [event async for event in respond(turn, model=model, retriever=retriever, chat=Chat(**chat))]


async def answered(
    model: Scripted, retriever: BaseRetriever | None, turn: Turn | str = QUESTION, **chat: Any
) -> Answer:
    done = (await events(model, retriever, turn, **chat))[-1]
    assert isinstance(done, Done)
    return done.answer


async def test_an_answer_comes_as_text_then_citations_then_done() -> None:
    model = Scripted(pieces=["Every ", "45 ", "days", " [1]", "."])

    assert ["text", "text", "text", "text", "citation", "done"] == [
        event.type for event in await events(model, Found(documents=[PUMP]), grounding="prefer")
    ]


async def test_strict_shows_a_sentence_when_it_is_proven() -> None:
    model = Scripted(pieces=["Every ", "45 ", "days", " [1]", ". ", "The warranty ", "lasts 3 years."])
    shown = [event.text for event in await events(model, Found(documents=[PUMP])) if isinstance(event, TextDelta)]

    assert ["Every 45 days [1].", " The warranty lasts 3 years. [1]"] == shown


async def test_the_text_of_the_answer_is_what_was_streamed() -> None:
    model = Scripted(pieces=["\n Every", " 45 days", " [1", "] and", " [7", "].", " \n"])
    streamed = await events(model, Found(documents=[PUMP]))

    text = "".join(event.text for event in streamed if isinstance(event, TextDelta))
    assert ("Every 45 days [1] and.", text) == (text, streamed[-1].answer.text)  # type: ignore[union-attr]


async def test_a_citation_is_bound_to_its_place_in_the_document() -> None:
    (citation,) = (await answered(Scripted(pieces=["Every 45 days [1]."]), Found(documents=[PUMP]))).citations

    quoted = "The Zeta-9 pump must be serviced every 45 days by a certified technician."
    assert (quoted, 100, 100 + len(quoted)) == (citation.quote, citation.start, citation.end)


async def test_the_citations_streamed_are_those_of_the_answer() -> None:
    streamed = await events(Scripted(pieces=["Every 45 days [1]."]), Found(documents=[PUMP]))

    assert tuple(event.citation for event in streamed if isinstance(event, Cited)) == streamed[-1].answer.citations  # type: ignore[union-attr]


async def test_an_answer_without_citations_gets_them_at_its_end() -> None:
    answer = await answered(Scripted(pieces=["It must be done every 45 days."]), Found(documents=[PUMP]))

    assert ("It must be done every 45 days. [1]", "yes") == (answer.text, answer.grounded)


async def test_the_tokens_the_model_reports_are_counted() -> None:
    assert Usage(20, 5, 16) == (await answered(Scripted(pieces=["45 days [1]"]), Found(documents=[PUMP]))).usage


async def test_strict_without_evidence_refuses_in_the_language_of_the_question_without_the_model() -> None:
    model = Scripted(pieces=["Blue."])
    answer = await answered(model, Found(), "Wie oft muss die Pumpe gewartet werden?")

    assert answer.text.startswith("In den Dokumenten habe ich nichts zu „Wie oft")
    assert ("no", (), []) == (answer.grounded, answer.citations, model.asked)


async def test_strict_withholds_what_no_passage_supports() -> None:
    answer = await answered(Scripted(pieces=["Bananas are yellow. ", "Every 45 days."]), Found(documents=[PUMP]))

    assert ("Every 45 days. [1]", "partly", ("p1",)) == (answer.text, answer.grounded, answer.evidence)


async def test_strict_refuses_where_nothing_is_left_to_show() -> None:
    answer = await answered(Scripted(pieces=["Bananas are yellow."]), Found(documents=[PUMP]))

    assert (f"I found nothing about “{QUESTION}” in the documents.", "no") == (answer.text, answer.grounded)


async def test_prefer_marks_an_answer_of_which_a_part_is_not_from_the_documents() -> None:
    model = Scripted(pieces=["Every 45 days [1]. ", "Bananas are yellow."])
    answer = await answered(model, Found(documents=[PUMP]), grounding="prefer")

    assert answer.text.startswith("Every 45 days [1]. Bananas are yellow.\n\n")
    assert "partly" == answer.grounded


async def test_prefer_without_evidence_answers_and_says_that_it_is_not_from_the_documents() -> None:
    answer = await answered(Scripted(pieces=["Yearly [1]."]), Found(), "Combien ça coûte ?", grounding="prefer")

    assert ("Cette réponse ne provient pas des documents.\n\nYearly.", "no") == (answer.text, answer.grounded)


async def test_prefer_says_so_where_the_passages_found_do_not_support_the_answer() -> None:
    answer = await answered(Scripted(pieces=["Bananas are yellow."]), Found(documents=[PUMP]), grounding="prefer")

    assert "Bananas are yellow.\n\nThis answer does not come from the documents." == answer.text


async def test_without_a_retriever_the_model_just_talks() -> None:
    answer = await answered(Scripted(pieces=["See the list [1]."]), None, "Hello!", grounding="off")

    assert Answer("See the list [1].", "no", usage=Usage(20, 5, 16)) == answer


async def test_a_small_model_sees_the_best_passage_only() -> None:
    model = small("45 days")
    await answered(model, Found(documents=[PUMP, LIBRARY]))

    (message,) = model.asked[0]
    assert (True, False) == (PUMP_TEXT in message.text, "Sundays" in message.text)


async def test_a_model_sees_all_passages_numbered() -> None:
    model = Scripted(pieces=["45 days [1]"])
    await answered(model, Found(documents=[PUMP, LIBRARY]))

    assert 2 == model.asked[0][1].text.count("<passage number=")


async def test_as_many_passages_are_shown_as_the_settings_say() -> None:
    model = Scripted(pieces=["45 days [1]"])
    await answered(model, Found(documents=[PUMP, LIBRARY]), passages=1)

    assert 1 == model.asked[0][1].text.count("<passage number=")


async def test_what_a_small_model_makes_up_is_refused_and_never_shown() -> None:
    streamed = await events(small("The pump ", "is ", "blue."), Found(documents=[PUMP]), "What colour is the pump?")

    assert ["I found nothing about “What colour is the pump?” in the documents."] == [
        event.text for event in streamed if isinstance(event, TextDelta)
    ]


async def test_a_small_model_is_not_asked_what_the_passages_do_not_touch() -> None:
    model = small("The pump is blue.")
    answer = await answered(model, Found(documents=[PUMP]), "Who painted the ceiling?")

    assert ("no", []) == (answer.grounded, model.asked)


async def test_a_small_model_that_prefers_documents_answers_alone_what_they_do_not_hold() -> None:
    answer = await answered(small("Michelangelo."), Found(documents=[PUMP]), "Who painted it?", grounding="prefer")

    assert ("This answer does not come from the documents.\n\nMichelangelo.", "no") == (answer.text, answer.grounded)


async def test_what_a_small_model_copies_is_shown_sentence_by_sentence() -> None:
    model = small("It must be serviced ", "every 45 days. ", "By a certified ", "technician.")
    streamed = await events(model, Found(documents=[PUMP]))

    assert ["It must be serviced every 45 days. [1]", " By a certified technician. [1]"] == [
        event.text for event in streamed if isinstance(event, TextDelta)
    ]


async def test_a_small_model_that_changes_the_subject_is_stopped_there() -> None:
    answer = await answered(small("It is due every 45 days. ", "The warranty lasts 3 years."), Found(documents=[PUMP]))

    assert "It is due every 45 days. [1]" == answer.text


@pytest.mark.parametrize("said", ["It must be serviced.", "It must be serviced by robots.", "", "45 days " * 20])
async def test_where_a_small_model_fails_the_sentence_that_answers_is_quoted(said: str) -> None:
    answer = await answered(small(said), Found(documents=[LIBRARY, PUMP]))

    (citation,) = answer.citations
    quoted = "The Zeta-9 pump must be serviced every 45 days by a certified technician."
    assert (f"{quoted} [1]", "yes") == (answer.text, answer.grounded)
    assert ("pump.md", quoted, 100) == (citation.source, citation.quote, citation.start)


async def test_a_small_model_sees_the_passage_whose_sentence_bears_most_on_the_question() -> None:
    model = small("45 days")
    await answered(model, Found(documents=[LIBRARY, PUMP]))

    assert [PUMP_TEXT in messages[0].text for messages in model.asked] == [True]


async def test_a_small_model_that_goes_wrong_is_stopped() -> None:
    model = small("It must be serviced by robots. ", "They ", None)
    await answered(model, Found(documents=[PUMP]))

    assert 1 == model.closed


async def test_a_follow_up_to_a_small_model_is_read_with_the_question_before_it() -> None:
    turn = Turn("How often?", (HumanMessage("Must the Zeta-9 pump be serviced?"), AIMessage("Yes.")))
    answer = await answered(small("Every 45 days"), Found(documents=[PUMP]), turn)

    assert ("Every 45 days [1]", "yes") == (answer.text, answer.grounded)


async def test_a_follow_up_that_finds_nothing_is_tried_with_the_question_before_it() -> None:
    retriever = Found(answers={"Tell me of the Zeta-9 pump.\nHow often?": [PUMP]})
    answer = await answered(Scripted(pieces=["Every 45 days [1]."]), retriever, Turn("How often?", HISTORY))

    assert ("yes", 2) == (answer.grounded, len(retriever.asked))


async def test_a_first_question_that_finds_nothing_is_not_tried_again() -> None:
    retriever = Found()
    await answered(Scripted(pieces=[]), retriever)

    assert [QUESTION] == retriever.asked


async def test_the_history_stands_before_the_question() -> None:
    model = Scripted(pieces=["45 days [1]"])
    await answered(model, Found(documents=[PUMP]), Turn("How often?", HISTORY))

    assert ["It pumps.", "How often?"] == [message.text for message in model.asked[0][-2:]]


async def test_a_small_model_is_spared_the_history_which_confuses_it() -> None:
    model = small("45 days")
    await answered(model, Found(documents=[PUMP]), Turn(QUESTION, HISTORY))

    assert 1 == len(model.asked[0])


async def test_instructions_of_settings_call_and_history_reach_the_system_prompt() -> None:
    model = Scripted(pieces=["45 days [1]"])
    turn = Turn("How often?", (SystemMessage("Second."),), {"instructions": "Third."})
    await answered(model, Found(documents=[PUMP]), turn, instructions="First.")

    assert model.asked[0][0].text.endswith("First.\n\nSecond.\n\nThird.")


async def test_the_options_of_a_call_reach_the_model() -> None:
    model = Scripted(pieces=["45 days [1]"])
    await answered(model, None, Turn("Hi", (), {"temperature": 0.5, "seed": 7, "stop": "END", "max_tokens": 9}))

    assert [{"temperature": 0.5, "seed": 7, "stop": ["END"], "max_tokens": 9}] == model.options


async def test_the_answer_is_cut_to_what_the_context_has_left() -> None:
    model = small("45 days")
    await answered(model, None, Turn("Hi", (), {"max_tokens": 100_000}))

    assert model.options[0]["max_tokens"] < 2048


async def test_a_question_that_does_not_fit_is_refused_with_the_numbers() -> None:
    with pytest.raises(PromptTooLong):
        await answered(small("45 days"), None, "word " * 3000)


async def test_leaving_the_stream_closes_the_models_stream() -> None:
    model = Scripted(pieces=["Every 45", " days", None])
    async with aclosing(respond(Turn(QUESTION), model=model, retriever=None, chat=Chat())) as stream:
        await anext(stream)
    await asyncio.sleep(0)

    assert 1 == model.closed


async def test_cancelling_the_task_closes_the_models_stream() -> None:
    model = Scripted(pieces=["Every 45", None])
    task = asyncio.create_task(events(model, None))
    await model.waits.wait()
    task.cancel()
    await asyncio.wait([task])

    assert (True, 1) == (task.cancelled(), model.closed)


async def test_a_model_that_fails_while_it_answers_is_unavailable_after_what_it_said() -> None:
    said: list[Event] = []
    model = Scripted(pieces=["Every 45 ", RuntimeError("key sk-secret")])
    stream = respond(Turn(QUESTION), model=model, retriever=None, chat=Chat())
    said.append(await anext(stream))
    with pytest.raises(EngineUnavailable, match="RuntimeError") as caught:
        await anext(stream)

    assert ([TextDelta("Every 45")], False) == (said, "secret" in str(caught.value))


async def test_our_own_errors_pass_as_they_are() -> None:
    with pytest.raises(EngineUnavailable, match="out of memory"):
        await events(Scripted(pieces=[EngineUnavailable("out of memory")]), None)


class Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status_code = status


@pytest.mark.parametrize(
    ("status", "expected"), [(429, RateLimited), (401, PermanentError), (400, PermanentError), (503, EngineUnavailable)]
)
async def test_the_status_of_a_model_server_tells_whether_to_try_again(status: int, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        await events(Scripted(pieces=[Refused(status)]), None)


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "\0\x07"])
def test_an_empty_question_is_refused(question: str) -> None:
    with pytest.raises(InvalidQuestion, match="empty"):
        check_question(question, max_chars=100)


def test_a_question_that_is_too_long_is_refused_with_the_numbers() -> None:
    with pytest.raises(ValueError, match="has 101 characters, 100 are allowed"):
        check_question("a" * 101, max_chars=100)


@pytest.mark.parametrize(
    ("question", "clean"),
    [
        ("a\0b\x1b[31m", "ab[31m"),
        (" a\n\tb ", "a\n\tb"),
        ("\ud83d\ude00", "😀"),
        ("a\ud800b", "a\ufffdb"),
        ("क्‍ष", "क्‍ष"),
    ],
)
def test_what_is_no_text_is_taken_out_of_a_question(question: str, clean: str) -> None:
    assert clean == check_question(question, max_chars=100)


def test_an_unknown_option_is_refused_by_name() -> None:
    with pytest.raises(InvalidQuestion, match="'temprature'"):
        check_options({"temprature": 1})


def test_an_option_set_to_none_is_not_given() -> None:
    assert {} == check_options({"stop": None})


class Sure(Found):
    """Knows how likely its documents answer, and whether the question follows; remembers what it was asked."""

    confidence: float = 1.0
    follows: bool = False
    inquiries: list[Any] = Field(default_factory=list)

    async def aretrieve(self, inquiry: Inquiry) -> Retrieved:
        self.inquiries.append(inquiry)
        passages = tuple(Passage.from_document(document) for document in self.documents)
        return Retrieved(passages, self.confidence, follows=self.follows)


TOLD = (
    HumanMessage("Tell me about the Zeta-9 pump."),
    AIMessage("It pumps [1].", additional_kwargs={"evidence": ["p7"], "access": []}),
)


async def test_strict_refuses_without_asking_the_model_where_the_documents_hardly_answer() -> None:
    model = Scripted(pieces=["Every 45 days [1]."])
    answer = await answered(model, Sure(documents=[PUMP], confidence=0.01))

    assert ("no", []) == (answer.grounded, model.asked)


async def test_a_small_model_that_may_go_beyond_the_documents_is_not_shown_what_hardly_answers() -> None:
    answer = await answered(small("Twice."), Sure(documents=[PUMP], confidence=0.01), grounding="prefer")

    assert ("This answer does not come from the documents.\n\nTwice.", ()) == (answer.text, answer.citations)


async def test_the_documents_are_asked_with_the_conversation_the_evidence_and_the_labels() -> None:
    retriever = Sure(documents=[PUMP])
    turn = Turn("How often is it serviced?", history=TOLD, access=("tenant:a",))
    await answered(Scripted(pieces=["Every 45 days [1]."]), retriever, turn)

    said = (Remark("user", "Tell me about the Zeta-9 pump."), Remark("assistant", "It pumps [1]."))
    assert [Inquiry("How often is it serviced?", said, ("p7",), ("tenant:a",))] == retriever.inquiries


async def test_a_follow_up_is_put_anew_by_a_model_that_is_able_to() -> None:
    retriever = Sure(documents=[PUMP], follows=True)
    model = Scripted(pieces=["How often is the Zeta-9 pump serviced?"])
    await answered(model, retriever, Turn("How often is it serviced?", history=TOLD))

    asked = [inquiry.question for inquiry in retriever.inquiries]
    assert ["How often is it serviced?", "How often is the Zeta-9 pump serviced?"] == asked


async def test_a_small_model_is_not_asked_to_put_a_question_anew() -> None:
    retriever = Sure(documents=[PUMP], follows=True)
    model = small("Every 45 days.")
    await answered(model, retriever, Turn("How often is it serviced?", history=TOLD))

    assert (1, 1) == (len(retriever.inquiries), len(model.asked))


async def test_a_code_that_no_passage_knows_is_not_answered_with_its_neighbours() -> None:
    answer = await answered(small("Every 45 days."), Sure(documents=[PUMP]), "How often must the Zeta-9 be serviced?")
    unknown = await answered(small("Every 45 days."), Sure(documents=[PUMP]), "How often must the E-77 be serviced?")

    assert ("yes", "no", ()) == (answer.grounded, unknown.grounded, unknown.citations)


async def test_half_a_sentence_does_not_vouch_for_the_other_half() -> None:
    model = Scripted(
        pieces=["It must be serviced every 45 days [1], and the warranty lasts 99 years. ", "Every 45 days."]
    )
    answer = await answered(model, Found(documents=[PUMP]))

    assert ("Every 45 days. [1]", "partly") == (answer.text, answer.grounded)


async def test_a_heading_or_a_question_does_not_carry_in_what_no_passage_says() -> None:
    said = "# It costs 999 euros\n\nDid you know that Napoleon invented it in 1804? Every 45 days [1]."
    answer = await answered(Scripted(pieces=[said]), Found(documents=[PUMP]))

    assert "999" not in answer.text
    assert "1804" not in answer.text
    assert answer.text.endswith("Every 45 days [1].")
