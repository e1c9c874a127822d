"""Prometheus metrics of the inbox; every time is in seconds."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class InboxMeters:
    """Counters, gauges and histograms in `registry`; without one, in a registry nobody reads."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        where = registry if registry is not None else CollectorRegistry()
        self._where = where
        self.accepted = Counter("assistant_inbox_accepted", "Events recorded", ["connector"], registry=where)
        self.refused = Counter("assistant_inbox_refused", "Events that could not be recorded", registry=where)
        self.finished = Counter("assistant_inbox_turns", "Turns finished", ["connector", "state"], registry=where)
        self.retried = Counter("assistant_inbox_retried", "Attempts repeated", ["connector", "what"], registry=where)
        self.unknown = Counter(
            "assistant_inbox_unknown_sends",
            "Sends whose outcome was unknown, and what was done: resent, parked, found, missing",
            ["connector", "what"],
            registry=where,
        )
        self.depth = Gauge("assistant_inbox_depth", "Turns by state", ["state"], registry=where)
        self.oldest = Gauge("assistant_inbox_oldest_seconds", "Age of the oldest turn not answered", registry=where)
        self.acknowledged = self._times("acknowledge", "Time to record what came in")
        self.waited = self._times("wait", "Time from receipt until an answer was begun")
        self.answered = self._times("answer", "Time to write an answer")
        self.sent = self._times("send", "Time to send a part")
        self.whole = self._times("turn", "Time from receipt until the answer was sent")

    def show(self, counts: Mapping[str, int], oldest: float) -> None:
        """Set the gauges."""
        for state, count in counts.items():
            self.depth.labels(state).set(count)
        self.oldest.set(oldest)

    def _times(self, what: str, about: str) -> Histogram:
        return Histogram(f"assistant_inbox_{what}_seconds", about, buckets=SECONDS, registry=self._where)
