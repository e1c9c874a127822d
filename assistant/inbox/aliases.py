"""The identities a person is known by on a platform: the conversation stays one, and is reached at the one seen last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlalchemy import BigInteger, Column, Connection, Index, MetaData, Table, Text, select, union, update

from assistant.inbox.names import sound
from assistant.inbox.upserts import among, put, storable
from assistant.types import Address, Incoming

LEARNING = 2
"""Times a batch is looked at: another process may learn the same at the same moment, and who was first is right."""

REMEMBERED = 10_000
"""Conversations without aliases that a process remembers to have seen."""

NOT_THE_PERSON = ("status", "echo")
"""Kinds that the person did not cause: they do not tell where to reach them."""


@dataclass(frozen=True, slots=True)
class Known:
    """An identity: the conversation it belongs to, and where that is reached; times in milliseconds."""

    identity: str
    home: str
    home_chat: str
    since: int
    reach: str
    seen: int


class Aliases:
    """One conversation for all identities that a platform says are one person's.

    An identity that is not known joins the conversation of an alias that was the person's only one so far. Where the alias
    was left for another identity before, somebody else has it now (telephone numbers are given out again), and they get a
    conversation of their own. An event of kind "system" says that an identity took the place of others: theirs is kept.

    `evidence`: columns that hold the keys of conversations that exist, so that one without aliases is found as well.
    """

    def __init__(self, known: MetaData, *, evidence: Sequence[Column[str]] = ()) -> None:
        self.table = Table(
            "inbox_aliases",
            known,
            Column("identity", Text, primary_key=True),
            *(Column(name, Text, nullable=False) for name in ("home", "home_chat", "reach")),
            *(Column(name, BigInteger, nullable=False) for name in ("since", "seen")),
            Index("inbox_aliases_home", "home"),
        )
        self._evidence = evidence
        self._recent: OrderedDict[str, None] = OrderedDict()

    def settle(self, connection: Connection, events: Sequence[Incoming]) -> list[Incoming]:
        """The events with the addresses of their conversations; what they tell of identities is remembered.

        One SELECT, and nothing is written for events that tell nothing new.
        """
        named = [(event, _chats(event)) for event in events]
        known = self._read(connection, {each for _, chats in named for each in chats})
        batch = Batch(self, connection, known)
        for _ in range(LEARNING):
            settled = [batch.settle(event, chats) for event, chats in named]
            learnt = self._write(connection, batch)
            if learnt is None:
                break
            batch = Batch(self, connection, batch.known | learnt)
        return settled

    def reach(self, connection: Connection, address: Address) -> Address:
        """Where a message to a conversation goes now."""
        row = self.table.c
        found = select(row.reach).where(row.home == identity(address, address.chat)).order_by(row.seen.desc()).limit(1)
        chat = connection.scalar(found)
        return address if chat in (None, address.chat) else replace(address, chat=chat)

    def homes(self, connection: Connection, addresses: Iterable[Address]) -> dict[Address, Address]:
        """The addresses of the conversations that these belong to; itself where nothing is known."""
        keys = {address: identity(address, address.chat) for address in addresses}
        known = self._read(connection, keys.values())
        return {
            address: replace(address, chat=known[key].home_chat) if key in known else address
            for address, key in keys.items()
        }

    def home(self, connection: Connection, conversation: str) -> str:
        """The key of the conversation that a key of one of its identities stands for; itself where nothing is known."""
        found = select(self.table.c.home).where(self.table.c.identity == sound(conversation))
        return str(connection.scalar(found) or conversation)

    def exists(self, connection: Connection, identities: Iterable[str]) -> set[str]:
        """Which of these have a conversation of their own."""
        wanted = set(identities)
        recent = {each for each in wanted if each in self._recent}
        rest = sorted(wanted - recent)
        if not (rest and self._evidence):
            return recent
        found = union(*(select(column).where(column.in_(rest)) for column in self._evidence))
        return recent | {key for (key,) in connection.execute(found)}

    def remember(self, identity: str) -> None:
        """Note, in this process, that an identity has a conversation; the oldest are forgotten."""
        self._recent[identity] = None
        self._recent.move_to_end(identity)
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)

    def _read(self, connection: Connection, identities: Iterable[str]) -> dict[str, Known]:
        wanted = sorted(set(identities))
        if not wanted:
            return {}
        row = self.table.c
        columns = (row.identity, row.home, row.home_chat, row.since, row.reach, row.seen)
        found = connection.execute(select(*columns).where(among(connection, self.table.c.identity, wanted)))
        return {each.identity: Known(*each) for each in found}

    def _write(self, connection: Connection, batch: Batch) -> dict[str, Known] | None:
        """Write what a batch taught; what others wrote meanwhile that says otherwise, None where nothing does."""
        for home, (reach, seen) in sorted(batch.reached.items()):
            changed = update(self.table).where(self.table.c.home == home, self.table.c.seen < seen)
            connection.execute(changed.values(reach=reach, seen=seen))
        for known in sorted(batch.moved.values(), key=lambda known: known.identity):
            moved = update(self.table).where(self.table.c.identity == known.identity)
            connection.execute(moved.values(_values(known)))
        if not batch.new:
            return None
        ordered = sorted(batch.new)  # two processes that learn the same do not wait for each other
        new = [_values(batch.known[each]) for each in ordered]
        connection.execute(put(connection, self.table).on_conflict_do_nothing(), new)
        there = self._read(connection, ordered)
        agreed = all(there[each].home == batch.known[each].home for each in ordered)
        return None if agreed else there


class Batch:
    """Events that are settled together, and what they teach."""

    def __init__(self, aliases: Aliases, connection: Connection, known: dict[str, Known]) -> None:
        self.known = known
        self.new: set[str] = set()
        self.moved: dict[str, Known] = {}
        self.reached: dict[str, tuple[str, int]] = {}
        self._aliases = aliases
        self._connection = connection

    def settle(self, event: Incoming, chats: Mapping[str, str]) -> Incoming:
        """The event with its conversation's address; `chats` are the ids of its person by their keys, its own first."""
        if not chats:
            return event
        me = next(iter(chats))
        known = self.known.get(me)
        if event.kind not in NOT_THE_PERSON:
            if len(chats) > 1:
                known = self._learn(event, chats)
            elif known is None:
                self._aliases.remember(me)
            if known is not None:
                self._see(known, event)
        if known is None or known.home_chat == event.address.chat:
            return event
        return replace(event, address=replace(event.address, chat=known.home_chat))

    def _learn(self, event: Incoming, chats: Mapping[str, str]) -> Known:
        """What is known of the event's own identity, once all of them belong to one conversation."""
        identities = list(chats)
        there = [self.known[each].home for each in identities if each in self.known]
        if len(there) == len(identities) and len(set(there)) == 1:
            return self.known[identities[0]]
        replaces = event.kind == "system"
        home = self._home(chats, replaces=replaces)
        at = milliseconds(event)
        home_known = next((known for known in self.known.values() if known.home == home), None)
        home_chat = home_known.home_chat if home_known else chats[home]
        reach, seen = (home_known.reach, home_known.seen) if home_known else (event.address.chat, at)
        for each in identities:
            was = self.known.get(each)
            if was is not None and (was.home == home or at < was.since):
                continue
            self.known[each] = Known(each, home, home_chat, at, reach, seen)
            if was is None:
                self.new.add(each)
            elif each not in self.new:
                self.moved[each] = self.known[each]
        return self.known[identities[0]]

    def _home(self, chats: Mapping[str, str], *, replaces: bool) -> str:
        me, *others = chats
        known = self.known.get(me)
        if known is not None and not replaces:
            return known.home
        there = [self.known[other] for other in others if other in self.known]
        joined = [each for each in there if replaces or each.reach == chats[each.identity]]
        if joined:
            return joined[0].home
        unknown = [each for each in (others if replaces else chats) if each not in self.known]
        exist = self._aliases.exists(self._connection, unknown)
        return next((each for each in unknown if each in exist), others[0] if replaces else me)

    def _see(self, known: Known, event: Incoming) -> None:
        """Note that the person was last seen by the event's identity."""
        chat, at = event.address.chat, milliseconds(event)
        if known.reach == chat or at <= known.seen:
            return
        self.reached[known.home] = (chat, at)
        for identity_, each in self.known.items():
            if each.home == known.home:
                self.known[identity_] = replace(each, reach=chat, seen=at)


def identity(address: Address, chat: str) -> str:
    """The key of an identity, which is that of the conversation it would have alone."""
    return _key(address.connector, address.account, chat)


@lru_cache(maxsize=4096)
def _key(connector: str, account: str, chat: str) -> str:
    return sound(str(Address(connector, account, chat)))


def milliseconds(event: Incoming) -> int:
    """When the person did it."""
    return int(event.sent_at.timestamp() * 1000)


def _chats(event: Incoming) -> dict[str, str]:
    """The ids of the event's person by their keys, its own first; none where no database can hold its own."""
    where = event.address
    if storable(where.chat) != where.chat:
        return {}
    own = {identity(where, where.chat): where.chat}
    others = (chat for chat in event.aliases if chat and storable(chat) == chat) if event.aliases else ()
    return own | {identity(where, chat): chat for chat in others}


def _values(known: Known) -> dict[str, str | int]:
    return {
        "identity": known.identity,
        "home": known.home,
        "home_chat": known.home_chat,
        "since": known.since,
        "reach": known.reach,
        "seen": known.seen,
    }
