"""What an ingest did and what the knowledge holds, as values."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from assistant.knowledge.load import Refusal

Outcome = Literal["added", "updated", "unchanged", "refused", "removed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of an ingest: what became of `source`; `done` of `total` sources are finished."""

    source: str
    done: int
    total: int | None
    state: Literal["loading"] | Outcome


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """One document of the knowledge; `size` in bytes, `passages` their number, `added_at` when this content came in.

    `access` are the labels of those who may see it, sorted; none: everyone.
    """

    id: str
    source: str
    title: str
    media_type: str
    passages: int
    size: int | None
    added_at: datetime
    access: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of the HTTP interface; `added_at` as ISO 8601."""
        return {**asdict(self), "added_at": self.added_at.isoformat(), "access": list(self.access)}


@dataclass(frozen=True, slots=True)
class IngestReport:
    """Documents added, updated, unchanged and removed; `passages` were written, in `seconds`.

    What was refused is listed with its reason; where an earlier version of it was known, that version stays.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    seconds: float = 0.0
    refused: tuple[Refusal, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form that `assistant ingest --json` prints."""
        return asdict(self)

    def __str__(self) -> str:
        counts = f"{self.added} added, {self.updated} updated, {self.unchanged} unchanged, {self.removed} removed"
        lines = [f"{counts}, {len(self.refused)} refused; {self.passages} passages in {self.seconds:.1f} s"]
        return "\n".join([*lines, *(f"  refused {refusal.source}: {refusal.reason}" for refusal in self.refused)])


class Tally:
    """Counts the outcomes of one ingest and tells `progress` of each; used from two threads."""

    def __init__(self, progress: Callable[[Progress], None] | None) -> None:
        self.total: int | None = None
        self.refused: list[Refusal] = []
        self.passages = 0
        self._counts: dict[Outcome, int] = dict.fromkeys(("added", "updated", "unchanged", "refused", "removed"), 0)
        self._progress = progress
        self._lock = threading.Lock()
        self._started = time.monotonic()

    def loading(self, source: str) -> None:
        """`source` is being read now."""
        self._tell(source, "loading")

    def count(self, source: str, outcome: Outcome, *, passages: int = 0) -> None:
        """`source` is finished."""
        with self._lock:
            self._counts[outcome] += 1
            self.passages += passages
        self._tell(source, outcome)

    def refuse(self, refusal: Refusal) -> None:
        """The source of `refusal` is finished: it was not taken."""
        self.refused.append(refusal)
        self.count(refusal.source, "refused")

    def report(self) -> IngestReport:
        """The counts so far."""
        counts = {name: number for name, number in self._counts.items() if name != "refused"}
        seconds = time.monotonic() - self._started
        return IngestReport(**counts, passages=self.passages, seconds=seconds, refused=tuple(self.refused))

    def _tell(self, source: str, state: Literal["loading"] | Outcome) -> None:
        if self._progress is None:
            return
        with self._lock:
            done = sum(number for name, number in self._counts.items() if name != "removed")
            self._progress(Progress(source, done, self.total, state))
