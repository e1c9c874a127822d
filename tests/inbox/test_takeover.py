"""Where a person or another application answers, the bot is silent: nothing is asked, nothing is sent."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from inbox_fakes import Bench, Counting, address, echo, eventually, message
from sqlalchemy.event import listen
from surface_fakes import Surface, answered_by_hand, now_and, quiet, report, said, surface

from assistant.connector import Holder
from assistant.errors import TransientError
from assistant.inbox import Reply, Turn
from assistant.inbox.ledgers import Ledgers
from assistant.inbox.place import Place
from assistant.inbox.running import Running
from assistant.inbox.standing import Standing
from assistant.inbox.tables import Tables
from assistant.inbox.takeover import Takeover
from assistant.types import Outgoing, Receipt


async def test_a_persons_message_silences_the_bot_until_it_is_released(any_bench: Bench) -> None:
    surface(any_bench)
    asked = Counting()
    inbox = await any_bench.open(asked)
    await inbox.accept([answered_by_hand("p1")])
    await inbox.accept([said("1"), said("2", "elsewhere", chat="8")])
    for id in ("1", "2"):
        await any_bench.until(id, "answered")

    assert {"8": ["elsewhere"]} == asked.asked
    assert {"held_by": "person"} == (await any_bench.shown("1")).details
    assert [True, False] == [await inbox.release(address()) for _ in range(2)]
    await inbox.accept([said("3")])
    await any_bench.until("3", "answered")
    assert ["hello"] == any_bench.texts()


async def test_a_conversation_stays_held_over_a_restart(bench: Bench) -> None:
    surface(bench)
    inbox = await bench.open()
    await inbox.accept([answered_by_hand("p1")])
    await inbox.aclose()
    inbox = await bench.open()
    await inbox.accept([said("1")])
    await bench.until("1", "answered")

    assert [] == bench.texts()
    assert ["memory:bot:7"] == [held.conversation for held in await inbox.desk.aholders()]


async def test_a_while_after_the_persons_last_message_the_bot_answers_again(bench: Bench) -> None:
    surface(bench)
    inbox = await bench.open(takeover_hours=2)
    for chat, hours in (("over", [3]), ("extended", [3, 1])):
        for ago in hours:
            await inbox.accept([answered_by_hand(f"{chat}-{ago}", at=now_and(hours=-ago), chat=chat)])
        await inbox.accept([said(chat, chat=chat)])
        await bench.until(chat, "answered")

    assert (["hello"], []) == (bench.texts("over"), bench.texts("extended"))


async def test_an_echo_that_comes_again_after_the_release_changes_nothing(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open()
    await inbox.accept([answered_by_hand("p1", at=(at := now_and()))])
    await inbox.release(address())
    await inbox.accept([answered_by_hand("p1", at=at)])
    await inbox.accept([said("1")])
    await any_bench.until("1", "answered")

    assert ["hello"] == any_bench.texts()


async def test_an_echo_of_our_own_message_is_no_takeover_and_no_turn(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open()
    await inbox.accept([said("1")])
    await any_bench.until("1", "answered")
    [mine] = any_bench.connector.platform.messages(address())
    await inbox.accept([answered_by_hand(mine.id)])

    assert [] == await inbox.desk.aholders()
    assert ["memory:bot:1"] == [entry.id for entry in await inbox.desk.alist()]


async def test_the_echo_of_a_message_may_reach_a_connector_that_shares_its_callback(bench: Bench) -> None:
    surface(bench)
    other = Surface(name="other", platform=bench.connector.platform)
    inbox = await bench.open(connectors={"memory": bench.connector, "other": other})
    await inbox.accept([said("1")])
    await bench.until("1", "answered")
    [mine] = bench.connector.platform.messages(address())
    echoed = answered_by_hand(mine.id)
    await inbox.accept([type(echoed)(**{**_fields(echoed), "address": address(connector="other")})])

    assert [] == await inbox.desk.aholders()


def _fields(event: object) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__slots__}  # type: ignore[attr-defined]


@pytest.mark.parametrize("whose", ["ours", "a person's"])
async def test_an_echo_is_judged_once_the_message_on_the_wire_has_its_receipt(any_bench: Bench, whose: str) -> None:
    connector = surface(any_bench, text_limit=6)
    connector.gate.clear()
    inbox = await any_bench.open()
    await inbox.accept([said("1", "one two")])
    await any_bench.until_calls(1)
    [first] = connector.platform.messages(address())
    id = first.id if whose == "ours" else "p1"
    await inbox.accept([answered_by_hand(id)])
    await any_bench.until(id, "running")
    assert [] == await inbox.desk.aholders()
    connector.gate.set()
    await any_bench.until_idle()

    held = [held.holder for held in await inbox.desk.aholders()]
    assert held == ([] if whose == "ours" else ["person"])
    assert any_bench.texts()[0] == "one "
    assert {"echo": "ours"} == (await any_bench.shown(id)).details or whose != "ours"


async def test_an_echo_is_ours_also_where_the_receipt_comes_while_it_is_judged(bench: Bench, postgres_url: str) -> None:
    bench.url = postgres_url
    connector = surface(bench)
    connector.gate.clear()
    inbox = await bench.open()
    await inbox.accept([said("1")])
    await bench.until_calls(1)
    [mine] = connector.platform.messages(address())
    loop, elsewhere, ledgers = asyncio.get_running_loop(), Place.of(postgres_url).looking(), Ledgers("dbos")
    connectors = {"memory": connector}
    takeover = Takeover(Tables("dbos"), ledgers, connectors, hours=1)
    standing = Standing(elsewhere, ledgers, takeover, connectors, running=Running())

    def receipt_comes(*_: object) -> None:
        loop.call_soon_threadsafe(connector.gate.set)
        while inbox.desk.show("memory:bot:1").entry.state != "answered":
            time.sleep(0.02)

    listen(elsewhere, "after_cursor_execute", receipt_comes)  # between the first look and the next
    assert await standing.judge(answered_by_hand(mine.id)) is None
    assert [] == await inbox.desk.aholders()
    await asyncio.to_thread(elsewhere.dispose)


async def test_an_operator_decides_also_where_the_platforms_clock_is_ahead(bench: Bench) -> None:
    surface(bench)
    inbox = await bench.open()
    await inbox.accept([answered_by_hand("p1", at=now_and(minutes=1))])
    assert await inbox.release(address())
    await inbox.accept([said("1", "released")])
    await bench.until("1", "answered")
    await inbox.hold(address(), "person")
    await inbox.accept([said("2", "held")])
    await bench.until("2", "answered")

    assert ["released"] == bench.texts()


async def test_who_waits_to_hear_of_a_message_keeps_no_place_from_others(bench: Bench) -> None:
    connector = surface(bench)
    inbox = await bench.open()
    assert inbox._standing is not None
    waiting = asyncio.create_task(inbox._standing.arrived(Outgoing(address(), "x", key="memory:bot:none:0")))
    await eventually(lambda: inbox._running.asleep == 1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert (0, []) == (inbox._running.asleep, connector.platform.texts(address()))


async def test_an_echo_that_nobody_knows_in_time_is_a_persons(bench: Bench) -> None:
    connector = surface(bench, text_limit=6)
    connector.gate.clear()
    inbox = await bench.open()
    assert inbox._standing is not None
    inbox._standing._hear_seconds = 0.1
    await inbox.accept([said("1", "one two")])
    await bench.until_calls(1)
    await inbox.accept([answered_by_hand("p1")])
    await bench.until("p1", "answered")
    connector.gate.set()
    await bench.until("1", "answered")

    assert {"held_by": "person"} == (await bench.shown("p1")).details
    assert ["one "] == bench.texts()


async def test_an_answer_that_is_being_written_is_stopped_and_not_sent(any_bench: Bench) -> None:
    surface(any_bench)

    async def respond(turn: Turn) -> Reply:
        if turn.text == "first":
            await asyncio.Event().wait()
        return await echo(turn)

    inbox = await any_bench.open(respond)
    await inbox.accept([said("1", "first"), said("2", "second")])
    await any_bench.until("1", "running")
    await inbox.accept([answered_by_hand("p1")])
    for id in ("1", "2"):
        await any_bench.until(id, "answered")
        assert {"held_by": "person"} == (await any_bench.shown(id)).details

    assert [] == any_bench.texts()


async def test_an_answer_is_stopped_where_another_process_notes_it(bench: Bench, postgres_url: str) -> None:
    async def respond(turn: Turn) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    bench.url = postgres_url
    connector = surface(bench)
    inbox = await bench.open(respond)
    await inbox.accept([said("1")])
    await bench.until("1", "running")
    elsewhere, ledgers = Place.of(postgres_url).looking(), Ledgers("dbos")
    takeover = Takeover(Tables("dbos"), ledgers, {"memory": connector}, hours=1)

    def note() -> bool:
        with elsewhere.begin() as connection:
            return takeover.note(connection, address(), "person", since=now_and())

    assert await asyncio.to_thread(note)
    await bench.until("1", "answered")
    assert {"held_by": "person"} == (await bench.shown("1")).details
    await asyncio.to_thread(elsewhere.dispose)


async def test_what_is_not_recorded_is_not_noted_either(bench: Bench, tmp_path: Path) -> None:
    surface(bench)
    inbox = await bench.open()
    held = await asyncio.to_thread(
        sqlite3.connect, tmp_path / "state-inbox.db", check_same_thread=False, isolation_level=None
    )
    await asyncio.to_thread(held.execute, "BEGIN EXCLUSIVE")
    with pytest.raises(TransientError):
        await inbox.accept([answered_by_hand("p1"), said("1")])
    await asyncio.to_thread(held.close)

    assert ([], []) == (await inbox.desk.aholders(), await inbox.desk.alist())


async def test_what_was_not_sent_yet_is_not_sent_also_where_nobody_stopped_it_here(any_bench: Bench) -> None:
    """As where another process noted it, or an operator at the command line."""
    connector = surface(any_bench, text_limit=6)
    connector.gate.clear()
    inbox = await any_bench.open()
    await inbox.accept([said("1", "one two three")])
    await any_bench.until_calls(1)
    await inbox.desk.ahold("memory:bot:7")
    connector.gate.set()
    await any_bench.until("1", "answered")

    parts = (await any_bench.shown("1")).parts
    assert (["one "], ["sent", "held"]) == (any_bench.texts(), [part.state for part in parts][:2])
    assert await inbox.desk.arelease("memory:bot:7")
    await inbox.accept([said("2")])
    await any_bench.until("2", "answered")
    assert ["one ", "hello"] == any_bench.texts()


async def test_a_hand_over_to_another_application_holds_and_one_back_releases(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open(quiet)

    async def hand(id: str, holder: Holder) -> None:
        await inbox.accept([message(id, kind="system", raw={"holder": holder}, sent_at=now_and())])

    await hand("h1", "platform")
    await inbox.accept([said("1", "held")])
    await any_bench.until("1", "answered")
    assert {"held_by": "platform"} == (await any_bench.shown("1")).details
    await asyncio.sleep(0.01)  # times are in milliseconds
    await hand("h2", "bot")
    await inbox.accept([said("2", "back")])
    await any_bench.until("2", "answered")

    assert ["back"] == any_bench.texts()


async def test_what_comes_in_standby_is_recorded_and_not_answered(bench: Bench) -> None:
    surface(bench)
    inbox = await bench.open()
    await inbox.accept([said("1", raw={"holder": "platform", "standby": True})])
    await bench.until("1", "answered")

    assert ([], "hello") == (bench.texts(), (await bench.entry("1")).text)


async def test_any_conversation_can_be_held_by_the_bots_own_program(any_bench: Bench) -> None:
    inbox = await any_bench.open()
    await inbox.hold(address(), "person")
    await inbox.accept([message("1", "held")])
    await any_bench.until("1", "answered")
    await inbox.hold(address(), "bot")
    await inbox.accept([message("2", "released")])
    await any_bench.until("2", "answered")

    assert ["released"] == any_bench.texts()


async def test_who_is_held_is_known_by_every_identity(any_bench: Bench) -> None:
    inbox = await any_bench.open()
    assert set() == await inbox.held([address("7"), address("8")])
    await inbox.hold(address("7"), "person")
    await inbox.accept([message("1", "I am new", kind="system", chat="U7", aliases=("7",))])

    assert {address("7"), address("U7")} == await inbox.held([address(each) for each in ("7", "U7", "8")])
    await inbox.release(address("U7"))
    assert set() == await inbox.held([address("7"), address("U7")])


async def test_an_answer_may_hand_the_conversation_over_once_it_is_sent(any_bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        return Reply((Outgoing(turn.address, "one"), Outgoing(turn.address, "two")), hands_to="person")

    inbox = await any_bench.open(respond)
    await inbox.accept([message("1"), message("2")])
    for id in ("1", "2"):
        await any_bench.until(id, "answered")

    assert ["one", "two"] == any_bench.texts()
    assert ["person"] == [held.holder for held in await inbox.desk.aholders()]


async def test_what_is_sent_again_does_not_give_the_conversation_away_again(bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        return Reply((Outgoing(turn.address, turn.text),), hands_to="person" if turn.text == "a person" else None)

    connector = surface(bench)
    inbox = await bench.open(respond)
    await inbox.accept([said("1", "a person")])
    await bench.until("1", "answered")
    assert await inbox.release(address())
    [mine] = connector.platform.messages(address())
    await inbox.accept([report("r1", mine.id, "failed")])
    await inbox.desk.aretry("memory:bot:1")
    await bench.until("1", "answered")
    await inbox.accept([said("2", "thanks")])
    await bench.until("2", "answered")

    assert (["a person"] * 2 + ["thanks"], []) == (bench.texts(), await inbox.desk.aholders())


async def test_a_dead_letter_of_a_held_conversation_is_not_sent_when_it_is_retried(bench: Bench) -> None:
    surface(bench)
    bench.connector.platform.fail("blocked")
    inbox = await bench.open()
    await inbox.accept([said("1")])
    await bench.until("1", "dead")
    await inbox.hold(address(), "person")
    await inbox.desk.aretry("memory:bot:1")
    await bench.until("1", "answered")

    assert [] == bench.texts()


async def test_what_was_sent_before_a_crash_is_told_after_the_takeover(bench: Bench) -> None:
    """The steps that were recorded are read again: the part that was sent stays sent."""
    connector = surface(bench, text_limit=6)
    inbox = await bench.open(grace_seconds=0)
    sends = 0

    async def second_hangs(outgoing: Outgoing) -> Receipt:
        nonlocal sends
        sends += 1
        if sends == 2:
            await asyncio.Event().wait()
        return await Surface.send(connector, outgoing)

    connector.send = second_hangs  # type: ignore[method-assign]
    await inbox.accept([said("1", "one two three")])
    await eventually(lambda: sends == 2)
    await inbox.aclose()
    inbox = await bench.open()
    assert inbox._standing is not None
    inbox._standing._hear_seconds = 1
    await bench.until("1", "running")
    await inbox.hold(address(), "person")
    await bench.until("1", "answered")

    shown = await bench.shown("1")
    assert ("sent", ["one "]) == (shown.parts[0].state, bench.texts())


async def test_a_closed_inbox_holds_and_releases_nothing(bench: Bench) -> None:
    inbox = await bench.open()
    await inbox.aclose()
    with pytest.raises(TransientError, match="closed"):
        await inbox.hold(address(), "person")
    with pytest.raises(TransientError, match="closed"):
        await inbox.release(address())
    with pytest.raises(TransientError, match="closed"):
        await inbox.reach(address())
