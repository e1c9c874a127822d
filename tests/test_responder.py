from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from responder_fakes import ADDRESS, GROUP, QUESTION, Bench, Broken, Patient, Plain, Watched, message, turn
from turn_fakes import LIBRARY, PUMP, Found, Scripted

from assistant import Assistant, Settings
from assistant.errors import ConfigurationError, EngineUnavailable, PermanentError, TransientError
from assistant.testing.gullible import GullibleChat
from assistant.testing.memory_connector import MemoryConnector
from assistant.testing.memory_platform import MemoryPlatform
from assistant.types import Address, Kind

SENTENCE = "The Zeta-9 pump must be serviced every 45 days by a certified technician"
ANSWER = f"{SENTENCE}. [1]"


@pytest.fixture(autouse=True)
def no_blocking_call_on_an_event_loop() -> Iterator[None]:
    with blockbuster_ctx("assistant"):
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_question_is_answered_with_marks_of_its_sources(bench: Bench) -> None:
    assert ANSWER == await bench.text(message())


async def test_the_reply_keeps_the_whole_answer_for_operators(bench: Bench) -> None:
    answer = (await bench.ask(message())).details["answer"]

    assert ("yes", "pump.md", str(ADDRESS)) == (
        answer["grounded"],
        answer["citations"][0]["source"],
        answer["conversation"],
    )


async def test_the_message_has_the_key_that_its_preview_had(bench: Bench) -> None:
    sent = await bench.say(message())

    assert {"memory:bot:1:0"} == {sent.key, *(call.key for call in bench.connector.platform.calls)}


async def test_sources_are_behind_a_button_beside_feedback(bench: Bench) -> None:
    assert ["Sources", "👍", "👎"] == [button.label for button in (await bench.say(message())).buttons]


async def test_what_a_button_carries_fits_every_platform(bench: Bench) -> None:
    far = Address("memory", "b" * 100, "c" * 100)
    buttons = (await bench.say(message(address=far, id="m" * 100))).buttons

    assert [True] * 3 == [len((button.data or "").encode()) <= 64 for button in buttons]


@pytest.mark.parametrize(
    ("most", "labels"), [(0, []), (1, ["Sources"]), (2, ["Sources"]), (3, ["Sources", "👍", "👎"])]
)
async def test_no_more_buttons_than_the_platform_has(tmp_path: Path, most: int, labels: list[str]) -> None:
    connector = MemoryConnector(secret="s")
    connector.capabilities = replace(connector.capabilities, buttons=most)

    assert labels == [b.label for b in (await Bench(tmp_path, connector=connector).say(message())).buttons]


async def test_without_buttons_the_sources_are_listed_below_the_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path, connector=Plain())

    assert f"{ANSWER}\n\n**Sources**  \n[1] Pump" == await bench.text(message())


async def test_the_list_of_sources_can_be_had_where_there_are_buttons(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bot={"sources": "list", "feedback": False})
    sent = await bench.say(message())

    assert (f"{ANSWER}\n\n**Sources**  \n[1] Pump", ()) == (sent.text, sent.buttons)


@pytest.mark.parametrize("connector", [MemoryConnector(secret="s"), Plain()])
async def test_sources_and_feedback_can_be_turned_off(tmp_path: Path, connector: Any) -> None:
    bench = Bench(tmp_path, connector=connector, bot={"sources": "off", "feedback": False})
    sent = await bench.say(message())

    assert (ANSWER, ()) == (sent.text, sent.buttons)


async def test_what_the_documents_do_not_hold_is_answered_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, assistant=lambda s: Assistant(Scripted(pieces=["x"]), Found(), settings=s))
    sent = await bench.say(message())

    assert ("I found nothing about", ["👍", "👎"]) == (sent.text[:21], [button.label for button in sent.buttons])


async def test_a_model_that_obeys_the_documents_still_cites_what_they_hold(tmp_path: Path) -> None:
    bench = Bench(tmp_path, model=GullibleChat())

    assert SENTENCE in await bench.text(message())


async def test_an_answer_is_written_in_sight_of_the_user(tmp_path: Path) -> None:
    bench = Bench(tmp_path, model=Scripted(pieces=[f"{SENTENCE} [1]. ", "The warranty lasts 3 years [1]."]))
    whole = await bench.text(message())
    shown = bench.connector.platform.shown(ADDRESS)

    assert [True] * 2 == [len(text) > 0 for text in shown[:2]]
    assert [True] * len(shown) == [whole.startswith(text) for text in shown]


