"""One line in the log and one count for each turn; never a word of what was written unless settings ask for it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from assistant.inbox.meters import InboxMeters
from assistant.sections import InboxSettings

if TYPE_CHECKING:
    from assistant.inbox.entries import State
    from assistant.inbox.workflow import Run

logger = logging.getLogger("assistant.inbox")


class Journal:
    """Writes down how turns ended."""

    def __init__(self, meters: InboxMeters, settings: InboxSettings) -> None:
        self._meters = meters
        self._text = settings.log_text

    def begun(self, run: Run) -> None:
        """An answer is asked for."""
        if run.attempts == 0:
            self._meters.waited.observe(max(0.0, run.began - float(run.stored.get("received", run.began))))

    def again(self, connector: str) -> None:
        """A part is to be sent again."""
        self._meters.retried.labels(connector, "send").inc()

    def finished(self, run: Run, state: State, *, error: str | None = None) -> None:
        """A turn ended here."""
        connector, now = run.turn.address.connector, time.time()
        received = float(run.stored.get("received", run.began))
        self._meters.finished.labels(connector, state).inc(len(run.turn.messages) if state == "answered" else 1)
        self._meters.whole.observe(max(0.0, now - received))
        fields: dict[str, object] = {
            "turn": run.turn.id,
            "connector": connector,
            "state": state,
            "attempts": _attempts(run, state),
            "messages": len(run.turn.messages),
            "parts": run.parts,
            "sent": len(run.sent),
            "resent": sum(bool(part.get("resent")) for part in run.sent),
            "waited_seconds": round(max(0.0, run.began - received), 3),
            "answer_seconds": run.writing,
            "whole_seconds": round(max(0.0, now - received), 3),
            **({"error": error} if error else {}),
            **({"text": run.turn.text} if self._text else {}),
        }
        level = logging.INFO if state == "answered" else logging.WARNING
        logger.log(level, "turn %s", " ".join(f"{name}={value!r}" for name, value in fields.items()), extra=fields)

    def interrupted(self, run: Run, error: Exception) -> None:
        """The database went away under a turn, which will go on later."""
        cause = getattr(error, "orig", None) or error
        logger.warning("turn %s waits for the database (%s)", run.turn.id, type(cause).__name__)


def _attempts(run: Run, state: State) -> int:
    """As `Entry.attempts`: failed answers and sends, and the try that went through."""
    failures = run.attempts - len(run.sent) - bool(run.parts or state == "answered")
    return max(1, failures + (state == "answered"))
