"""A conversation stays one whatever its person is called, and its answers go where they were seen last."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from inbox_fakes import Bench, Counting, address, message
from surface_fakes import now_and, quiet, said, surface

from assistant.connector import Capabilities
from assistant.errors import Rejected
from assistant.inbox import Inbox
from assistant.inbox.records import incoming_from_json, incoming_to_json
from assistant.testing.memory_connector import MemoryConnector
from assistant.types import Incoming, Outgoing, Receipt, Webhook
from connectors._telegram_updates import Bot, read


def chats(bench: Bench) -> list[tuple[str, str]]:
    """Where messages went, and what they said."""
    return [(call.address.chat, call.text) for call in bench.connector.platform.calls]


async def test_a_person_with_a_new_number_keeps_the_conversation_and_is_answered_at_the_new_one(
    any_bench: Bench,
) -> None:
    surface(any_bench)
    asked = Counting(quiet)
    inbox = await any_bench.open(asked)
    await inbox.accept([said("1", "from the old", chat="491")])
    await any_bench.until("1", "answered")
    await inbox.accept([said("c", kind="system", chat="492", aliases=("491",))])
    await inbox.accept([said("2", "from the new", chat="492")])
    await any_bench.until("2", "answered")

    assert {"491": ["from the old", "hello", "from the new"]} == asked.asked
    assert [("491", "from the old"), ("492", "from the new")] == chats(any_bench)
    assert {"memory:bot:491"} == {entry.conversation for entry in await inbox.desk.alist()}
    assert "492" == (await inbox.reach(address("491"))).chat


async def test_a_turn_that_waits_while_its_person_moves_is_sent_to_the_new_identity(bench: Bench) -> None:
    surface(bench)
    bench.connector.platform.fail("server_error", times=2)
    inbox = await bench.open(quiet)
    await inbox.accept([said("1", "moving", chat="491")])
    await bench.until_calls(1)
    await inbox.accept([said("c", kind="system", chat="492", aliases=("491",))])
    await bench.until("1", "answered")

    assert ("492", "moving") in chats(bench)
    assert ("491", "moving") == chats(bench)[0]


async def test_two_identities_in_one_request_are_one_lane_and_keep_their_order(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open(quiet)
    await inbox.accept([said("c", kind="system", chat="U1", aliases=("491",))])
    await any_bench.until("c", "answered")
    events = [said(f"{n}", f"{n}", chat=("491", "U1")[n % 2]) for n in range(10)]
    await inbox.accept(events)
    await any_bench.until("9", "answered")

    assert [f"{n}" for n in range(10)] == [call.text for call in any_bench.connector.platform.calls]
    assert 1 == len({entry.conversation for entry in await inbox.desk.alist()})


async def test_a_conversation_is_held_and_stopped_by_whatever_identity(bench: Bench) -> None:
    surface(bench)
    inbox = await bench.open(quiet)
    await inbox.accept([said("1", chat="491")])
    await bench.until("1", "answered")
    await inbox.accept([said("c", kind="system", chat="492", aliases=("491",))])
    await bench.until("c", "answered")
    before = len(chats(bench))
    await inbox.hold(address("492"), "person")
    await inbox.accept([said("2", chat="492")])
    await bench.until("2", "answered")

    assert before == len(chats(bench))
    assert await inbox.release(address("492"))


class Group:
    """Telegram's own parser, and sends that are remembered."""

    name = "telegram"
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    def verify(self, webhook: Webhook) -> None:
        """See `Connector.verify`."""

    def parse(self, webhook: Webhook) -> list[Incoming]:
        """See `Connector.parse`."""
        event = read(json.loads(webhook.body), Bot("telegram", "1", "test_bot"))
        return [event] if event else []

    async def send(self, outgoing: Outgoing) -> Receipt:
        """See `Connector.send`."""
        self.sent.append(outgoing)
        return Receipt((f"{len(self.sent)}",))


def update(number: int, chat: int, **fields: Any) -> Webhook:
    kind = "supergroup" if chat < -1000 else "group"
    at = int(now_and().timestamp()) + number
    known = {"message_id": number, "date": at, "from": {"id": 5}, "chat": {"id": chat, "type": kind}}
    return Webhook("POST", body=json.dumps({"update_id": number, "message": known | fields}).encode())


async def test_a_telegram_group_that_becomes_a_supergroup_goes_on_as_one_conversation(any_bench: Bench) -> None:
    group, asked = Group(), Counting(quiet)
    inbox: Inbox = await any_bench.open(asked, connectors={"telegram": group})
    updates = [
        update(1, -900, text="/help before"),
        update(2, -900, migrate_to_chat_id=-100900),
        update(1, -100900, migrate_from_chat_id=-900),
        update(3, -100900, text="/help after"),
    ]
    for each in updates:
        await inbox.accept(group.parse(each))
        await any_bench.until_idle()

    entries = await inbox.desk.alist()
    assert (4, {"telegram:1:-900"}) == (len(entries), {entry.conversation for entry in entries})
    assert {"-900"} == set(asked.asked)
    assert [("-900", "/help before"), ("-100900", "/help after")] == [
        (out.address.chat, out.text) for out in group.sent if out.text.startswith("/help")
    ]


class Migrating(MemoryConnector):
    """Refuses what goes to an id that is given up."""

    def __init__(self) -> None:
        super().__init__(secret="s")
        self.given_up: set[str] = set()
        self.gate = asyncio.Event()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """See `Connector.send`."""
        if outgoing.address.chat in self.given_up:
            await self.gate.wait()
            raise Rejected("this chat is another one now")
        return await super().send(outgoing)


@pytest.mark.parametrize("when", ["while it is sent", "after it was refused"])
async def test_who_gets_another_id_before_the_answer_arrived_gets_it_there(any_bench: Bench, when: str) -> None:
    connector = any_bench.connector = Migrating()
    inbox = await any_bench.open(quiet)
    connector.given_up.add("7")
    await inbox.accept([said("1")])
    await any_bench.until("1", "running")
    if when == "after it was refused":
        connector.gate.set()
        await any_bench.until("1", "dead")
    await inbox.accept([said("c", kind="system", chat="U7", aliases=("7",))])
    connector.gate.set()
    if when == "after it was refused":
        await inbox.desk.aretry("memory:bot:1")
    await any_bench.until("1", "answered")

    assert ["hello"] == any_bench.texts("U7")


def test_a_stored_event_keeps_its_aliases() -> None:
    event = message("1", aliases=("491", "U1"))

    assert event == incoming_from_json(json.loads(json.dumps(incoming_to_json(event))))
    assert "aliases" not in incoming_to_json(message("1"))