async def test_typing_is_shown_at_once_and_again_until_the_answer_is_there(tmp_path: Path) -> None:
    connector = Patient()
    bench = Bench(tmp_path, connector=connector, model=Scripted(pieces=["Every 45 days ", None]))
    answering = asyncio.create_task(bench.ask(message()))
    async with asyncio.timeout(60):
        await connector.thrice.wait()
    answering.cancel()
    await asyncio.wait([answering])
    shown = connector.platform.typings(ADDRESS)
    await asyncio.sleep(0.05)

    assert shown == connector.platform.typings(ADDRESS)


@pytest.mark.parametrize(
    ("at", "kind"), [("typing", "typing"), ("enter", "preview"), ("update", "preview"), ("leave", "preview")]
)
@pytest.mark.parametrize("error", [TransientError("down"), RuntimeError("a mistake")])
async def test_what_cannot_be_shown_meanwhile_is_counted_and_never_fails_the_answer(
    tmp_path: Path, at: str, kind: str, error: Exception
) -> None:
    bench = Bench(tmp_path, connector=Broken(at, error))

    assert ANSWER == await bench.text(message())
    assert bench.count("assistant_indications_failed", connector="memory", kind=kind) >= 1


async def test_typing_that_the_platform_limits_is_not_shown_again_before_it_allows(tmp_path: Path) -> None:
    connector = Broken("typing")
    connector.capabilities = replace(connector.capabilities, typing_seconds=0.001)
    bench = Bench(tmp_path, connector=connector)
    await bench.ask(message())

    assert 1 == bench.count("assistant_indications_failed", connector="memory", kind="typing")


async def test_a_platform_that_cannot_be_reached_delays_no_answer(tmp_path: Path) -> None:
    connector = MemoryConnector(secret="s", platform=MemoryPlatform())
    await connector.platform.stop()

    assert ANSWER == await Bench(tmp_path, connector=connector).text(message())


async def test_a_preview_is_told_how_the_answer_ended(tmp_path: Path) -> None:
    connector = Watched()
    await Bench(tmp_path, connector=connector).ask(message())
    with pytest.raises(EngineUnavailable):
        await Bench(tmp_path, connector=connector, model=Scripted(pieces=[RuntimeError("x")])).ask(message())

    assert ["whole", "EngineUnavailable"] == connector.ended


async def test_in_a_private_chat_an_answer_is_no_reply(bench: Bench) -> None:
    assert (await bench.say(message())).reply_to is None


async def test_in_a_group_an_answer_replies_to_its_question(bench: Bench) -> None:
    assert "1" == (await bench.say(message(address=GROUP))).reply_to


async def test_several_quick_messages_are_one_question_and_the_answer_replies_to_the_last(tmp_path: Path) -> None:
    model = Scripted(pieces=[f"{SENTENCE} [1]."])
    bench = Bench(tmp_path, model=model)
    sent = await bench.say(message("The Zeta-9 pump:"), message(id="2"))

    assert ("2", f"The Zeta-9 pump:\n{QUESTION}") == (sent.reply_to, (await bench.remembered())[0])


async def test_a_question_of_the_same_conversation_is_read_with_what_was_said(tmp_path: Path) -> None:
    model = Scripted(pieces=[f"{SENTENCE} [1]."])
    bench = Bench(tmp_path, model=model)
    await bench.ask(message())
    await bench.ask(message("Really every 45 days?", id="2"))

    earlier, answer = [said.text for said in model.asked[1][-3:-1]]
    assert (True, f"{SENTENCE}.") == (earlier.endswith(QUESTION), answer)


async def test_threads_and_chats_are_conversations_of_their_own(bench: Bench) -> None:
    await bench.ask(message())
    await bench.ask(message(address=Address("memory", "bot", "7", "t")))

    assert 2 == len(await bench.remembered())


async def test_a_turn_that_runs_twice_is_remembered_once_and_does_not_hear_itself(tmp_path: Path) -> None:
    model = Scripted(pieces=[f"{SENTENCE} [1]."])
    bench = Bench(tmp_path, model=model)
    first = await bench.ask(message())
    again = await bench.ask(message())

    assert (first, 2) == (again, len(await bench.remembered()))
    assert model.asked[0] == model.asked[1]


async def test_a_stopped_answer_is_not_remembered_and_ends_the_models_work(tmp_path: Path) -> None:
    model = Scripted(pieces=["Every 45 days ", None])
    bench = Bench(tmp_path, model=model)
    answering = asyncio.create_task(bench.ask(message()))
    await model.waits.wait()
    answering.cancel()
    await asyncio.wait([answering])

    assert (True, 1, []) == (answering.cancelled(), model.closed, await bench.remembered())


