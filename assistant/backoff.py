"""How long to wait before something is tried again."""

from __future__ import annotations

import random

DOUBLINGS = 16
"""After so many the wait does not grow any more; the power stays a number that a float holds."""


def backoff(attempt: int, *, first: float = 1.0, longest: float = 60.0) -> float:
    """Seconds after the `attempt`-th failure (from 1): `first`, then twice as long each time, at most `longest`; a quarter
    more or less, so that many do not come back together."""
    return min(longest, first * 2.0 ** min(attempt - 1, DOUBLINGS)) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load
