"""How often somebody may do something, a bucket of tokens each, refilled evenly; and how much at once."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from assistant.errors import RateLimited

REMEMBERED = 20_000
"""Buckets kept at most: who makes up more names than that is stopped by the limit of the address."""


class Rate:
    """At most `per_minute` at once, and as many a minute in the long run; the longest idle are forgotten."""

    def __init__(self, per_minute: int, *, of: str = "messages") -> None:
        self._most = float(per_minute)
        self._of = of
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, *, now: float | None = None) -> None:
        """Count one; `now` in seconds of any steady clock.

        Raises:
            RateLimited: too many, and when the next is allowed.
        """
        now = time.monotonic() if now is None else now
        left, since = self._buckets.pop(name, (self._most, now))
        left = min(self._most, left + (now - since) * self._most / 60)
        self._buckets[name] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = (1 - left) * 60 / self._most
            raise RateLimited(f"more than {self._most:g} {self._of} a minute", retry_after=wait)


class Crowd:
    """At most `most` at once of one name; who is not inside is not remembered."""

    def __init__(self, most: int, *, of: str) -> None:
        self._most = most
        self._of = of
        self._inside: Counter[str] = Counter()

    def check(self, name: str) -> None:
        """See whether there is room for one more.

        Raises:
            RateLimited: there is none.
        """
        if self._inside[name] >= self._most:
            raise RateLimited(f"more than {self._most} {self._of} at once", retry_after=1)

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Count one until the end of the context."""
        self._inside[name] += 1
        try:
            yield
        finally:
            self._inside[name] -= 1
            if not self._inside[name]:
                del self._inside[name]
