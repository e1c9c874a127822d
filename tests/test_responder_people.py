"""Giving a conversation to a person and back, and telling people that a machine answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from people_fakes import Ledger, Staffed
from responder_fakes import ADDRESS, QUESTION, Bench, Plain, message, turn

from assistant.bot.encounters import Encounters, Spoke
from assistant.errors import ConfigurationError, TransientError
from assistant.types import Attachment, Incoming

SENTENCE = "The Zeta-9 pump must be serviced every 45 days by a certified technician"
ANSWER = f"{SENTENCE}. [1]"
TOLD = "You are talking to an automated assistant."
HANDED = "A person will answer you here. I stay silent until then; /start brings me back."


@pytest.fixture(autouse=True)
def no_blocking_call_on_an_event_loop() -> Iterator[None]:
    with blockbuster_ctx("assistant"):
        yield


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def staffed(folder: Path, ledger: Ledger | None, *, disclosure: str | None = None, **more: Any) -> Bench:
    return Bench(folder, connector=Staffed(disclosure=disclosure), holds=ledger, **more)


def command(text: str, *, id: str = "c", **more: Any) -> Incoming:
    return message(text, id=id, kind="command", **more)


async def test_who_asks_for_a_person_is_handed_to_one_and_told_so(tmp_path: Path, ledger: Ledger) -> None:
    reply = await staffed(tmp_path, ledger).ask(command("/human"))

    assert (HANDED, "person", {"human": True}) == (reply.messages[0].text, reply.hands_to, reply.details)


async def test_it_is_said_in_the_persons_language(tmp_path: Path, ledger: Ledger) -> None:
    assert "Hier antwortet Ihnen ein Mensch." in await staffed(tmp_path, ledger).text(command("/human", speaks="de"))


async def test_how_to_reach_a_person_otherwise_is_said_too(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger, bot={"human": "Or call 555."})
    assert f"Or call 555.\n\n{HANDED}" == await bench.text(command("/human"))


@pytest.mark.parametrize(("connector", "bot"), [(Plain(), {}), (Staffed(), {"handover": False})])
async def test_where_nobody_answers_nobody_is_handed_over(
    tmp_path: Path, ledger: Ledger, connector: Any, bot: dict[str, Any]
) -> None:
    reply = await Bench(tmp_path, connector=connector, holds=ledger, bot=bot).ask(command("/human"))

    assert ("Unfortunately, nobody can be reached here.", None) == (reply.messages[0].text, reply.hands_to)


async def test_the_help_offers_a_person_where_people_answer(tmp_path: Path, ledger: Ledger) -> None:
    assert "/human – " in await staffed(tmp_path, ledger).text(command("/help"))
    assert "/human – " not in await staffed(tmp_path / "other", ledger, bot={"handover": False}).text(command("/help"))


async def test_who_asked_for_a_person_takes_the_bot_back_with_start(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger)
    await bench.ask(command("/human"))
    ledger.hold(ADDRESS)

    assert (await bench.text(command("/start", id="s"))).startswith("Hello!")
    assert {} == ledger.held


async def test_start_without_anybody_else_just_greets(tmp_path: Path, ledger: Ledger) -> None:
    assert (await staffed(tmp_path, ledger).text(command("/start"))).startswith("Hello!")


@pytest.mark.parametrize(("asks", "holder"), [(False, "person"), (True, "platform")])
async def test_what_others_took_over_start_does_not_take_back(
    tmp_path: Path, ledger: Ledger, asks: bool, holder: Any
) -> None:
    bench = staffed(tmp_path, ledger)
    if asks:
        await bench.ask(command("/human"))
    ledger.hold(ADDRESS, holder)
    reply = await bench.ask(command("/start", id="s"))

    assert ((), {"held_by": holder}, [ADDRESS]) == (reply.messages, reply.details, list(ledger.held))


async def test_who_asked_long_before_a_person_took_over_did_not_ask_for_that(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger)
    await bench.ask(command("/human"))
    ledger.hold(ADDRESS, since=datetime.now(UTC) + timedelta(hours=1))

    assert () == (await bench.ask(command("/start", id="s"))).messages


async def test_the_first_answer_tells_that_a_machine_writes_and_the_next_does_not(
    tmp_path: Path, ledger: Ledger
) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")
    first, next_ = await bench.ask(message()), await bench.ask(message(id="2"))

    assert [f"{TOLD}\n\n{ANSWER}", ANSWER] == [first.messages[0].text, next_.messages[0].text]
    assert [True, None] == [each.details.get("disclosed") for each in (first, next_)]


async def test_it_is_told_in_the_language_of_the_question(tmp_path: Path, ledger: Ledger) -> None:
    text = await staffed(tmp_path, ledger, disclosure="").text(message(speaks="fr"))
    assert text.startswith("Vous parlez à un assistant automatique.\n\n")


async def test_the_business_may_say_it_in_its_own_words(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger, disclosure="I am Pia, a bot of Pumps & Sons.")
    assert f"I am Pia, a bot of Pumps & Sons.\n\n{ANSWER}" == await bench.text(message())


@pytest.mark.parametrize("connector", [Staffed(disclosure=None), Plain()])
async def test_where_nothing_is_to_be_told_nothing_is_told_or_kept(
    tmp_path: Path, ledger: Ledger, connector: Any
) -> None:
    bench = Bench(tmp_path, connector=connector, holds=ledger)

    assert (await bench.text(message())).startswith(SENTENCE)
    assert bench.respond._encounters._engine.made is None


async def test_a_turn_that_runs_twice_tells_it_both_times_and_the_next_not_at_all(
    tmp_path: Path, ledger: Ledger
) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")
    texts = [await bench.text(message()) for _ in range(2)]

    assert texts == [f"{TOLD}\n\n{ANSWER}"] * 2
    assert [ANSWER] * 2 == [await bench.text(message(id="2")) for _ in range(2)]


async def test_the_greeting_tells_it_and_the_answer_after_it_does_not(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")

    assert (await bench.text(command("/start"))).startswith(f"{TOLD}\n\nHello!")
    assert ANSWER == await bench.text(message())


async def test_what_is_shown_while_the_first_answer_is_written_tells_it_too(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")
    await bench.ask(message())
    shown = [call.text for call in bench.connector.platform.calls if call.text]

    assert shown
    assert [True] * len(shown) == [text.startswith(f"{TOLD}\n\n") for text in shown]


async def test_an_answer_that_was_never_made_told_nothing(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")
    bench.starting = TransientError("not yet")
    with pytest.raises(TransientError):
        await bench.ask(message())
    bench.starting = None

    assert (await bench.text(message(id="2"))).startswith(TOLD)


async def test_a_reaction_before_the_first_answer_changes_nothing(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")
    await bench.ask(message("👍", id="r", kind="reaction", reply_to="m"))

    assert (await bench.text(message())).startswith(TOLD)


async def test_what_cannot_be_read_is_told_by_a_machine_as_well(tmp_path: Path, ledger: Ledger) -> None:
    sticker = message("", kind="media", files=(Attachment("sticker", file_id="x"),))
    text = await staffed(tmp_path, ledger, disclosure="").text(sticker)

    assert f"{TOLD}\n\nI can only read text and documents." == text


@pytest.mark.parametrize(("hours", "again"), [(23, False), (25, True)])
async def test_after_a_long_pause_it_is_told_again(tmp_path: Path, ledger: Ledger, hours: int, again: bool) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")
    before = datetime.now(UTC) - timedelta(hours=hours)
    encounters = Encounters(bench.settings.state_url)
    await encounters.spoke(ADDRESS, Spoke("memory:bot:0", before, disclosed=True))

    assert again == (await bench.text(message())).startswith(TOLD)


async def test_once_a_person_gave_the_conversation_back_it_is_told_again(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")
    await bench.ask(message())
    ledger.hold(ADDRESS)
    await ledger.release(ADDRESS)

    assert [True, False] == [(await bench.text(message(id=id))).startswith(TOLD) for id in ("2", "3")]


async def test_where_the_answer_that_told_it_never_arrived_the_next_tells_it(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")
    await bench.ask(message(id="1"))
    ledger.lost = {"memory:bot:1", "memory:bot:3"}

    assert [True, False, False] == [(await bench.text(message(id=id))).startswith(TOLD) for id in ("2", "3", "4")]


async def test_a_clock_that_was_ahead_for_a_while_does_not_silence_it(tmp_path: Path, ledger: Ledger) -> None:
    bench = staffed(tmp_path, ledger, disclosure="")
    ahead = datetime.now(UTC) + timedelta(days=300)
    await Encounters(bench.settings.state_url).spoke(ADDRESS, Spoke("memory:bot:0", ahead, disclosed=True))

    assert (await bench.text(message())).startswith(TOLD)


async def test_conversations_in_which_nothing_happened_for_long_are_forgotten(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    old, recent, new = (replace(ADDRESS, chat=chat) for chat in ("old", "recent", "new"))
    before, now = datetime.now(UTC) - timedelta(days=31), datetime.now(UTC)
    first = Encounters(url)
    for address in (old, recent):
        await first.spoke(address, Spoke("t", before, disclosed=True))
    await first.asked(recent, now)
    await Encounters(url).asked(new, now)

    assert [False, True] == [await first.last(address) is not None for address in (old, recent)]
    assert now == await first.asked_at(new)


async def test_another_process_knows_what_was_told(tmp_path: Path, ledger: Ledger) -> None:
    await staffed(tmp_path, ledger, disclosure="").ask(message())

    assert ANSWER == await staffed(tmp_path, ledger, disclosure="").text(message(id="2"))


async def test_an_edited_question_is_shown_to_be_answered_where_it_stands(tmp_path: Path) -> None:
    about: list[str | None] = []

    class Marking(Staffed):
        async def typing(self, address: Any, *, about: str | None = None) -> None:
            seen(about)

    def seen(id: str | None) -> None:
        about.append(id)

    bench = Bench(tmp_path, connector=Marking())
    await bench.ask(message("How often must it?"))
    await bench.ask(message(QUESTION, id="1:edit:5", kind="edit", reply_to="1"))

    assert {"1"} == set(about)


async def test_encounters_are_kept_in_postgresql_too(postgres: str) -> None:
    encounters, at = Encounters(postgres), datetime(2026, 11, 24, 8, tzinfo=UTC)
    try:
        assert (None, None) == (await encounters.last(ADDRESS), await encounters.asked_at(ADDRESS))
        await encounters.asked(ADDRESS, at)
        assert None is await encounters.last(ADDRESS)
        for disclosed in (True, False):
            await encounters.spoke(ADDRESS, Spoke("t1", at, disclosed=disclosed))
        assert (Spoke("t1", at, disclosed=False), at) == (
            await encounters.last(ADDRESS),
            await encounters.asked_at(ADDRESS),
        )
    finally:
        await encounters.aclose()


async def test_a_database_that_does_not_answer_is_asked_again_later() -> None:
    encounters = Encounters("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises((TransientError, ConfigurationError)):
        await encounters.last(turn(message()).address)
