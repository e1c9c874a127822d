"""What is counted of a bot, in the registry of whoever runs it, and told in the log."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter

from assistant.types import Address

logger = logging.getLogger(__name__)

REMEMBERED = 10_000
"""Opinions kept in mind to be thanked for once."""

Verdict = Literal["up", "down"]
Indication = Literal["typing", "preview"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody thinks of an answer; `about` is the mark of its turn (a button) or a message id (a reaction)."""

    verdict: Verdict
    address: Address
    sender: str
    about: str
    by: Literal["button", "reaction"]


class BotMeters:
    """Counters of one process; `on_feedback` is called with every opinion as it comes."""

    def __init__(
        self, registry: CollectorRegistry | None = None, *, on_feedback: Callable[[Feedback], None] | None = None
    ) -> None:
        registry = registry or CollectorRegistry()
        self._feedback = Counter(
            "assistant_feedback", "Opinions on answers", ["connector", "verdict", "by"], registry=registry
        )
        self._failed = Counter(
            "assistant_indications_failed", "Typing and previews not shown", ["connector", "kind"], registry=registry
        )
        self._humans = Counter(
            "assistant_human_requests", "Users who ask for a person", ["connector"], registry=registry
        )
        self._on_feedback = on_feedback
        self._heard: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def heard(self, feedback: Feedback, *, turn: str) -> bool:
        """Count an opinion that came with `turn`; False: its sender had one on the same answer before."""
        address = feedback.address
        self._feedback.labels(address.connector, feedback.verdict, feedback.by).inc()
        logger.info(
            "feedback=%s by=%s conversation=%s about=%s", feedback.verdict, feedback.by, address, feedback.about
        )
        if self._on_feedback is not None:
            self._on_feedback(feedback)
        key = (str(address), feedback.sender, feedback.about)
        first = self._heard.setdefault(key, turn) == turn  # the same turn may run twice
        if len(self._heard) > REMEMBERED:
            self._heard.popitem(last=False)
        return first

    def failed(self, kind: Indication, address: Address, error: Exception) -> None:
        """Count what was not shown while an answer was written; nobody waits for it."""
        self._failed.labels(address.connector, kind).inc()
        logger.info("%s not shown conversation=%s: %r", kind, address, error)

    def human(self, address: Address) -> None:
        """Count somebody who asks for a person."""
        self._humans.labels(address.connector).inc()
        logger.info("human=asked conversation=%s", address)
