"""Accepted is answered: once, in order, and one conversation never waits for another."""

from __future__ import annotations

import asyncio
import dataclasses
import random

import pytest
from inbox_fakes import Bench, Counting, address, echo, message

from assistant.errors import ConfigurationError, EngineUnavailable, PermanentError, TransientError
from assistant.inbox import Inbox, Reply, Turn
from assistant.sections import InboxSettings
from assistant.types import Address, Outgoing


async def test_a_message_is_answered_on_its_platform(any_bench: Bench) -> None:
    inbox = await any_bench.open()
    await inbox.accept([message("1", "How are you?")])
    await any_bench.until("1", "answered")

    assert ["How are you?"] == any_bench.texts()


async def test_conversations_run_side_by_side_and_each_in_its_order(any_bench: Bench) -> None:
    inbox = await any_bench.open()
    events = [message(f"{chat}-{n}", f"{n}", chat=f"{chat}") for n in range(6) for chat in range(20)]
    await asyncio.gather(*(inbox.accept([event]) for event in events))
    await any_bench.until_sent(120)

    assert [[f"{n}" for n in range(6)]] * 20 == [any_bench.texts(f"{chat}") for chat in range(20)]


async def test_events_of_one_request_are_taken_by_their_order(bench: Bench) -> None:
    inbox = await bench.open()
    await inbox.accept(
        [message("b", "second", order="2"), message("x", "other", chat="8"), message("a", "first", order="1")]
    )
    await bench.until_sent(3)

    assert ["first", "second"] == bench.texts()


async def test_events_without_an_order_are_taken_as_they_came(bench: Bench) -> None:
    inbox = await bench.open()
    await inbox.accept([message("b", "first"), message("a", "second", order="1")])
    await bench.until_sent(2)

    assert ["first", "second"] == bench.texts()


async def test_a_redelivery_is_not_answered_again_whenever_it_comes(any_bench: Bench) -> None:
    inbox = await any_bench.open()
    await asyncio.gather(*(inbox.accept([message("1"), message("1")]) for _ in range(3)))
    await any_bench.until("1", "answered")
    await inbox.accept([message("1")])
    await inbox.aclose()
    inbox = await any_bench.open()
    await inbox.accept([message("1", "another text, as after an edit"), message("2", "new")])
    await any_bench.until("2", "answered")

    assert ["hello", "new"] == any_bench.texts()


async def test_accounts_of_one_platform_may_use_the_same_message_ids(bench: Bench) -> None:
    inbox = await bench.open()
    elsewhere = dataclasses.replace(message("1", "to another bot"), address=Address("memory", "b2", "7"))
    await inbox.accept([message("1"), elsewhere])
    await bench.until_sent(2)

    assert 2 == len(bench.connector.platform.calls)


async def test_a_slow_conversation_never_delays_another(bench: Bench) -> None:
    slow = asyncio.Event()

    async def respond(turn: Turn) -> Reply:
        if turn.address.chat == "slow":
            await slow.wait()
        return await echo(turn)

    inbox = await bench.open(respond)
    await inbox.accept([message("s1", chat="slow"), message("s2", chat="slow"), message("1")])
    await bench.until("1", "answered")

    assert ("running", "queued") == ((await bench.entry("s1")).state, (await bench.entry("s2")).state)
    slow.set()
    await bench.until("s2", "answered")


async def test_so_many_answers_are_written_at_once_as_the_settings_say(bench: Bench) -> None:
    now = most = 0

    async def respond(turn: Turn) -> Reply:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        return await echo(turn)

    inbox = await bench.open(respond, concurrency=3)
    await inbox.accept([message(f"{n}", chat=f"{n}") for n in range(12)])
    await bench.until_sent(12)

    assert 3 == most


