"""What became of a message: reports are noted and are no turns, and tell what a lost connection did not."""

from __future__ import annotations

import pytest
from inbox_fakes import Bench, address, eventually
from surface_fakes import report, said, surface

from assistant.types import Outgoing, Receipt


async def test_a_report_is_no_turn_and_shows_what_became_of_the_message(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open()
    await inbox.accept([said("1")])
    await any_bench.until("1", "answered")
    [mine] = any_bench.connector.platform.messages(address())
    await inbox.accept([report("r1", mine.id, "read"), report("r2", mine.id, "delivered")])

    assert "read" == (await any_bench.shown("1")).parts[0].state
    assert ["memory:bot:1"] == [entry.id for entry in await inbox.desk.alist()]


async def test_many_reports_of_one_conversation_are_recorded_together(bench: Bench) -> None:
    surface(bench)
    inbox = await bench.open()
    await inbox.accept([said("1")])
    await bench.until("1", "answered")
    [mine] = bench.connector.platform.messages(address())
    await inbox.accept([report(f"r{n}", mine.id, what) for n, what in enumerate(["sent", "delivered", "read"] * 50)])

    assert "read" == (await bench.shown("1")).parts[0].state


async def test_a_message_that_was_reported_as_failed_is_a_dead_letter_and_can_be_sent_again(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open()
    await inbox.accept([said("1")])
    await any_bench.until("1", "answered")
    [mine] = any_bench.connector.platform.messages(address())
    await inbox.accept([report("r1", mine.id, "failed", error="131026: not deliverable: ask for another number")])

    dead = await any_bench.until("1", "dead")
    assert "131026" in (dead.error or "")
    await inbox.desk.aretry("memory:bot:1")
    await any_bench.until("1", "answered")
    assert ["hello"] * 2 == any_bench.texts()


async def test_whether_the_person_got_an_answer_is_known(any_bench: Bench) -> None:
    surface(any_bench)
    inbox = await any_bench.open()
    arrived = inbox.desk.aarrived
    await inbox.accept([said("1")])
    await any_bench.until("1", "answered")
    any_bench.connector.platform.fail("blocked")
    await inbox.accept([said("2", chat="8")])
    await any_bench.until("2", "dead")
    assert [True, False, True] == [await arrived(f"memory:bot:{id}") for id in ("1", "2", "unknown")]

    [mine] = any_bench.connector.platform.messages(address())
    await inbox.accept([report("r1", mine.id, "failed")])
    assert not await arrived("memory:bot:1")


@pytest.mark.parametrize("policy", ["resend", "park"])
async def test_a_message_whose_send_was_cut_is_found_by_its_report_and_not_sent_again(
    any_bench: Bench, policy: str
) -> None:
    connector = surface(any_bench)
    connector.platform.fail("cut")
    inbox = await any_bench.open(unknown_sends=policy)
    await inbox.accept([said("1")])
    await any_bench.until_calls(1)
    [mine] = connector.platform.messages(address())
    await inbox.accept([report("r1", mine.id, "sent", key="memory:bot:1:0")])
    await any_bench.until("1", "answered")

    part = (await any_bench.shown("1")).parts[0]
    assert (["hello"], (mine.id,), False) == (any_bench.texts(), part.ids, part.resent)
    assert 1 == any_bench.metric("unknown_sends_total", connector="memory", what="found")


@pytest.mark.parametrize(("policy", "texts"), [("resend", ["hello"] * 2), ("park", ["hello"])])
async def test_where_no_report_comes_the_policy_decides(bench: Bench, policy: str, texts: list[str]) -> None:
    surface(bench).platform.fail("cut")
    inbox = await bench.open(unknown_sends=policy)
    assert inbox._standing is not None
    inbox._standing._hear_seconds = 0.3
    await inbox.accept([said("1")])
    await bench.until("1", "answered" if policy == "resend" else "parked")

    assert texts == bench.texts()


async def test_a_message_that_was_sent_and_noted_before_the_process_ended_is_not_sent_again(bench: Bench) -> None:
    connector = surface(bench)
    sent = 0

    async def noted_and_lost(outgoing: Outgoing) -> Receipt:
        nonlocal sent
        sent += 1
        [receipt] = [await type(connector).send(connector, outgoing)]
        assert inbox._standing is not None
        await inbox._standing.sent(outgoing, receipt.ids, turn="memory:bot:1")
        return Receipt(receipt.ids, "unknown")

    connector.send = noted_and_lost  # type: ignore[method-assign]
    inbox = await bench.open()
    await inbox.accept([said("1")])
    await bench.until("1", "answered")

    assert (1, ["hello"]) == (sent, bench.texts())


async def test_a_report_of_a_message_that_nobody_knows_is_kept_until_its_send_is_noted(bench: Bench) -> None:
    connector = surface(bench)
    connector.gate.clear()
    inbox = await bench.open()
    await inbox.accept([said("1")])
    await bench.until_calls(1)
    [mine] = connector.platform.messages(address())
    await inbox.accept([report("r1", mine.id, "delivered")])
    connector.gate.set()
    await bench.until("1", "answered")

    await eventually(lambda: inbox.desk.show("memory:bot:1").parts[0].state == "delivered")
