"""What a platform lets be sent only for a time: the window is looked at just before each message leaves."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from inbox_fakes import Bench, address, message
from surface_fakes import Surface, now_and, said, surface

from assistant.inbox import Reply, Turn
from assistant.testing.memory_connector import MemoryConnector
from assistant.types import Address, Outgoing, Receipt
from connectors._whatsapp_messages import is_rest


async def test_within_the_window_an_answer_is_sent(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open()
    await inbox.accept([said("1", sent_at=now_and(hours=-23))])
    await any_bench.until("1", "answered")

    assert ["hello"] == any_bench.texts()


async def test_a_closed_window_is_a_dead_letter_that_says_when_it_closed_and_nothing_is_sent(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open()
    await inbox.accept([said("1", sent_at=(at := now_and(hours=-25)))])
    error = (await any_bench.until("1", "dead")).error or ""

    assert "connectors.memory.template is not set" in error
    assert f"until {now_and(hours=-1):%Y-%m-%d}" in error or f"{at:%H:%M}" in error
    assert "retry" in error
    assert [] == any_bench.connector.platform.calls


async def test_once_the_person_writes_again_the_dead_letter_can_be_sent(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open()
    await inbox.accept([said("1", "late", sent_at=now_and(hours=-25))])
    await any_bench.until("1", "dead")
    await inbox.accept([said("2", "again")])
    await any_bench.until("2", "answered")
    await inbox.desk.aretry("memory:bot:1")
    await any_bench.until("1", "answered")

    assert ["again", "late"] == any_bench.texts()


async def test_beyond_the_window_a_template_goes_out_where_there_is_one(bench: Bench) -> None:
    connector = surface(bench)
    connector.beyond = []
    inbox = await bench.open()
    await inbox.accept([said("1", sent_at=now_and(hours=-25))])
    await bench.until("1", "answered")

    assert (["hello"], []) == ([out.text for out in connector.beyond], bench.texts())
    assert ("template",) == (await bench.shown("1")).parts[0].ids


class Whole(Surface):
    """Its template stands for the whole answer: nothing more is sent behind it."""

    async def send_beyond(self, outgoing: Outgoing) -> Receipt:
        """See `Windowed.send_beyond`."""
        return Receipt(()) if is_rest(outgoing) else await super().send_beyond(outgoing)


async def test_one_template_stands_for_an_answer_of_several_parts(bench: Bench) -> None:
    connector = bench.connector = Whole(text_limit=6)
    connector.beyond = []
    inbox = await bench.open()
    await inbox.accept([said("1", "one two three", sent_at=now_and(hours=-25))])
    await bench.until("1", "answered")

    assert (["one "], []) == ([out.text for out in connector.beyond], bench.texts())


async def test_the_rest_of_an_answer_is_not_taken_for_sent_once_the_window_is_closed(
    bench: Bench, tmp_path: Path
) -> None:
    connector = bench.connector = Whole(text_limit=6)
    connector.beyond, connector.gate = [], asyncio.Event()
    inbox = await bench.open()
    await inbox.accept([said("1", "one two")])
    await bench.until_calls(1)
    with closing(sqlite3.connect(tmp_path / "state-inbox.db")) as beside, beside:
        beside.execute("UPDATE inbox_windows SET closes_at = 0")
    connector.gate.set()
    error = (await bench.until("1", "dead")).error or ""

    assert "the rest of an answer cannot be sent outside the window" in error
    assert "once the person writes again" in error
    await inbox.accept([said("2", "I")])
    await bench.until("2", "answered")
    await inbox.desk.aretry("memory:bot:1")
    await bench.until("1", "answered")
    assert ["one ", "I", "two"] == bench.texts()


async def test_an_earlier_event_that_comes_late_does_not_shorten_the_window(bench: Bench) -> None:
    surface(bench)
    inbox = await bench.open()
    await inbox.accept([said("1")])
    await inbox.accept([said("2", sent_at=now_and(hours=-30))])
    await bench.until("2", "answered")

    assert 2 == len(bench.texts())


async def test_only_what_the_person_does_opens_the_window(bench: Bench) -> None:
    surface(bench)
    inbox = await bench.open()
    await inbox.accept([message("1", kind="button", sent_at=now_and())])

    assert "nothing that the person did is known" in ((await bench.until("1", "dead")).error or "")


async def test_the_answer_to_a_comment_needs_no_window(bench: Bench) -> None:
    """A private reply has a time of its own, which only the platform knows."""
    surface(bench)

    async def privately(turn: Turn) -> Reply:
        return Reply((Outgoing(replace(turn.address, thread=None), "in private"),))

    inbox = await bench.open(privately)
    where = Address("memory", "bot", "7", "post-1")
    await inbox.accept([replace(said("1", kind="comment"), address=where)])
    await bench.until("1", "answered")

    assert ["in private"] == bench.connector.platform.texts(address())


async def test_a_platform_without_windows_has_none(bench: Bench) -> None:
    assert type(bench.connector) is MemoryConnector
    inbox = await bench.open()
    await inbox.accept([message("1", sent_at=now_and(days=-400))])
    await bench.until("1", "answered")

    assert ({}, ["hello"]) == (await inbox.desk.awindows(), bench.texts())
