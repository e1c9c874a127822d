"""How often somebody may do something: a bucket of tokens each, refilled evenly; the longest idle are forgotten."""

from __future__ import annotations

import time
from collections import OrderedDict

from assistant.errors import RateLimited

REMEMBERED = 20_000
"""Buckets kept at most: who makes up more names than that is stopped by the limit of the address."""


class Rate:
    """At most `per_minute` at once, and as many a minute in the long run."""

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
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
            raise RateLimited(f"more than {self._most:g} messages a minute", retry_after=wait)
