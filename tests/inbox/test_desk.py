"""What the operator sees and does, beside a running inbox and without one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from inbox_fakes import Bench, address, echo, message
from sqlalchemy import create_engine, insert, text
from test_upgrade import OLD, fill

from assistant.errors import PermanentError, TransientError
from assistant.inbox import Desk, Reply, Shown, Turn, UnknownTurn
from assistant.inbox.ledgers import Ledgers
from assistant.inbox.tables import Row, Tables
from assistant.inbox.windows import Count
from assistant.inbox.wording import reading
from assistant.types import Attachment, Incoming, Kind, ReceiptState

BLOCKED = "the memory platform is told that the person blocked the bot"


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    """Another process's: it knows nothing but the URL."""
    desk = Desk(sqlite_url)
    yield desk
    desk.close()


def test_an_inbox_that_does_not_exist_is_empty_and_stays_so(tmp_path: Path) -> None:
    desk = Desk(f"sqlite:///{tmp_path / 'none' / 'state.db'}")

    assert ([], {0}) == (desk.list(), set(desk.counts().values()))
    with pytest.raises(UnknownTurn, match="no turn 'memory:bot:1'"):
        desk.show("memory:bot:1")
    assert [] == list(tmp_path.iterdir())


def test_a_database_that_nobody_answers_at_is_told_as_such() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(TransientError, match="check state"):
        Desk("postgresql://u:secret@127.0.0.1:9/x").list()


def test_a_password_is_in_no_error() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(TransientError) as failed:
        Desk("postgresql://u:secret@127.0.0.1:9/x").list()

    assert "secret" not in str(failed.value)


async def test_a_line_has_what_the_command_line_shows(bench: Bench, desk: Desk) -> None:
    await (await bench.open()).accept([message("1", "How are you?")])
    await bench.until("1", "answered")
    (line,) = [entry.to_dict() for entry in await desk.alist()]

    received = datetime.fromisoformat(line.pop("received_at"))
    assert received.tzinfo is not None
    assert abs((datetime.now(UTC) - received).total_seconds()) < 60
    assert line == {
        "id": "memory:bot:1",
        "connector": "memory",
        "conversation": "memory:bot:7",
        "text": "How are you?",
        "state": "answered",
        "attempts": 1,
        "error": None,
    }


async def test_what_is_shown_is_json_from_the_message_to_the_receipt(bench: Bench, desk: Desk) -> None:
    await (await bench.open()).accept([message("1")])
    await bench.until("1", "answered")
    shown = json.loads(json.dumps((await desk.ashow("memory:bot:1")).to_dict()))

    assert ["received", "answered", "sent part 1"] == [moment["what"] for moment in shown["timeline"]]
    assert ("hello", "sent", ["m1"]) == (
        shown["messages"][0]["text"],
        shown["parts"][0]["state"],
        shown["parts"][0]["ids"],
    )


async def test_states_are_told_apart_and_counted(bench: Bench, desk: Desk) -> None:
    until = asyncio.Event()

    async def respond(turn: Turn) -> Reply:
        if turn.text == "wait":
            await until.wait()
        if turn.text == "die":
            raise ZeroDivisionError
        return await echo(turn)

    inbox = await bench.open(respond, attempts=1)
    await inbox.accept([message("1"), message("2", "wait"), message("3"), message("4", "die", chat="8")])
    await bench.until("4", "dead")
    await bench.until("2", "running")

    assert {"queued": 1, "running": 1, "answered": 1, "parked": 0, "dead": 1} == dict(await desk.acounts())
    states = {entry.id[-1]: entry.state for entry in await desk.alist()}
    assert {"1": "answered", "2": "running", "3": "queued", "4": "dead"} == states
    assert ["memory:bot:3"] == [entry.id for entry in await desk.alist(state="queued")]
    until.set()
    await bench.until("3", "answered")


async def test_a_dropped_turn_is_never_answered_and_shown_but_not_listed(bench: Bench, desk: Desk) -> None:
    until = asyncio.Event()

    async def respond(turn: Turn) -> Reply:
        await until.wait()
        return await echo(turn)

    inbox = await bench.open(respond)
    await inbox.accept([message("1"), message("2", "unwanted"), message("3", "wanted")])
    await bench.until("1", "running")
    await desk.adrop("memory:bot:2")
    with pytest.raises(UnknownTurn, match="'memory:bot:1' is running"):
        await desk.adrop("memory:bot:1")
    until.set()
    await bench.until("3", "answered")
    await inbox.accept([message("2", "unwanted")])
    await inbox.accept([message("4", "last")])
    await bench.until("4", "answered")

    assert ["hello", "wanted", "last"] == bench.texts()
    shown = await desk.ashow("memory:bot:2")
    assert ("dropped", "unwanted", 0) == (shown.entry.state, shown.entry.text, shown.entry.attempts)
    assert ["received", "dropped"] == [moment.what for moment in shown.timeline]
    assert abs((datetime.now(UTC) - shown.timeline[-1].at).total_seconds()) < 60
    assert {"memory:bot:1", "memory:bot:3", "memory:bot:4"} == {entry.id for entry in await desk.alist()}
    for action in (desk.aretry, desk.adrop):
        with pytest.raises(UnknownTurn, match="'memory:bot:2' is dropped"):
            await action("memory:bot:2")


