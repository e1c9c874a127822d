from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from turn_fakes import PUMP, Found, Scripted

from assistant import Answer, Assistant, Settings
from assistant.answers import Done, TextDelta
from assistant.background import Once, iterate, run
from assistant.errors import EngineUnavailable, InvalidQuestion
from assistant.memory import Conversations

QUESTION = "How often must the pump be serviced?"


def serviced() -> Assistant:
    return Assistant(Scripted(pieces=["Every ", "45 ", "days ", "[1]", "."]), Found(documents=[PUMP]))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    engine = {"kind": "assistant.testing.echo:EchoChat"}
    return Settings.model_validate({"data_dir": tmp_path / "data", "engine": engine, "chat": {"grounding": "off"}})


def test_a_model_and_a_retriever_are_all_it_takes() -> None:
    assert "Every 45 days [1]." == serviced().ask(QUESTION).text


def test_any_langchain_model_answers() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("Every 45 days [1].")]))

    assert "yes" == Assistant(model, Found(documents=[PUMP])).ask(QUESTION).grounded


def test_a_model_alone_just_talks() -> None:
    assert "Hi." == Assistant(Scripted(pieces=["Hi."])).ask("Hello").text


async def test_asking_works_where_an_event_loop_runs_as_in_a_notebook() -> None:
    assert "Every 45 days [1]." == serviced().ask(QUESTION).text


async def test_the_async_twin_answers_the_same() -> None:
    assert serviced().ask(QUESTION) == await serviced().aask(QUESTION)


def test_a_sync_stream_gives_text_and_then_the_answer() -> None:
    events = list(serviced().stream(QUESTION))

    assert ("Every 45 days [1].", Done) == (
        "".join(event.text for event in events if isinstance(event, TextDelta)),
        type(events[-1]),
    )


def test_leaving_a_sync_stream_closes_the_models_stream() -> None:
    model = Scripted(pieces=["Every 45", " days", None])
    for _ in Assistant(model).stream(QUESTION):
        break
    run(asyncio.sleep(0))

    assert 1 == model.closed


def test_an_error_in_a_sync_stream_reaches_the_loop() -> None:
    events = Assistant(Scripted(pieces=["Every", RuntimeError("x")])).stream(QUESTION)
    next(events)

    with pytest.raises(EngineUnavailable):
        next(events)


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(InvalidQuestion):
        serviced().ask("  ")


def test_a_question_longer_than_the_settings_allow_is_refused() -> None:
    settings = Settings.model_validate({"safety": {"max_question_chars": 10}, "chat": {"grounding": "off"}})

    with pytest.raises(InvalidQuestion, match="10 are allowed"):
        Assistant(Scripted(pieces=["x"]), settings=settings).ask("a" * 11)


def test_a_conversation_is_remembered_without_writing_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assistant = serviced()
    assistant.ask(QUESTION, conversation="c")
    assistant.ask("Really?", conversation="c")

    assert (4, []) == (len(assistant.conversations.messages("c")), list(tmp_path.iterdir()))


def test_the_conversation_reaches_the_model() -> None:
    model = Scripted(pieces=["Every 45 days [1]."])
    assistant = Assistant(model, Found(documents=[PUMP]))
    assistant.ask(QUESTION, conversation="c")
    assistant.ask("Really?", conversation="c")

    assert ["Every 45 days.", "Really?"] == [message.text for message in model.asked[1][-2:]]


def test_the_answer_names_its_conversation() -> None:
    assert "c" == serviced().ask(QUESTION, conversation="c").conversation


def test_history_of_the_caller_stores_nothing() -> None:
    assistant = serviced()
    assistant.ask(QUESTION, conversation="c", history=[HumanMessage("Hello"), AIMessage("Hi")])

    assert [] == assistant.conversations.messages("c")


def test_conversations_given_are_used_and_stay_open(tmp_path: Path) -> None:
    kept = Conversations(f"sqlite:///{tmp_path / 'state.db'}")
    with Assistant(Scripted(pieces=["Hi."]), conversations=kept) as assistant:
        assistant.ask("Hello", conversation="c")

    assert 2 == len(kept.messages("c"))


def test_with_settings_conversations_go_to_the_state_database(settings: Settings) -> None:
    with Assistant.open(settings) as assistant:
        assistant.ask("Hello", conversation="c")

    assert 2 == len(Conversations(settings.state_url).messages("c"))


def test_a_turn_is_stored_before_its_end_is_told() -> None:
    assistant = serviced()
    for event in assistant.stream(QUESTION, conversation="c"):
        if isinstance(event, Done):
            assert 2 == len(assistant.conversations.messages("c"))


def test_a_stream_left_early_stores_nothing() -> None:
    assistant = serviced()
    for _ in assistant.stream(QUESTION, conversation="c"):
        break

    assert [] == assistant.conversations.messages("c")


def test_an_answer_that_failed_is_not_stored() -> None:
    assistant = Assistant(Scripted(pieces=["Every 45 days", RuntimeError("x")]))
    with pytest.raises(EngineUnavailable):
        assistant.ask(QUESTION, conversation="c")

    assert [] == assistant.conversations.messages("c")


def test_turns_of_one_conversation_at_the_same_time_are_stored_whole() -> None:
    assistant = serviced()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: assistant.ask(f"Question {n}?", conversation="c"), range(16)))

    assert ["human", "ai"] * 16 == [message.type for message in assistant.conversations.messages("c")]


