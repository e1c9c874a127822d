from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from responder_fakes import ADDRESS, GROUP, QUESTION, Bench, Plain, message
from turn_fakes import Found, Scripted

from assistant import Assistant
from assistant.answers import Citation
from assistant.bot import phrases
from assistant.bot.sources import listed, quoted
from assistant.errors import EngineUnavailable
from assistant.types import Incoming


@pytest.fixture(autouse=True)
def no_blocking_call_on_an_event_loop() -> Iterator[None]:
    with blockbuster_ctx("assistant"):
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def command(text: str, **more: Any) -> Incoming:
    return message(text, **{"id": "c", "kind": "command", **more})


async def test_start_greets_and_says_how_to_go_on(bench: Bench) -> None:
    text = await bench.text(command("/start"))

    assert text.startswith("Hello! Ask me a question")
    assert "/reset – Forget this conversation" in text


async def test_start_may_come_with_what_a_link_says(bench: Bench) -> None:
    assert (await bench.text(command("/start from-site"))).startswith("Hello!")


async def test_the_greeting_can_be_the_businesss_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bot={"greeting": "Welcome to Pumps & Sons."})

    assert (await bench.text(command("/start"))).startswith("Welcome to Pumps & Sons.\n\nSend me a question.")


async def test_help_lists_the_commands_and_that_documents_are_read(bench: Bench) -> None:
    text = await bench.text(command("/help"))

    assert ["/start", "/help", "/reset", "/stop", "/sources"] == re.findall(r"^/\w+", text, re.MULTILINE)
    assert text.endswith("in this conversation only.")


async def test_help_offers_a_person_where_one_can_be_reached(tmp_path: Path) -> None:
    assert "/human – " in await Bench(tmp_path, bot={"human": "Call 555."}).text(command("/help"))


@pytest.mark.parametrize(("connector", "bot"), [(Plain(), {}), (None, {"documents": False})])
async def test_help_offers_no_documents_where_they_are_not_read(tmp_path: Path, connector: Any, bot: Any) -> None:
    assert "document and I" not in await Bench(tmp_path, connector=connector, bot=bot).text(command("/help"))


async def test_an_unknown_command_is_answered_with_the_help(bench: Bench) -> None:
    assert await bench.text(command("/help")) == await bench.text(command("/dance"))


async def test_commands_are_answered_while_the_engine_is_starting(bench: Bench) -> None:
    bench.starting = EngineUnavailable("starting")

    assert "/reset" in await bench.text(command("/help"))


async def test_a_command_may_come_as_a_text_where_the_platform_has_no_commands(bench: Bench) -> None:
    assert "There is no answer to stop." == await bench.text(message("/stop"))


@pytest.mark.parametrize("text", ["/stop the pump", "/dance", "stop"])
async def test_a_text_that_only_begins_like_a_command_is_a_question(bench: Bench, text: str) -> None:
    await bench.ask(message(text))

    assert text == (await bench.remembered())[0]


async def test_in_a_group_the_command_is_replied_to(bench: Bench) -> None:
    assert "c" == (await bench.say(command("/help", address=GROUP))).reply_to


async def test_reset_forgets_the_conversation_and_no_other(bench: Bench) -> None:
    await bench.ask(message())
    await bench.ask(message(address=GROUP))
    text = await bench.text(command("/reset"))

    assert "I have forgotten this conversation and deleted the documents sent in it." == text
    assert (0, 2) == (len(await bench.remembered()), len(await bench.remembered(GROUP)))


async def test_stop_cancels_the_running_answer_and_says_so(bench: Bench) -> None:
    bench.running.add(ADDRESS)

    assert ["Stopped.", "There is no answer to stop."] == [await bench.text(command("/stop")) for _ in range(2)]


async def test_sources_are_shown_with_their_words(bench: Bench) -> None:
    await bench.ask(message())
    text = await bench.text(command("/sources"))

    assert text.startswith("**Sources**\n\n[1] Pump\n\n> “The Zeta-9 pump must be serviced every 45 days")


async def test_sources_are_those_of_the_last_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path, assistant=lambda s: Assistant(Scripted(pieces=["Hi."]), Found(), settings=s))
    none = await bench.text(command("/sources"))
    await bench.ask(message())

    assert ["My last answer has no sources."] * 2 == [none, await bench.text(command("/sources"))]


async def test_the_button_shows_the_sources_of_its_own_answer(bench: Bench) -> None:
    button = (await bench.say(message())).buttons[0]
    await bench.assistant.conversations.aappend(str(ADDRESS), "Other?", _unsourced(), turn="memory:bot:2")
    sent = await bench.say(message(button.data or "", id="t", kind="button", reply_to="m1"))

    assert ("m1", "[1] Pump") == (sent.reply_to, sent.text.split("\n\n")[1])