async def test_a_turn_is_told_in_plain_words(any_bench: Bench) -> None:
    failures = iter([TransientError("the model is busy"), ZeroDivisionError("boom"), None])

    async def respond(turn: Turn) -> Reply:
        if failure := next(failures, None):
            raise failure
        return await echo(turn)

    any_bench.connector.platform.fail("blocked")
    inbox = await any_bench.open(respond, attempts=1)
    await inbox.accept([message("1")])
    await any_bench.until("1", "dead")
    await inbox.desk.aretry("memory:bot:1")
    await any_bench.until_calls(1)
    await any_bench.until("1", "dead")
    assert 3 == (await any_bench.entry("1")).attempts
    await inbox.desk.aretry("memory:bot:1")
    await any_bench.until("1", "answered")

    shown = await any_bench.shown("1")
    assert 4 == shown.entry.attempts
    assert [
        "received",
        "no answer yet: the model is busy",
        "waited S s",
        "failed: ZeroDivisionError: boom",
        "retried by a person",
        "answered",
        f"failed: part 1: {BLOCKED}",
        "retried by a person",
        "sent part 1",
    ] == told(shown)


def told(shown: Shown) -> list[str]:
    """The timeline without what differs from run to run."""
    return [re.sub(r"\d+\.\d s", "S s", moment.what) for moment in shown.timeline]


async def test_a_send_that_is_limited_is_told_in_plain_words(bench: Bench) -> None:
    bench.connector.platform.fail("rate_limit", retry_after=0.2)
    await (await bench.open()).accept([message("1")])
    entry = await bench.until("1", "answered")
    shown = await bench.shown("1")

    assert ["received", "answered", "part 1 not sent yet: E", "waited S s", "sent part 1"] == [
        re.sub("yet: .*", "yet: E", what) for what in told(shown) if "a place among" not in what
    ]
    assert 2 == entry.attempts
    waited = next(moment for moment in shown.timeline if moment.what.startswith("waited"))
    assert 0.1 < (waited.seconds or 0) < 5


async def test_what_an_earlier_version_left_is_told_in_plain_words(sqlite_url: str, tmp_path: Path) -> None:
    steps = [
        ["answer", {"error": "no such page"}],
        ["answer", {"parts": [{"address": {"connector": "memory"}, "text": "x", "key": "k:0"}], "policies": ["park"]}],
        ["claim", {}],
        ["send", {"state": "parked", "error": "cut"}],
        ["claim", {}],
        ["send", {"state": "refused", "error": "blocked"}],
    ]
    old = next(turn for turn in OLD["turns"] if turn["id"] == "dead")
    fill(tmp_path / "state-inbox.db", [old | {"steps": steps}])
    desk = Desk(sqlite_url)
    shown = await desk.ashow("memory:bot:dead")
    await desk.aclose()

    assert [
        "received",
        "failed: no such page",
        "retried by a person",
        "answered",
        "parked: nobody knows whether part 1 arrived",
        "retried by a person",
        "failed: part 1: blocked",
    ] == told(shown)
    assert ("dead", 3) == (shown.entry.state, shown.entry.attempts)


def test_an_inbox_of_an_earlier_version_has_no_ledgers_until_somebody_acts(sqlite_url: str, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'state-inbox.db'}")
    with engine.begin() as connection:
        for name in ("aliases", "reports", "windows", "holders", "acts"):
            connection.execute(text(f"DROP TABLE inbox_{name}"))
    fill(tmp_path / "state-inbox.db", [turn for turn in OLD["turns"] if turn["id"] == "dead"])
    desk = Desk(sqlite_url)

    assert (1, 1) == (len(desk.list()), desk.counts()["dead"])
    assert ["received", "failed: ZeroDivisionError: boom"] == told(desk.show("memory:bot:dead"))
    assert ([], False, {}) == (desk.holders(), desk.release("memory:bot:7"), desk.windows())
    assert not Ledgers(None).exist(engine.connect())
    desk.retry("memory:bot:dead")
    assert "retried by a person" == told(desk.show("memory:bot:dead"))[-1]
    desk.close()
    engine.dispose()


