"""How the fake Graph server fails on request, and the rates it keeps on request."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

from graph_refusal import Refusal, blocked, too_fast, unavailable
from graph_world import Person

from assistant.testing.platform import Failure


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` sends of `surface` (None: of any)."""

    failure: Failure
    times: int
    retry_after: float
    surface: str | None


class Faults:
    """Failures that are due, and rates.

    Attributes:
        pair: surface to the messages and seconds that one person may be sent. WhatsApp's are about 1 in 6 s (131056).
        account: surface to the messages and seconds of the account as a whole. WhatsApp's are 80 in 1 s (130429).
        early: sends to a person that was told to wait, before the time was over.
    """

    SLACK = 0.05
    """Part of the time that a message may come too early: what a network does to an even spacing."""

    def __init__(self) -> None:
        self.pair: dict[str, tuple[int, float]] = {}
        self.account: dict[str, tuple[int, float]] = {}
        self.early = 0
        self._due: list[Fault] = []
        self._sends: dict[str, deque[float]] = {}
        self._held: list[Person] = []

    def add(self, failure: Failure, *, times: int = 1, retry_after: float = 3, surface: str | None = None) -> None:
        """Let the next sends go wrong."""
        self._due.append(Fault(failure, times, retry_after, surface))

    def hold(self, person: Person, seconds: float) -> None:
        """Refuse what is sent to this person for a while, and say for how long."""
        person.held_until, person.told_to_wait = time.monotonic() + seconds, False
        self._held.append(person)

    def heal(self) -> None:
        """Forget the failures that are due."""
        self._due.clear()
        for person in self._held:
            person.held_until = 0.0
        self._held.clear()

    def next(self, surface: str) -> Fault | None:
        """The failure of this send."""
        fault = next((each for each in self._due if each.surface in (None, surface)), None)
        if fault:
            fault.times -= 1
            self._due = [each for each in self._due if each.times > 0]
        return fault

    def refusal(self, fault: Fault, surface: str) -> Refusal | None:
        """The answer to a send that is refused; None where the connection is to be cut."""
        match fault.failure:
            case "rate_limit":
                return too_fast(surface, retry_after=fault.retry_after)
            case "server_error":
                return unavailable(surface)
            case "blocked":
                return blocked(surface)
        return None

    def count(self, person: Person, surface: str) -> Refusal | None:
        """Count a message to a person; the refusal where it is one too many."""
        now = time.monotonic()
        if (left := person.held_until - now) > 0:
            self.early += person.told_to_wait
            person.told_to_wait = True
            return too_fast(surface, retry_after=round(left + 0.05, 2))
        everybody = self._sends.setdefault(surface, deque())
        if surface in self.account and _full(everybody, self.account[surface], now):
            return too_fast(surface, whole_account=True)
        if surface in self.pair and _full(person.sends, self.pair[surface], now):
            return too_fast(surface)
        everybody.append(now)
        person.sends.append(now)
        return None


def _full(sends: deque[float], rate: tuple[int, float], now: float) -> bool:
    count, seconds = rate
    while sends and now - sends[0] >= seconds * (1 - Faults.SLACK):
        sends.popleft()
    return len(sends) >= count
