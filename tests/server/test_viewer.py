"""How an answer is watched: from the text that grows here or from the record, resumed, and never another's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from memory_inbox import MemoryDesk, Records

from assistant.errors import TransientError
from assistant.inbox import Reply, Shown, turn_id
from assistant.sections import Web
from assistant.server.viewer import Viewer
from assistant.server.web import WebChat, address_of, message
from assistant.types import Outgoing

ID = "m" * 16
OTHER = "n" * 16
SESSION = "s" * 43
QUESTION = "How often is the pump oiled?"


def record_of(state: str, reply: Reply | None = None) -> Records:
    mine = message(SESSION, ID, QUESTION)
    return {turn_id(mine): {"message": mine, "state": state, "reply": reply}}


def viewer(web: WebChat, records: Records, last: str = "") -> AsyncGenerator[dict[str, str], None]:
    return Viewer(web, MemoryDesk(records), message(SESSION, ID, ""), last=last).events()  # type: ignore[arg-type]


async def taken(events: AsyncGenerator[dict[str, str], None]) -> tuple[str, Any, str]:
    async with asyncio.timeout(60):
        event = await anext(events)
    return event["event"], json.loads(event["data"]), event["id"]


MINE = Outgoing(address_of(SESSION), "", key=f"{turn_id(message(SESSION, ID, ''))}:0")


ANOTHERS = Outgoing(address_of(SESSION), "", key=f"{turn_id(message(SESSION, OTHER, ''))}:0")


ANSWER = Reply((), {"answer": {"text": "one two", "grounded": "yes", "citations": []}})


async def test_a_reader_goes_on_where_the_connection_was_lost() -> None:
    web, records = WebChat(Web()), record_of("running")
    async with web.preview(MINE) as preview:
        await preview.update("one")
        first = await taken(viewer(web, records))
        await preview.update("one two")
        name, data, _ = await taken(viewer(web, records, last=first[2]))
        assert ("text", {"text": "one"}) == first[:2]
        assert ("text", {"text": " two"}) == (name, data)


async def test_a_reader_who_saw_another_text_starts_over() -> None:
    web, records = WebChat(Web()), record_of("running")
    async with web.preview(MINE) as preview:
        await preview.update("one")
        events = viewer(web, records, last="0123456789ab.7")
        assert ["reset", "text"] == [(await taken(events))[0] for _ in range(2)]
        await preview.update("uno dos")
        assert "reset" == (await taken(events))[0]
        assert {"text": "uno dos"} == (await taken(events))[1]


async def test_a_waiting_message_does_not_show_the_answer_before_it() -> None:
    web, records = WebChat(Web()), record_of("queued")
    events = viewer(web, records)
    waiting = asyncio.ensure_future(taken(events))
    async with web.preview(ANOTHERS) as preview:
        for text in ("of another", "of another question"):
            await preview.update(text)
            await asyncio.sleep(0)
    (record,) = records.values()
    record["state"] = "running"
    async with web.preview(MINE) as preview:
        await preview.update("one")
        assert ("text", {"text": "one"}) == (await waiting)[:2]


async def test_the_answer_before_it_is_not_shown_where_the_lane_went_on_meanwhile() -> None:
    web, records = WebChat(Web()), record_of("running")
    async with web.preview(ANOTHERS) as preview:
        await preview.update("of another question")
        events = viewer(web, records)
        waiting = asyncio.ensure_future(taken(events))
        await asyncio.sleep(0.1)
    async with web.preview(MINE) as preview:
        await preview.update("one")
        assert ("text", {"text": "one"}) == (await waiting)[:2]


@pytest.mark.parametrize("last", ["x." + "9" * 5000, "a.-1", ".5", "answer", "a.1e3", "٣.٣"])
async def test_an_event_id_that_nobody_gave_begins_at_the_beginning(last: str) -> None:
    web, records = WebChat(Web()), record_of("running")
    async with web.preview(MINE) as preview:
        await preview.update("one")
        assert ("text", {"text": "one"}) == (await taken(viewer(web, records, last=last)))[:2]


class Away(MemoryDesk):
    """Does not answer so often."""

    def __init__(self, records: Records, times: int) -> None:
        super().__init__(records)
        self.times = times
        self.asked = 0

    async def ashow(self, id: str) -> Shown:
        self.asked += 1
        if self.asked <= self.times:
            raise TransientError("the database does not answer")
        return await super().ashow(id)


async def test_a_reader_outlasts_a_database_that_is_away() -> None:
    web, desk = WebChat(Web()), Away(record_of("answered", ANSWER), times=1)
    events = Viewer(web, desk, message(SESSION, ID, "")).events()  # type: ignore[arg-type]
    assert "answer" == (await taken(events))[0]


async def test_the_record_is_not_asked_for_each_word_of_an_answer_that_is_written_here() -> None:
    web, desk = WebChat(Web()), Away(record_of("running"), times=0)
    async with web.preview(MINE) as preview:
        events = Viewer(web, desk, message(SESSION, ID, "")).events()  # type: ignore[arg-type]
        for number in range(5):
            waiting = asyncio.ensure_future(taken(events))
            await asyncio.sleep(0.12)
            await preview.update(" ".join(["word"] * (number + 1)))
            await waiting
    assert desk.asked < 5


async def test_half_a_character_of_a_model_ends_no_stream() -> None:
    web, records = WebChat(Web()), record_of("running")
    async with web.preview(MINE) as preview:
        await preview.update("one \ud83d")
        event = await anext(viewer(web, records))
    assert {"text": "one \ud83d"} == json.loads(event["data"].encode())


async def test_an_answer_written_by_another_process_is_read_from_the_record() -> None:
    web, records = WebChat(Web()), record_of("running")
    waiting = asyncio.ensure_future(taken(viewer(web, records)))
    await asyncio.sleep(0.01)
    next(iter(records.values())).update(state="answered", reply=ANSWER)
    name, answer, _ = await waiting
    assert ("answer", "one two") == (name, answer["text"])


async def test_nothing_is_kept_of_conversations_that_nobody_watches() -> None:
    web, records = WebChat(Web()), record_of("answered", ANSWER)
    async with web.preview(MINE) as preview:
        await preview.update("one two")
        events = viewer(web, records)
        assert "answer" == (await taken(events))[0]
        await events.aclose()
    assert ({}, {}) == (web.hub._lives, web.hub._watching)