def incoming(kind: Kind, text: str = "", **more: Any) -> Incoming:
    return message("1", text, kind=kind, **more)


TAPPED = {"callback_query": {"data": "s:2", "message": {"keyboard": [[{"text": "Sources", "callback_data": "s:2"}]]}}}


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (incoming("text", "How?"), "How?"),
        (incoming("text"), ""),
        (incoming("button", "s:2", raw=TAPPED), "Sources"),
        (incoming("button", "s:2", raw={"button_reply": {"id": "s:2", "title": "Sources"}}), "Sources"),
        (incoming("button", "s:2", raw={"text": "Sources", "quick_reply": {"payload": "s:2"}}), "Sources"),
        (incoming("button", "s:2", raw={"id": "s:2", "text": 7}), "[button] s:2"),
        (incoming("button", "s:2"), "[button] s:2"),
        (incoming("media", attachments=(Attachment("image", file_id="1", name="pump.png"),)), "[image] pump.png"),
        (incoming("media", attachments=(Attachment("audio"), Attachment("location"))), "[audio] [location]"),
        (incoming("media", "What is it?", attachments=(Attachment("image"),)), "What is it?"),
        (incoming("media"), "[media]"),
        (incoming("reaction", "👍"), "👍"),
        (incoming("reaction"), "[reaction]"),
        (incoming("system", "blocked"), "[system] blocked"),
        (incoming("echo", "I am here"), "[echo] I am here"),
        (incoming("delete"), "[delete]"),
        (incoming("edit", "Why?"), "Why?"),
        (incoming("command", "/start"), "/start"),
    ],
)
def test_a_line_has_what_a_person_would_read(event: Incoming, text: str) -> None:
    assert text == reading(event)


def test_an_event_of_endless_depth_is_read(sqlite_url: str) -> None:
    raw: dict[str, Any] = {"id": "s:2", "title": "too deep"}
    for _ in range(900):
        raw = {"in": raw}

    assert "[button] s:2" == reading(incoming("button", "s:2", raw=raw))


def status(id: str, state: ReceiptState, **raw: str) -> Incoming:
    about = message(f"{id}:{state}", state, kind="status", reply_to=id, raw=raw)
    return replace(about, sent_at=datetime.now(UTC))


def reports(bench: Bench, *, limit: int = 4096) -> Bench:
    """The bench, on a platform that reports and allows so many characters in a message."""
    bench.connector.capabilities = replace(bench.connector.capabilities, reports=True, text_limit=limit)
    return bench


async def test_what_the_platform_reports_is_shown(any_bench: Bench) -> None:
    inbox = await reports(any_bench).open()
    await inbox.accept([message("1")])
    await any_bench.until("1", "answered")
    seen = []
    for state in ("sent", "read", "delivered"):
        await inbox.accept([status("m1", state)])
        seen.append((await any_bench.shown("1")).parts[0].state)

    assert ["sent", "read", "read"] == seen
    shown = await any_bench.shown("1")
    assert ["received", "answered", "sent part 1", "part 1 read", "part 1 delivered"] == told(shown)
    assert ["memory:bot:1"] == [entry.id for entry in await inbox.desk.alist()]


async def test_a_part_that_is_reported_as_failed_makes_a_dead_letter_and_is_sent_again(any_bench: Bench) -> None:
    inbox = await reports(any_bench).open()
    await inbox.accept([message("1")])
    await any_bench.until("1", "answered")
    await inbox.accept([status("m1", "failed", error="131047: the window is closed")])

    entry = await any_bench.until("1", "dead")
    assert "131047: the window is closed" == entry.error
    assert [entry] == await inbox.desk.alist(state="dead")
    assert [] == await inbox.desk.alist(state="answered")
    assert (1, 0) == ((counts := await inbox.desk.acounts())["dead"], counts["answered"])
    part = (await any_bench.shown("1")).parts[0]
    assert ("failed", entry.error) == (part.state, part.error)

    await inbox.desk.aretry("memory:bot:1")
    entry = await any_bench.until("1", "answered")
    assert (["hello", "hello"], 2, None) == (any_bench.texts(), entry.attempts, entry.error)
    shown = await any_bench.shown("1")
    assert ("sent", ("m2",), None) == (shown.parts[0].state, shown.parts[0].ids, shown.parts[0].error)
    sent = ["received", "answered", "sent part 1", "failed: part 1: 131047: the window is closed"]
    assert [*sent, "retried by a person", "sent part 1"] == told(shown)

    await inbox.accept([status("m1", "failed"), status("m2", "delivered")])
    assert ("answered", "delivered") == ((shown := await any_bench.shown("1")).entry.state, shown.parts[0].state)


