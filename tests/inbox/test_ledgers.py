"""Identities, reports, windows and holders, in each database."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inbox_fakes import address, message
from sqlalchemy import Connection, Engine, create_engine, func, make_url, select, text
from sqlalchemy.event import listen

from assistant.inbox.holders import Held
from assistant.inbox.ledgers import Ledgers
from assistant.inbox.place import Place
from assistant.inbox.windows import Count
from assistant.types import Incoming, Kind

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    place = Place.of(url)
    engine = create_engine(place.url)
    with engine.begin() as connection:
        Ledgers(place.schema).create(connection)
    yield engine
    engine.dispose()


@pytest.fixture
def ledgers(url: str) -> Ledgers:
    return Ledgers(Place.of(url).schema)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        yield connection


def said(
    chat: str, *aliases: str, after: timedelta = timedelta(), kind: Kind = "text", thread: str | None = None
) -> Incoming:
    """What a person does by the identity `chat`, so long after `NOW`."""
    where = replace(address(chat), thread=thread)
    return replace(message(f"{chat}{after}", kind=kind), address=where, aliases=aliases, sent_at=NOW + after)


def report(id: str, state: str, *, after: timedelta = timedelta(), key: str | None = None, **raw: str) -> Incoming:
    told = ({"key": key} if key else {}) | raw
    about = message(f"{id}:{state}", state, kind="status", reply_to=id, raw=told)
    return replace(about, sent_at=NOW + after)


class Conversations:
    """Settles one event at a time and tells the chats."""

    def __init__(self, ledgers: Ledgers, connection: Connection) -> None:
        self._aliases = ledgers.aliases
        self._connection = connection

    def __call__(self, *events: Incoming) -> list[str]:
        return [self._aliases.settle(self._connection, [event])[0].address.chat for event in events]

    def reach(self, chat: str) -> str:
        return self._aliases.reach(self._connection, address(chat)).chat


@pytest.fixture
def settled(ledgers: Ledgers, connection: Connection) -> Conversations:
    return Conversations(ledgers, connection)


def test_who_is_known_by_two_ids_has_one_conversation(settled: Conversations) -> None:
    events = (said("user", "phone"), said("phone", after=SECOND), said("user", after=MINUTE))

    assert ["user", "user", "user"] == settled(*events)
    assert "user" == settled.reach("user")


def test_who_gains_an_id_keeps_the_conversation(
    settled: Conversations, ledgers: Ledgers, connection: Connection
) -> None:
    ledgers.windows.opened(connection, [(address("phone"), NOW)])
    events = (said("user", "phone"), said("user", after=SECOND), said("phone", after=MINUTE))

    assert ["phone", "phone", "phone"] == settled(*events)


def test_who_gains_an_id_keeps_the_conversation_also_where_there_are_no_windows(settled: Conversations) -> None:
    assert ["phone", "phone"] == settled(said("phone"), said("user", "phone", after=SECOND))


def test_a_conversation_that_a_person_holds_is_known(
    settled: Conversations, ledgers: Ledgers, connection: Connection
) -> None:
    ledgers.holders.held(connection, address("phone"), "person", since=NOW, until=None)

    assert ["phone"] == settled(said("user", "phone"))


def test_a_message_goes_to_the_id_that_the_person_was_seen_by_last(settled: Conversations) -> None:
    settled(said("user", "phone"))
    seen = []
    for event in (said("phone", after=MINUTE), said("user", after=HOUR), said("phone", after=SECOND)):
        settled(event)
        seen.append(settled.reach("user"))

    assert ["phone", "user", "user"] == seen


def test_reports_and_echoes_do_not_tell_where_the_person_is(settled: Conversations) -> None:
    settled(said("user", "phone"))

    about = settled(said("phone", after=MINUTE, kind="status"), said("phone", after=MINUTE, kind="echo"))
    assert (["user", "user"], "user") == (about, settled.reach("user"))


def test_a_change_of_number_keeps_the_conversation_and_moves_where_it_is_reached(settled: Conversations) -> None:
    moved = said("new", "old", after=MINUTE, kind="system")

    assert ["old", "old", "old", "old"] == settled(said("old"), moved, said("new", after=HOUR), moved)
    assert "new" == settled.reach("old")


def test_a_change_of_number_that_nothing_was_known_of_belongs_to_the_old_one(settled: Conversations) -> None:
    assert ["old"] == settled(said("new", "old", kind="system"))
    assert "new" == settled.reach("old")


def test_who_takes_over_a_number_gets_none_of_its_former_owners_conversation(settled: Conversations) -> None:
    first, second = said("ada", "phone"), said("eve", "phone", after=HOUR)

    assert ["ada", "eve", "eve", "ada"] == settled(first, second, said("phone", after=2 * HOUR), said("ada"))
    assert "ada" == settled.reach("ada")


def test_who_changes_to_a_number_that_somebody_had_keeps_their_own_conversation(settled: Conversations) -> None:
    former = (said("n1", "a"), said("n2", "b"))
    moved = said("n1", "n2", kind="system", after=HOUR)

    assert ["n1", "n2", "n2"] == settled(*former, moved)


def test_what_comes_late_does_not_undo_a_change(settled: Conversations) -> None:
    settled(said("ada", "phone"), said("eve", "phone", after=HOUR))

    assert ["ada", "eve"] == settled(said("ada", "phone", after=SECOND), said("phone", after=2 * HOUR))


def test_threads_stay_threads(ledgers: Ledgers, connection: Connection) -> None:
    ledgers.aliases.settle(connection, [said("new", "old", kind="system")])
    (event,) = ledgers.aliases.settle(connection, [said("new", thread="t", after=SECOND)])

    assert replace(address("old"), thread="t") == event.address
    assert replace(address("new"), thread="t") == ledgers.aliases.reach(connection, event.address)


def test_a_batch_is_settled_as_its_events_would_be(
    ledgers: Ledgers, connection: Connection, settled: Conversations
) -> None:
    batch = [said("b"), said("u", "p"), said("p", after=SECOND), said("v", "u", kind="system", after=MINUTE)]
    together = [event.address.chat for event in ledgers.aliases.settle(connection, batch)]

    assert ["b", "u", "u", "u"] == together
    assert "v" == settled.reach("u")


def test_another_account_is_another_person(ledgers: Ledgers, connection: Connection) -> None:
    there = replace(said("phone", after=SECOND), address=replace(address("phone"), account="other"))

    assert [there] == ledgers.aliases.settle(connection, [there, said("user", "phone")])[:1]
    assert [there] == ledgers.aliases.settle(connection, [there])


def test_events_that_tell_nothing_new_are_one_look_and_no_write(ledgers: Ledgers, engine: Engine) -> None:
    known = [said(f"u{number}", f"p{number}") for number in range(50)]
    plain = [said(f"c{number}") for number in range(50)]
    statements: list[str] = []
    with engine.begin() as connection:
        ledgers.aliases.settle(connection, known)
    listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: statements.append(statement))
    with engine.begin() as connection:
        ledgers.aliases.settle(connection, [*known, *plain])

    assert ["SELECT"] == [statement.split()[0] for statement in statements]


def test_two_processes_that_learn_the_same_agree(engine: Engine, url: str) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("one process")
    schema = Place.of(url).schema

    def settle(events: list[Incoming]) -> list[str]:
        ledgers = Ledgers(schema)
        with engine.begin() as connection:
            return [each.address.chat for each in ledgers.aliases.settle(connection, events)]

    with ThreadPoolExecutor(4) as threads:
        for number in range(20):
            names = itertools.permutations((f"x{number}", f"y{number}"))
            both = [threads.submit(settle, [said(*ids)]) for ids in names]
            assert 1 == len({chat for each in both for chat in each.result()})


def test_an_id_that_no_database_can_hold_is_settled_all_the_same(settled: Conversations) -> None:
    assert ["a\0b"] == settled(said("a\0b"))
    assert ["user", "user"] == settled(said("user", "a\0b", "\ud800"), said("user", after=SECOND))


chats = st.sampled_from("abcde")
events = st.lists(st.tuples(chats, st.lists(chats, max_size=2), st.integers(0, 3)), max_size=12)


@given(given_=events)
def test_what_is_settled_is_settled_for_good_when_it_comes_again(given_: list[tuple[str, list[str], int]]) -> None:
    """A redelivery of the latest event changes neither its conversation nor where that is reached."""
    engine, ledgers = create_engine("sqlite://"), Ledgers(None)
    with engine.begin() as connection:
        ledgers.create(connection)
        for chat, aliases, seconds in given_:
            said_ = said(chat, *aliases, after=seconds * SECOND)
            (first,) = ledgers.aliases.settle(connection, [said_])
            where = ledgers.aliases.reach(connection, first.address)
            (again,) = ledgers.aliases.settle(connection, [said_])
            assert (first, where) == (again, ledgers.aliases.reach(connection, again.address))
    engine.dispose()


def states(ledgers: Ledgers, connection: Connection, turn: str = "t") -> dict[str, str]:
    return {each.id: each.state for each in ledgers.reports.of_turns(connection, [turn]).get(turn, ())}


@pytest.mark.parametrize("order", list(itertools.permutations(("sent", "delivered", "read", "note"))))
def test_reports_in_any_order_come_to_the_same(ledgers: Ledgers, connection: Connection, order: tuple[str]) -> None:
    for number, what in enumerate(order):
        if what == "note":
            ledgers.reports.sent(connection, turn="t", key="t:0", address=address(), ids=["m"])
        else:
            ledgers.reports.reported(connection, [report("m", what, after=number * SECOND)])

    (found,) = ledgers.reports.of_turns(connection, ["t"])["t"]
    assert ("m", "t:0", "read") == (found.id, found.key, found.state)
    assert NOW + order.index("delivered") * SECOND == found.delivered


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (["sent"], "sent"),
        (["failed", "sent"], "failed"),
        (["delivered", "failed"], "failed"),
        (["failed", "delivered"], "failed"),
        (["failed", "read"], "read"),
        (["unknown", "warning"], "sent"),
    ],
)
def test_a_failure_is_more_than_a_delivery_and_less_than_a_reading(
    ledgers: Ledgers, connection: Connection, told: list[str], state: str
) -> None:
    ledgers.reports.sent(connection, turn="t", key="t:0", address=address(), ids=["m"])
    ledgers.reports.reported(connection, [report("m", each, error="131047: closed") for each in told])

    assert {"m": state} == states(ledgers, connection)
    failing = {"t": "131047: closed"} if state == "failed" else {}
    assert failing == ledgers.reports.failures(connection, ["t", "u"])
    assert list(failing) == list(connection.scalars(ledgers.reports.failing))


def test_a_report_that_names_the_key_tells_that_the_part_arrived(ledgers: Ledgers, connection: Connection) -> None:
    arrived = partial(ledgers.reports.arrived, connection, connector="memory", account="bot")
    assert arrived(key="memory:bot:1:0") is None
    ledgers.reports.reported(connection, [report("m1", "sent", key="memory:bot:1:0"), report("m2", "sent")])

    assert ("m1",) == arrived(key="memory:bot:1:0")
    assert (None, None) == (arrived(key="memory:bot:1:1"), arrived(key="memory:bot:1:0", account="other"))
    assert {"m1": "sent"} == states(ledgers, connection, "memory:bot:1")


def test_an_id_is_ours_where_a_send_had_it_or_a_report_has_our_key(ledgers: Ledgers, connection: Connection) -> None:
    ledgers.reports.sent(connection, turn="t", key="t:0", address=address(), ids=["noted"])
    ledgers.reports.reported(connection, [report("stamped", "sent", key="t:1"), report("theirs", "read")])

    ids = ("noted", "stamped", "theirs", "unheard")
    ours = [ledgers.reports.is_ours(connection, connector="memory", account="bot", id=id) for id in ids]
    assert [True, True, False, False] == ours
    assert not ledgers.reports.is_ours(connection, connector="other", account="bot", id="noted")


def test_what_is_sent_again_is_not_failing_nor_arrived(ledgers: Ledgers, connection: Connection) -> None:
    ledgers.reports.sent(connection, turn="t", key="t:0", address=address(), ids=["m1", "m2"])
    ledgers.reports.reported(connection, [report("m1", "failed")])
    ledgers.reports.retried(connection, turn="t", keys=["t:0"])
    ledgers.reports.reported(connection, [report("m1", "failed"), report("m2", "failed")])

    assert {} == ledgers.reports.failures(connection, ["t"])
    assert ledgers.reports.arrived(connection, connector="memory", account="bot", key="t:0") is None
    ledgers.reports.sent(connection, turn="t", key="t:0", address=address(), ids=["m3"])
    assert ("m3",) == ledgers.reports.arrived(connection, connector="memory", account="bot", key="t:0")


def test_a_piece_of_a_part_fails_and_is_sent_again_with_its_part(ledgers: Ledgers, connection: Connection) -> None:
    """A part with a file and a text is two messages, and only the last has the bare key."""
    ledgers.reports.reported(connection, [report("m1", "failed", key="t:0#0"), report("m2", "sent", key="t:0")])
    found = ledgers.reports.of_turns(connection, ["t"])["t"]

    assert [("t:0", True), ("t:0", False)] == [(each.key, each.failing) for each in found]
    assert ("m2",) == ledgers.reports.arrived(connection, connector="memory", account="bot", key="t:0")
    ledgers.reports.retried(connection, turn="t", keys=["t:0"])
    assert {} == ledgers.reports.failures(connection, ["t"])


def test_hostile_values_are_noted_all_the_same(ledgers: Ledgers, connection: Connection) -> None:
    odd = "\0" + "é" * 3000
    ledgers.reports.reported(connection, [report(odd, "failed", key="k", error=odd), report("m", "sent", key=odd)])
    ledgers.reports.reported(connection, [replace(report("m", "failed"), raw={"key": 7, "error": {"a": 1}})])

    is_ours = partial(ledgers.reports.is_ours, connection, connector="memory", account="bot")
    assert [True, False] == [is_ours(id=odd), is_ours(id="m")]


def test_a_window_only_ever_moves_on(ledgers: Ledgers, connection: Connection) -> None:
    windows, where = ledgers.windows, address()
    assert windows.closes(connection, where) is None
    seen = []
    for ends in ([HOUR], [SECOND], [2 * HOUR, MINUTE, 3 * HOUR]):
        windows.opened(connection, [(where, NOW + each) for each in ends])
        seen.append(windows.closes(connection, where))

    assert [NOW + HOUR, NOW + HOUR, NOW + 3 * HOUR] == seen


def test_windows_are_counted_by_connector(ledgers: Ledgers, connection: Connection) -> None:
    ends = {"1": HOUR, "2": HOUR, "3": -HOUR}
    ledgers.windows.opened(connection, [(address(chat), NOW + end) for chat, end in ends.items()])
    ledgers.windows.opened(connection, [(address(connector="other"), NOW - HOUR)])

    assert {"memory": Count(2, 1), "other": Count(0, 1)} == ledgers.windows.all_open(connection, NOW)


def test_a_conversation_is_held_until_its_time_or_its_release(ledgers: Ledgers, connection: Connection) -> None:
    holders, where = ledgers.holders, address()
    holders.held(connection, where, "person", since=NOW, until=NOW + HOUR)
    held = Held(str(where), "person", NOW, NOW + HOUR)

    assert held == holders.holder(connection, where, NOW + MINUTE)
    assert [held] == holders.list(connection, NOW + MINUTE)
    assert (None, []) == (holders.holder(connection, where, NOW + HOUR), holders.list(connection, NOW + HOUR))


def test_each_message_of_the_person_extends_the_hold(ledgers: Ledgers, connection: Connection) -> None:
    holders, where = ledgers.holders, address()
    for minutes in (0, 30, 20):
        since = NOW + minutes * MINUTE
        holders.held(connection, where, "person", since=since, until=since + HOUR)

    assert Held(str(where), "person", NOW, NOW + 90 * MINUTE) == holders.holder(connection, where, NOW)


def test_a_hold_without_an_end_is_not_given_one(ledgers: Ledgers, connection: Connection) -> None:
    for until in (None, NOW + HOUR):
        ledgers.holders.held(connection, address(), "person", since=NOW, until=until)
    held = ledgers.holders.holder(connection, address(), NOW)

    assert held is not None
    assert held.until is None


def test_what_was_done_before_a_release_does_not_undo_it(ledgers: Ledgers, connection: Connection) -> None:
    holders, where, now = ledgers.holders, address(), datetime.now(UTC)
    earlier = partial(holders.held, connection, where, "person", since=now - MINUTE, until=now + HOUR)
    earlier()

    assert holders.release(connection, str(where))
    assert not holders.release(connection, str(where))
    earlier()
    assert holders.holder(connection, where, now) is None
    holders.held(connection, where, "platform", since=now + MINUTE, until=None)
    assert "platform" == getattr(holders.holder(connection, where, now), "holder", None)


def test_what_is_decided_here_counts_also_where_the_platforms_clock_is_ahead(
    ledgers: Ledgers, connection: Connection
) -> None:
    holders, where, now = ledgers.holders, address(), datetime.now(UTC)
    holders.held(connection, where, "person", since=now + HOUR, until=now + 2 * HOUR)
    holders.release(connection, str(where))
    assert holders.holder(connection, where, now) is None
    returned = holders.returned(connection, str(where), datetime.now(UTC))
    assert returned is not None
    assert returned >= now - SECOND

    holders.decided(connection, where, "person", until=None)
    assert "person" == getattr(holders.holder(connection, where, now), "holder", None)


def test_a_hold_without_an_end_is_not_given_one_by_another_holder(ledgers: Ledgers, connection: Connection) -> None:
    holders, where, now = ledgers.holders, address(), datetime.now(UTC)
    holders.decided(connection, where, "person", until=None)
    holders.held(connection, where, "platform", since=now + MINUTE, until=now + HOUR)
    held = holders.holder(connection, where, now + 2 * HOUR)

    assert held is not None
    assert ("platform", None) == (held.holder, held.until)


def test_of_what_two_processes_are_told_at_once_the_later_counts(postgres_url: str) -> None:
    place = Place.of(postgres_url)
    ledgers, engine = Ledgers(place.schema), create_engine(place.url)
    tell, where = ledgers.holders.held, address()

    def told_earlier() -> None:
        with engine.begin() as connection:
            tell(connection, where, "person", since=NOW, until=None)

    def waits() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    with ThreadPoolExecutor(1) as thread:
        with engine.begin() as connection:
            tell(connection, where, "bot", since=NOW + HOUR, until=None)
            earlier = thread.submit(told_earlier)
            while not (waits() or earlier.done()):
                time.sleep(0.02)
        earlier.result()
    with engine.begin() as connection:
        assert ledgers.holders.holder(connection, where, NOW + 2 * HOUR) is None
    engine.dispose()


def test_when_the_bot_got_a_conversation_back_is_known(ledgers: Ledgers, connection: Connection) -> None:
    holders, where = ledgers.holders, str(address())
    returned = partial(holders.returned, connection, where)
    seen = [returned(NOW)]
    holders.held(connection, where, "person", since=NOW, until=NOW + HOUR)
    seen += [returned(NOW + MINUTE), returned(NOW + 2 * HOUR)]
    holders.held(connection, where, "bot", since=NOW + MINUTE, until=None)
    seen += [returned(NOW + 2 * MINUTE)]

    assert [None, None, NOW + HOUR, NOW + MINUTE] == seen


def test_the_platform_gives_a_conversation_back(ledgers: Ledgers, connection: Connection) -> None:
    told = [("platform", NOW), ("bot", NOW + HOUR), ("platform", NOW + MINUTE)]
    for holder, since in told:
        ledgers.holders.held(connection, address(), holder, since=since, until=None)  # type: ignore[arg-type]

    assert ledgers.holders.holder(connection, address(), NOW + 2 * HOUR) is None


def test_what_is_over_for_long_is_forgotten_and_identities_are_not(
    ledgers: Ledgers, connection: Connection, settled: Conversations
) -> None:
    settled(said("user", "phone"))
    ledgers.reports.sent(connection, turn="t", key="t:0", address=address(), ids=["m"])
    ledgers.acts.retried(connection, "t", at=NOW.timestamp())
    ledgers.windows.opened(connection, [(address(), NOW)])
    ledgers.holders.held(connection, address("1"), "person", since=NOW, until=NOW)
    ledgers.holders.held(connection, address("2"), "person", since=NOW, until=None)
    ledgers.prune(connection, before=datetime.now(UTC) + timedelta(days=400))

    tables = (ledgers.reports, ledgers.acts, ledgers.windows, ledgers.holders, ledgers.aliases)
    counts = [connection.scalar(select(func.count()).select_from(each.table)) for each in tables]
    assert [0, 0, 0, 1, 2] == counts


def test_a_transaction_forgets_no_more_than_it_may(ledgers: Ledgers, connection: Connection) -> None:
    ledgers.reports.sent(connection, turn="t", key="t:0", address=address(), ids=["m1", "m2", "m3"])
    for at in range(3):
        ledgers.acts.retried(connection, "t", at=NOW.timestamp() + at)
    before = datetime.now(UTC) + HOUR

    assert [4, 2, 0] == [ledgers.prune(connection, before=before, most=2) for _ in range(3)]


def test_tables_are_made_by_several_processes_at_once(made_postgres: object, postgres: str) -> None:
    url = make_url(postgres).set(drivername="postgresql+psycopg", database="postgres")
    engine = create_engine(url)
    schema = "several"

    def make(_: int) -> bool:
        with engine.begin() as connection:
            Ledgers(schema).create(connection)
            return Ledgers(schema).exist(connection)

    with ThreadPoolExecutor(4) as threads:
        assert [True] * 4 == list(threads.map(make, range(4)))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA several CASCADE"))
    engine.dispose()
