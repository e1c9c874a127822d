"""What a platform allows is planned ahead: a message waits for its place instead of being refused."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from assistant.connector import Connector, Grouping, Rate
from assistant.types import Address

BURST = 0.25
"""Share of a rate that may go out at once; after that its messages are evenly spaced, so that the end of one window and
the beginning of the next never meet: at 20 a minute five at once, then one every 3 s."""

DESTINATIONS = 10_000
"""Remembered at most; the ones that were used longest ago are forgotten."""

CHATS_HELD = 3
"""So many chats of one account refused within `HELD_SECONDS`: it is the account that is too fast."""

HELD_SECONDS = 10.0


class Window:
    """When messages may go to one destination under one rate: at most `count` in any `seconds`, evenly after a few."""

    __slots__ = ("_burst", "_past", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._burst = max(1, round(rate.count * BURST))
        self._past: deque[float] = deque(maxlen=rate.count)

    def next(self, now: float) -> float:
        """The earliest time the next message may leave; never before one that was planned already."""
        past, rate = self._past, self._rate
        earliest = max(now, past[-1]) if past else now
        if len(past) == rate.count:
            earliest = max(earliest, past[0] + rate.seconds)
        if len(past) >= self._burst:  # a bucket of `burst` messages, filled at the rate
            earliest = max(earliest, past[-self._burst] + self._burst * rate.seconds / rate.count)
        return earliest

    def take(self, at: float) -> None:
        """Use the place at `at`."""
        self._past.append(at)


class Limits:
    """The places of one connector's messages, in this process; times are of the event loop's clock.

    A 429 that comes nevertheless holds its chat, and the account after several chats had one.
    """

    def __init__(self, connector: Connector) -> None:
        self._rates = connector.capabilities.rates
        self._grouping = connector if isinstance(connector, Grouping) else None
        self._windows: OrderedDict[tuple[str, ...], Window] = OrderedDict()
        self._held: dict[tuple[str, ...], float] = {}
        self._refused: deque[tuple[float, str]] = deque(maxlen=64)

    async def wait(self, address: Address) -> None:
        """Return when a message may leave to `address`.

        A place of the account is taken only once the chat is free: else a slow chat would keep places of all others
        waiting behind its own, and what waited for a hold would leave at once when it ends.
        """
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            chat, account = self._of(address)
            free = max([self._free(address), *(window.next(now) for window in chat)])
            if free > now:
                await asyncio.sleep(free - now)
                continue
            at = max([now, *(window.next(now) for window in account)])
            for window in (*chat, *account):
                window.take(at)
            await asyncio.sleep(at - now)
            if self._free(address) <= loop.time():  # it may be held meanwhile
                return

    def hold(self, address: Address, seconds: float) -> None:
        """Let nothing leave to `address` for `seconds`: the platform refused a message there."""
        now = asyncio.get_running_loop().time()
        self._held = {key: until for key, until in self._held.items() if until > now}
        self._refused.append((now, address.chat))
        chats = {chat for when, chat in self._refused if when > now - HELD_SECONDS}
        keys = [_chat(address)] + ([_account(address)] if len(chats) >= CHATS_HELD else [])
        for key in keys:
            self._held[key] = max(self._held.get(key, 0.0), now + seconds)

    def _free(self, address: Address) -> float:
        return max(self._held.get(_chat(address), 0.0), self._held.get(_account(address), 0.0))

    def _of(self, address: Address) -> tuple[list[Window], list[Window]]:
        """The windows of the chat and those of the account."""
        group = self._grouping is not None and self._grouping.is_group(address)
        found: tuple[list[Window], list[Window]] = ([], [])
        for number, rate in enumerate(self._rates):
            if rate.scope == "group" and not group:
                continue
            key = (str(number), *(_account(address) if rate.scope == "account" else _chat(address)))
            window = self._windows.setdefault(key, Window(rate))
            self._windows.move_to_end(key)
            found[rate.scope == "account"].append(window)
        while len(self._windows) > DESTINATIONS:
            self._windows.popitem(last=False)
        return found


def _account(address: Address) -> tuple[str, ...]:
    return (address.account,)


def _chat(address: Address) -> tuple[str, ...]:
    return (address.account, address.chat)