@pytest.mark.parametrize(
    ("policy", "failed"),
    [("resend", [1]), ("resend", [3]), ("resend", [0, 1, 2, 3]), ("park", [3]), ("park", [0, 2])],
)
async def test_only_the_parts_that_failed_are_sent_again(bench: Bench, policy: str, failed: list[int]) -> None:
    words = ["one ", "two ", "three ", "four"]
    inbox = await reports(bench, limit=6).open(unknown_sends=policy)
    await inbox.accept([message("1", "".join(words))])
    await bench.until("1", "answered")
    await inbox.accept([status(f"m{number + 1}", "failed", error="131026: why") for number in failed])
    await bench.until("1", "dead")
    bench.connector.platform.fail("rate_limit", retry_after=0.05)
    await inbox.desk.aretry("memory:bot:1")
    await bench.until("1", "answered")

    assert [*words, *(words[number] for number in failed)] == bench.texts()
    shown = await bench.shown("1")
    assert words == [part.text for part in shown.parts]
    assert [f"memory:bot:1:{number}" for number in range(4)] == [part.key for part in shown.parts]
    assert {"sent"} == {part.state for part in shown.parts}
    assert not any(part.resent for part in shown.parts)
    last = [f"sent part {number + 1}" for number in failed]
    assert last == [what for what in told(shown)[told(shown).index("retried by a person") :] if what.startswith("sent")]

    await inbox.accept([status(shown.parts[failed[-1]].ids[0], "failed")])
    await bench.until("1", "dead")
    await inbox.desk.aretry("memory:bot:1")
    await bench.until("1", "answered")
    assert words[failed[-1]] == bench.texts()[-1]
    assert 5 + len(failed) == len(bench.texts())


async def test_a_part_that_failed_and_fails_again_is_a_dead_letter_again(bench: Bench) -> None:
    inbox = await reports(bench).open()
    await inbox.accept([message("1")])
    await bench.until("1", "answered")
    await inbox.accept([status("m1", "failed", error="first")])
    await bench.until("1", "dead")
    bench.connector.platform.fail("blocked")
    await inbox.desk.aretry("memory:bot:1")
    await bench.until_calls(2)
    entry = await bench.until("1", "dead")
    assert (2, BLOCKED) == (entry.attempts, entry.error)
    await inbox.desk.aretry("memory:bot:1")
    await bench.until("1", "answered")

    assert ["hello", "hello"] == bench.texts()


async def test_a_part_that_was_reported_as_failed_can_be_dropped(bench: Bench) -> None:
    inbox = await reports(bench).open()
    await inbox.accept([message("1")])
    await bench.until("1", "answered")
    await inbox.accept([status("m1", "failed")])
    await bench.until("1", "dead")
    await inbox.desk.adrop("memory:bot:1")
    await inbox.accept([message("1")])

    shown = await bench.shown("1")
    assert ("dropped", "failed", "dropped") == (shown.entry.state, shown.parts[0].state, told(shown)[-1])
    assert ([], {0}) == (await inbox.desk.alist(), set((await inbox.desk.acounts()).values()))


async def test_a_failed_part_is_not_sent_again_twice(bench: Bench) -> None:
    inbox = await reports(bench).open()
    await inbox.accept([message("1")])
    await bench.until("1", "answered")
    await inbox.accept([status("m1", "failed")])
    await bench.until("1", "dead")
    done = await asyncio.gather(*(inbox.desk.aretry("memory:bot:1") for _ in range(3)), return_exceptions=True)
    await bench.until("1", "answered")

    assert [UnknownTurn, UnknownTurn] == [type(each) for each in done if isinstance(each, Exception)]
    assert ["hello", "hello"] == bench.texts()


async def test_a_conversation_is_held_and_released_from_beside(any_bench: Bench) -> None:
    await any_bench.open()
    desk, where = any_bench.inbox.desk, str(address())
    await desk.ahold(where)
    (held,) = await desk.aholders()

    assert (where, "person", None) == (held.conversation, held.holder, held.until)
    assert {"conversation", "holder", "since", "until"} == set(json.loads(json.dumps(held.to_dict())))
    assert [True, False] == [await desk.arelease(where), await desk.arelease(where)]
    assert [] == await desk.aholders()
    await desk.ahold(where, until=datetime.now(UTC) - timedelta(hours=1))
    assert [] == await desk.aholders()


