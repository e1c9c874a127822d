"""`/human` and `/start` through the real inbox, and what people get meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from people_fakes import Staffed
from responder_fakes import ADDRESS, QUESTION, Bench, message
from test_responder_inbox import until

from assistant.inbox import Inbox, Shown
from assistant.inbox.holders import Held
from assistant.types import Address, Incoming

HANDED = "A person will answer you here. I stay silent until then; /start brings me back."
TOLD = "You are talking to an automated assistant."


class Beside:
    """Who has a conversation, as the inbox of the bench says."""

    inbox: Inbox

    async def holder(self, address: Address) -> Held | None:
        """See `Holds.holder`."""
        held = await self.inbox.desk.aholders()
        return next((each for each in held if each.conversation == str(address)), None)

    async def release(self, address: Address) -> bool:
        """See `Holds.release`."""
        return await self.inbox.release(address)

    async def reach(self, address: Address) -> Address:
        """See `Holds.reach`."""
        return await self.inbox.reach(address)

    async def returned(self, address: Address) -> datetime | None:
        """See `Holds.returned`."""
        return await self.inbox.desk.areturned(str(address))

    async def arrived(self, turn: str) -> bool:
        """See `Holds.arrived`."""
        return await self.inbox.desk.aarrived(turn)


@asynccontextmanager
async def staffed(folder: Path, *, disclosure: str | None = None) -> AsyncIterator[tuple[Bench, Inbox]]:
    """A bot beside whom people answer."""
    beside = Beside()
    bench = Bench(folder, connector=Staffed(disclosure=disclosure), holds=beside)
    inbox = Inbox(bench.settings.state_url, {"memory": bench.connector}, bench.respond, settings=bench.settings.inbox)
    bench.stop_turn, beside.inbox = inbox.stop_turn, inbox
    await inbox.start()
    try:
        async with asyncio.timeout(60):
            yield bench, inbox
    finally:
        await inbox.aclose()
        await bench.respond.aclose()


async def answered(inbox: Inbox, event: Incoming) -> Shown:
    await inbox.accept([replace(event, sent_at=datetime.now(UTC))])
    return await until(lambda: inbox.desk.show(f"memory:bot:{event.id}"), lambda found: found.entry.state == "answered")


def texts(shown: Shown) -> list[str]:
    return [part.text for part in shown.parts]


def command(text: str, id: str) -> Incoming:
    return message(text, id=id, kind="command")


async def test_a_person_is_asked_for_heard_and_let_go_again(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (bench, inbox):
        asked = await answered(inbox, command("/human", "1"))
        silent = await answered(inbox, message(id="2"))
        back = await answered(inbox, command("/start", "3"))
        again = await answered(inbox, message(id="4"))

    assert ([HANDED], ["sent"]) == (texts(asked), [part.state for part in asked.parts])
    assert ([], "person") == (texts(silent), silent.details["held_by"])
    assert [True, True] == [texts(back)[0].startswith("Hello!"), "every 45 days" in texts(again)[0]]
    assert QUESTION == (await bench.remembered())[0]


async def test_what_a_person_took_over_by_writing_is_not_taken_back_by_start(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (_, inbox):
        await answered(inbox, message("I am Bob, how can I help?", id="1", kind="echo"))
        start = await answered(inbox, command("/start", "2"))
        held = await inbox.desk.aholders()

    assert ([], "person") == (texts(start), start.details["held_by"])
    assert [str(ADDRESS)] == [each.conversation for each in held]


async def test_where_the_first_answer_was_never_sent_the_next_says_what_it_is(tmp_path: Path) -> None:
    async with staffed(tmp_path, disclosure="") as (bench, inbox):
        bench.connector.platform.fail("blocked")
        await inbox.accept([replace(command("/help", "1"), sent_at=datetime.now(UTC))])
        await until(lambda: inbox.desk.show("memory:bot:1"), lambda found: found.entry.state == "dead")
        second, third = [await answered(inbox, message(id=id)) for id in ("2", "3")]

    assert [True, False] == [texts(each)[0].startswith(TOLD) for each in (second, third)]


async def test_once_an_operator_gave_it_back_the_bot_says_again_what_it_is(tmp_path: Path) -> None:
    async with staffed(tmp_path, disclosure="") as (_, inbox):
        first = await answered(inbox, message(id="1"))
        await answered(inbox, message("I am Bob.", id="2", kind="echo"))
        assert await inbox.desk.arelease(str(ADDRESS))
        second = await answered(inbox, message(id="3"))
        third = await answered(inbox, message(id="4"))

    assert [True, True, False] == [texts(each)[0].startswith(TOLD) for each in (first, second, third)]