def test_the_model_is_opened_from_the_settings_when_it_is_needed(settings: Settings) -> None:
    with Assistant.open(settings) as assistant:
        assert "Hello" == assistant.ask("Hello").text


async def test_starting_opens_the_model(settings: Settings) -> None:
    async with Assistant.open(settings) as assistant:
        started = await assistant.astart()

    assert (assistant, "echo") == (started, assistant.model._llm_type)


def test_options_of_a_call_reach_the_model() -> None:
    model = Scripted(pieces=["Hi."])
    Assistant(model).ask("Hello", options={"temperature": 0.7, "max_tokens": 5})

    assert [{"temperature": 0.7, "max_tokens": 5}] == model.options


def test_settings_given_with_a_model_limit_its_answer() -> None:
    model = Scripted(pieces=["Hi."])
    Assistant(model, settings=Settings.model_validate({"chat": {"grounding": "off", "max_tokens": 50}})).ask("Hello")

    assert [{"max_tokens": 50}] == model.options


def test_a_model_without_settings_keeps_its_own_limits() -> None:
    model = Scripted(pieces=["Hi."])
    Assistant(model).ask("Hello")

    assert [{}] == model.options


def test_grounding_off_asks_no_retriever() -> None:
    retriever = Found(documents=[PUMP])
    settings = Settings.model_validate({"chat": {"grounding": "off"}})
    Assistant(Scripted(pieces=["Hi."]), retriever, settings=settings).ask("Hello")

    assert [] == retriever.asked


def test_a_retriever_alone_comes_without_knowledge() -> None:
    assert serviced().knowledge is None


def test_as_a_runnable_it_stands_in_a_chain() -> None:
    chain = serviced().as_runnable() | RunnableLambda(lambda answer: answer.text.upper())

    assert "EVERY 45 DAYS [1]." == chain.invoke(QUESTION)


async def test_the_runnable_takes_the_arguments_of_ask() -> None:
    answer = await serviced().as_runnable().ainvoke({"question": QUESTION, "conversation": "c"})

    assert "c" == answer.conversation


def test_the_stream_of_the_runnable_grows_to_the_whole_answer() -> None:
    answers: list[Answer] = list(serviced().as_runnable().stream(QUESTION))

    assert serviced().ask(QUESTION) == answers[-1]
    assert all(answers[-1].text.startswith(answer.text) for answer in answers)


def test_arguments_may_be_bound_to_the_runnable() -> None:
    chain = serviced().as_runnable().bind(conversation="c")

    assert ["c", "c"] == [chain.invoke(QUESTION).conversation, list(chain.stream(QUESTION))[-1].conversation]


async def test_langchain_traces_the_streams_of_the_runnable() -> None:
    events = [event["event"] async for event in serviced().as_runnable().astream_events(QUESTION)]

    assert ("on_chain_start", "on_chain_end") == (events[0], events[-1])
    assert "on_chain_stream" in events


async def test_a_chain_streams_what_the_whole_answer_makes() -> None:
    chain = serviced().as_runnable() | RunnableLambda(lambda answer: len(answer.citations))

    assert [1] == [length async for length in chain.astream(QUESTION)]


def test_closing_twice_is_fine() -> None:
    assistant = serviced()
    assistant.close()
    assistant.close()


def test_what_is_made_once_is_made_once_by_many_threads() -> None:
    made: list[int] = []
    gate = threading.Event()

    def make() -> int:
        gate.wait()
        made.append(1)
        return 7

    once = Once(make)
    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(once.get) for _ in range(16)]
        gate.set()
        assert ([7] * 16, [1]) == ([future.result() for future in waiting], made)


async def test_who_stops_waiting_does_not_stop_the_making() -> None:
    gate = threading.Event()
    once = Once(lambda: gate.wait() and 7)
    waiting = asyncio.create_task(once.aget())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    gate.set()

    assert 7 == await once.aget()


def test_what_failed_to_be_made_is_tried_again() -> None:
    attempts: Iterator[int] = iter([0, 1])
    once = Once(lambda: 1 // next(attempts))
    with pytest.raises(ZeroDivisionError):
        once.get()

    assert 1 == once.get()


def test_a_generator_iterated_from_blocking_code_lives_in_one_task() -> None:
    async def tasks() -> Iterator[asyncio.Task[object] | None]:  # type: ignore[misc]
        for _ in range(3):
            yield asyncio.current_task()

    assert 1 == len(set(iterate(tasks())))  # type: ignore[arg-type]


def test_a_model_server_that_is_not_there_is_named_with_the_setting_to_check(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        engine = {"kind": "openai", "model": "m", "base_url": f"http://127.0.0.1:{taken.getsockname()[1]}/v1"}
        settings = Settings.load(data_dir=tmp_path, engine=engine, chat={"grounding": "off"})
        with Assistant.open(settings) as assistant, pytest.raises(EngineUnavailable, match=r"engine\.base_url"):
            assistant.ask("Hello?")


async def test_opening_has_its_asynchronous_twin(tmp_path: Path) -> None:
    assistant = await Assistant.aopen(Settings.load(data_dir=tmp_path))
    assert tmp_path == assistant.settings.data_dir
    await assistant.aclose()