async def test_a_conversation_is_held_by_each_id_of_its_person(desk: Desk, tmp_path: Path) -> None:
    def learn() -> None:
        ledgers, engine = Ledgers(None), create_engine(f"sqlite:///{tmp_path / 'state-inbox.db'}")
        with engine.begin() as connection:
            ledgers.create(connection)
            ledgers.aliases.settle(connection, [message("1", chat="user", aliases=("phone",))])
            ledgers.windows.opened(connection, [(address("user"), datetime.now(UTC) + timedelta(hours=1))])
        engine.dispose()

    await asyncio.to_thread(learn)
    await desk.ahold(str(address("phone")))

    assert [str(address("user"))] == [held.conversation for held in await desk.aholders()]
    assert await desk.arelease(str(address("phone")))
    assert {"memory": Count(1, 0)} == await desk.awindows()


def test_where_there_is_no_inbox_nobody_holds_a_conversation(tmp_path: Path) -> None:
    desk = Desk(f"sqlite:///{tmp_path / 'none' / 'state.db'}")

    assert ([], False, {}) == (desk.holders(), desk.release("memory:bot:7"), desk.windows())
    with pytest.raises(PermanentError, match="start the server once"):
        desk.hold("memory:bot:7")


async def test_what_is_answered_can_neither_be_retried_nor_dropped(bench: Bench, desk: Desk) -> None:
    await (await bench.open()).accept([message("1")])
    await bench.until("1", "answered")
    for action in (desk.aretry, desk.adrop):
        with pytest.raises(UnknownTurn, match="'memory:bot:1' is answered"):
            await action("memory:bot:1")


async def test_a_turn_that_was_given_up_after_too_many_processes_died_can_be_retried(bench: Bench, desk: Desk) -> None:
    """DBOS takes such a turn out of its queue."""
    bench.connector.platform.fail("blocked")
    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "dead")
    engine = inbox._side
    assert engine is not None

    def give_up() -> None:
        gave_up = {"status": "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "queue_name": None, "recovery_attempts": 102}
        with engine.begin() as connection:
            connection.execute(Tables(None).turns.update().values(**gave_up))

    await asyncio.to_thread(give_up)
    await desk.aretry("memory:bot:1")
    await bench.until("1", "answered")


async def test_what_somebody_else_retried_meanwhile_is_not_sent_again(bench: Bench, desk: Desk) -> None:
    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "answered")
    engine = inbox._side
    assert engine is not None

    def rewind() -> bool:
        with engine.begin() as connection:
            return Tables(None).rewind(connection, "memory:bot:1", step=2, now=0)

    assert not await asyncio.to_thread(rewind)
    assert ("answered", 1) == ((await desk.ashow("memory:bot:1")).entry.state, len(bench.texts()))


async def test_a_retried_turn_keeps_its_place_in_the_conversation(any_bench: Bench) -> None:
    fails = True

    async def respond(turn: Turn) -> Reply:
        if fails:
            raise ZeroDivisionError
        return await echo(turn)

    inbox = await any_bench.open(respond, attempts=1)
    await inbox.accept([message("1", "first")])
    await any_bench.until("1", "dead")
    fails = False
    await inbox.desk.aretry("memory:bot:1")
    await inbox.accept([message("2", "second")])
    await any_bench.until("2", "answered")

    assert ["first", "second"] == any_bench.texts()


async def test_a_turn_can_be_retried_while_nothing_runs(bench: Bench, desk: Desk) -> None:
    bench.connector.platform.fail("blocked")
    inbox = await bench.open()
    await inbox.accept([message("1")])
    await bench.until("1", "dead")
    await inbox.aclose()
    await desk.aretry("memory:bot:1")
    await bench.open()
    await bench.until("1", "answered")

    assert ["hello"] == bench.texts()


def test_a_line_among_very_many_is_found_by_an_index(sqlite_url: str, desk: Desk, tmp_path: Path) -> None:
    engine, tables = create_engine(f"sqlite:///{tmp_path / 'state-inbox.db'}"), Tables(None)
    record = {"message": {"id": "1", "address": {"connector": "memory"}, "text": "x"}}
    with engine.begin() as connection:
        for at in range(0, 20_000, 1000):
            tables.enqueue(connection, [Row(f"t{n}", "lane", record) for n in range(at, at + 1000)])
        connection.execute(tables.turns.update().values(status="SUCCESS", completed_at=1))
        done = [{"workflow_uuid": f"t{n}", "output": "{}", "retention_timestamp": 0} for n in range(20_000)]
        connection.execute(insert(tables.outcomes), done)
    engine.dispose()

    assert (100, [], 20_000) == (len(desk.list()), desk.list(state="dead"), desk.counts()["answered"])