async def test_while_the_engine_is_starting_the_turn_is_to_be_tried_again(bench: Bench) -> None:
    bench.starting = EngineUnavailable("starting")
    with pytest.raises(EngineUnavailable):
        await bench.ask(message())
    bench.starting = None

    assert SENTENCE in await bench.text(message())


async def test_a_question_that_is_too_long_is_told_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, safety={"max_question_chars": 20})

    assert "Your message is too long for me. Please shorten it." == await bench.text(message())


async def test_a_question_that_does_not_fit_the_model_is_told_so(tmp_path: Path) -> None:
    model = Scripted(pieces=["x"])
    model.profile = {"max_input_tokens": 40}
    bench = Bench(tmp_path, model=model, chat={"max_tokens": 8})

    assert "Your message is too long for me. Please shorten it." == await bench.text(message(QUESTION * 50))


@pytest.mark.parametrize("text", ["", "  \n", "\x01"])
async def test_a_message_without_words_is_told_what_can_be_read(bench: Bench, text: str) -> None:
    assert "I can only read text and documents." == await bench.text(message(text))


async def test_any_other_permanent_error_is_for_a_person_to_look_at(tmp_path: Path) -> None:
    class Refusing(Found):
        async def _aget_relevant_documents(self, query: str, **_: Any) -> Any:
            raise PermanentError("the account is closed")

    bench = Bench(tmp_path, assistant=lambda s: Assistant(Scripted(pieces=["x"]), Refusing(), settings=s))
    with pytest.raises(PermanentError):
        await bench.ask(message())


async def test_a_message_of_a_connector_that_is_gone_names_the_section(bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.gone"):
        await bench.ask(message(address=Address("gone", "bot", "7")))


@pytest.mark.parametrize("kind", ["delete", "status", "echo", "system"])
async def test_nobody_expects_an_answer_to_what_only_happened(bench: Bench, kind: Kind) -> None:
    bench.starting = EngineUnavailable("not needed")

    assert () == (await bench.ask(message("blocked", kind=kind))).messages


async def test_a_comment_is_answered_below_it(bench: Bench) -> None:
    sent = await bench.say(message(kind="comment"))

    assert ("1", True) == (sent.reply_to, SENTENCE in sent.text)


@pytest.mark.parametrize(
    ("speaks", "label"),
    [
        ("en", "Sources"),
        ("de", "Quellen"),
        ("pt-br", "Fontes"),
        ("zh-hans", "来源"),
        ("zh-TW", "來源"),
        ("xx", "Sources"),
    ],
)
async def test_the_bot_speaks_the_language_that_the_platform_tells(bench: Bench, speaks: str, label: str) -> None:
    assert label == (await bench.say(message(speaks=speaks))).buttons[0].label


async def test_a_connector_may_tell_the_language_by_its_code(bench: Bench) -> None:
    sent = await bench.say(replace(message("/stop", kind="command"), raw={"language": "fr-FR"}))

    assert "Il n’y a aucune réponse à arrêter." == sent.text


async def test_where_the_platform_tells_nothing_the_text_tells_the_language(bench: Bench) -> None:
    sent = await bench.say(message("Wie oft muss die Pumpe gewartet werden, bitte?", speaks=None))

    assert "Quellen" == sent.buttons[0].label


async def test_a_command_tells_no_language_so_earlier_questions_do(bench: Bench) -> None:
    await bench.ask(message("Wie oft muss die Pumpe gewartet werden, bitte?", speaks=None))

    assert "Es gibt keine Antwort anzuhalten." == await bench.text(
        message("/stop", id="2", kind="command", speaks=None)
    )


async def test_english_is_spoken_where_nothing_tells_the_language(bench: Bench) -> None:
    bench.starting = EngineUnavailable("the memory is not open")

    assert "There is no answer to stop." == await bench.text(message("/stop", kind="command", speaks=None))


def test_a_turn_of_a_test_is_named_as_the_inbox_names_it() -> None:
    assert "memory:bot:1" == turn(message()).id


async def test_several_marks_of_one_page_stand_in_one_line(tmp_path: Path) -> None:
    model = Scripted(pieces=[f"{SENTENCE} [1]. The library is closed on Sundays [2]."])
    found = Found(documents=[PUMP, LIBRARY])

    def opened(settings: Settings) -> Assistant:
        return Assistant(model, found, settings=settings)

    text = await Bench(tmp_path, connector=Plain(), assistant=opened).text(message())

    assert "**Sources**  \n[1] Pump  \n[2] Library" == text.partition("\n\n")[2]