async def test_nothing_to_say_is_an_answer(bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        return Reply(details={"why": "an echo of our own"})

    inbox = await bench.open(respond)
    await inbox.accept([message("1", kind="echo")])
    await bench.until("1", "answered")

    assert {"why": "an echo of our own"} == (await inbox.desk.ashow("memory:bot:1")).details
    assert [] == bench.texts()


async def test_a_model_that_is_away_is_waited_for_and_does_not_count(bench: Bench) -> None:
    fails = 2

    async def respond(turn: Turn) -> Reply:
        nonlocal fails
        fails -= 1
        if fails >= 0:
            raise EngineUnavailable("starting")
        return await echo(turn)

    asked = Counting(respond)
    inbox = await bench.open(asked, attempts=1)
    await inbox.accept([message("1", "first"), message("2", "second")])
    await bench.until("2", "answered")

    assert ["first"] * 3 + ["second"] == asked.asked["7"]
    assert (["first", "second"], 3) == (bench.texts(), (await bench.entry("1")).attempts)
    assert 2 == bench.metric("retried_total", connector="memory", what="answer")


async def test_a_poison_message_becomes_a_dead_letter_and_frees_its_lane(any_bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        if turn.text == "poison":
            raise ZeroDivisionError("boom")
        return await echo(turn)

    asked = Counting(respond)
    inbox = await any_bench.open(asked, attempts=2)
    await inbox.accept([message("1", "poison"), message("2", "good")])
    await any_bench.until("2", "answered")

    assert ["poison", "poison", "good"] == asked.asked["7"]
    dead = await any_bench.entry("1")
    assert ("dead", "ZeroDivisionError: boom", 2) == (dead.state, dead.error, dead.attempts)
    assert ["memory:bot:1"] == [entry.id for entry in await inbox.desk.alist(state="dead")]
    assert ["good"] == any_bench.texts()


async def test_what_will_never_work_is_not_tried_again(bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        raise PermanentError("no such page")

    inbox = await bench.open(respond)
    await inbox.accept([message("1")])

    assert ("no such page", 1) == ((entry := await bench.until("1", "dead")).error, entry.attempts)


async def test_an_answer_has_so_much_time_as_the_settings_say(bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        await asyncio.sleep(3600)
        return Reply()

    inbox = await bench.open(respond, turn_seconds=0.1, attempts=1)
    await inbox.accept([message("1")])

    assert "TimeoutError: no answer within 0.1 s (inbox.turn_seconds)" == (await bench.until("1", "dead")).error


async def test_an_answer_to_a_platform_that_is_not_configured_names_it(bench: Bench) -> None:
    async def respond(turn: Turn) -> Reply:
        return Reply((Outgoing(address(connector="pigeon"), "coo"),))

    inbox = await bench.open(respond)
    await inbox.accept([message("1")])

    assert "'pigeon'" in ((await bench.until("1", "dead")).error or "")


async def test_texts_of_any_kind_come_back_as_they_were(any_bench: Bench) -> None:
    inbox = await any_bench.open()
    texts = ["👩‍👩‍👧 über 漢字", "a\0b", '"quoted" \\ and \n lines', "half \ud83d of a smile"]
    for n, text in enumerate(texts):
        await inbox.accept([message(f"{n}", text)])
    await any_bench.until_sent(len(texts))

    assert [*texts[:3], "half \ufffd of a smile"] == any_bench.texts()


async def test_ids_that_no_database_can_hold_are_taken_nevertheless(any_bench: Bench) -> None:
    inbox = await any_bench.open()
    await inbox.accept([message("1\0", chat="7\0"), message("2\ud83d")])
    await any_bench.until_sent(2)

    assert {"memory:bot:1%00", "memory:bot:2\ufffd"} == {entry.id for entry in await inbox.desk.alist()}


async def test_ids_that_are_very_long_are_taken_and_told_apart(any_bench: Bench) -> None:
    inbox = await any_bench.open()
    chance = random.Random(1)
    long = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(5000))  # more than an index of PostgreSQL holds
    for id in ("a", "b", "a"):
        await inbox.accept([message(long + id, id, chat=long)])
    await any_bench.until_sent(2)

    assert ["a", "b"] == any_bench.texts(long)


async def test_a_second_inbox_in_one_process_is_refused_until_the_first_is_closed(
    bench: Bench, tmp_path: object
) -> None:
    first = await bench.open()
    second = Inbox(f"sqlite:///{tmp_path}/other.db", {}, echo, settings=InboxSettings())
    with pytest.raises(ConfigurationError, match="has an inbox already"):
        await second.start()
    await first.aclose()
    await second.start()
    await second.aclose()


async def test_in_memory_an_inbox_leaves_nothing_in_the_way_of_the_next(bench: Bench) -> None:
    bench.url = "sqlite://"
    for id in ("1", "2"):
        inbox = await bench.open()
        await inbox.accept([message(id)])
        await bench.until(id, "answered")
        assert 1 == len(await inbox.desk.alist())
        await inbox.aclose()


async def test_a_closed_inbox_accepts_nothing_and_the_loop_works_on(bench: Bench) -> None:
    inbox = await bench.open()
    await inbox.aclose()
    await inbox.aclose()
    with pytest.raises(TransientError):
        await inbox.accept([message("1")])

    assert "done" == await asyncio.to_thread(lambda: "done")