async def test_the_sources_of_a_forgotten_answer_are_not_known_any_more(bench: Bench) -> None:
    button = (await bench.say(message())).buttons[0]
    await bench.ask(command("/reset"))

    text = await bench.text(message(button.data or "", id="t", kind="button", reply_to="m1"))
    assert "I no longer know the sources of that answer." == text


async def test_who_asks_for_a_person_gets_the_contact_and_operators_see_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bot={"human": "Call **555**, weekdays 9 to 5."})
    reply = await bench.ask(command("/human"))

    assert ("Call **555**, weekdays 9 to 5.", {"human": True}) == (reply.messages[0].text, reply.details)
    assert 1 == bench.count("assistant_human_requests", connector="memory")


async def test_where_nobody_can_be_reached_that_is_said_and_operators_see_it_too(bench: Bench) -> None:
    reply = await bench.ask(command("/human"))

    assert "Unfortunately, nobody can be reached here." == reply.messages[0].text
    assert {"human": True} == reply.details


PAGE = Citation(1, "/srv/data/received/x/manual.pdf", "Pump manual", "every\n 45 days", page=3)


def test_a_page_is_listed_once_with_all_its_numbers() -> None:
    again = Citation(3, PAGE.source, PAGE.title, "another", page=3)
    other = Citation(2, PAGE.source, PAGE.title, "more", page=4)

    expected = "**Sources**  \n[1][3] Pump manual, p. 3  \n[2] Pump manual, p. 4"
    assert expected == listed([PAGE, other, again], "en")


def test_a_source_on_the_web_is_a_link() -> None:
    web = Citation(1, "https://example.com/a_(b)", "A [b]", "q")

    assert "**Sources**  \n[1] [A \\[b\\]](<https://example.com/a_(b)>)" == listed([web], "en")


def test_a_source_without_a_title_is_named_by_its_file_and_never_by_its_folder() -> None:
    assert "**Sources**  \n[1] manual.pdf" == listed([Citation(1, "/srv/data/manual.pdf", "", "q")], "en")


def test_titles_and_quotes_are_shown_as_they_are_written() -> None:
    odd = Citation(1, "x.md", "*a* _b_ c_d <i>", "# 1. `x`")

    assert "[1] \\*a\\* \\_b\\_ c_d \\<i\\>\n\n> “# 1. \\`x\\`”" == quoted([odd], "en").partition("\n\n")[2]


def test_a_quote_is_whole_and_on_one_line() -> None:
    assert quoted([PAGE], "en").endswith("[1] Pump manual, p. 3\n\n> “every 45 days”")


@pytest.mark.parametrize("language", phrases.languages())
def test_every_language_has_every_phrase_and_command_with_the_same_gaps(language: str) -> None:
    english, other = phrases._in("en"), phrases._in(language)

    assert {key: _gaps(text) for key, text in english["phrases"].items()} == {
        key: _gaps(text) for key, text in other["phrases"].items()
    }
    assert phrases.COMMANDS == tuple(phrases.commands(language))
    assert [] == [text for part in other.values() for text in part.values() if not text.strip() or len(text) > 256]


def test_the_languages_are_those_asked_for() -> None:
    asked = "en zh zh-Hant ja ko es de fr pt it ru ar tr vi hi id nl pl uk th"

    assert set(asked.split()) == set(phrases.languages())


def test_a_language_that_is_not_spoken_gets_english() -> None:
    assert phrases.say("stopped", "en") == phrases.say("stopped", "eo")


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("de", "de"),
        ("pt-BR", "pt"),
        ("zh_TW", "zh-Hant"),
        ("zh-hant-hk", "zh-Hant"),
        ("zh-CN", "zh"),
        ("eo", None),
        ("", None),
        ("-", None),
    ],
)
def test_a_language_tag_leads_to_the_nearest_language(tag: str, code: str | None) -> None:
    assert code == phrases.nearest(tag)


async def test_a_name_with_braces_is_said_as_it_is() -> None:
    assert "Reading “{x}” …" == phrases.say("reading", "en", name="{x}")


def _gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def _unsourced() -> Any:
    from assistant.answers import Answer

    return Answer("No idea.", "no")


async def test_the_question_of_a_command_is_not_kept_in_the_conversation(bench: Bench) -> None:
    await bench.ask(message())
    await bench.ask(command("/help"))

    assert QUESTION == (await bench.remembered())[-2]
