"""What `assistant inbox show` writes of a turn."""

from __future__ import annotations

from datetime import UTC, datetime

from assistant.commands.inbox import described
from assistant.inbox import Entry, Moment, Part, Shown

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

CLOSED = "the window closed at 11:00 UTC: once the person writes again, retry this"


def shown(*parts: Part, error: str | None = None, timeline: tuple[Moment, ...] = ()) -> str:
    """The lines of a turn with these parts."""
    entry = Entry("w:1:a", "w", "w:1:2", "hello", "dead" if error else "answered", 1, NOW, error)
    return "\n".join(described(Shown(entry, (), parts, {}, timeline)))


def test_an_error_is_told_once() -> None:
    failed = Moment(f"failed: part 1: {CLOSED}", NOW, 0.001)
    told = shown(Part("k:0", "an answer", "failed", error=CLOSED), error=CLOSED, timeline=(failed,))
    assert 1 == told.count(CLOSED)
    assert told.endswith("failed: part 1  (0.001 s)")


def test_an_error_that_was_overcome_stays_in_the_timeline() -> None:
    told = shown(Part("k:0", "an answer", "delivered"), timeline=(Moment(f"failed: part 1: {CLOSED}", NOW),))
    assert told.endswith(f"failed: part 1: {CLOSED}")


def test_the_error_of_a_part_stands_with_the_part_where_the_turn_has_another() -> None:
    told = shown(Part("k:0", "an answer", "failed", error="blocked"), error=CLOSED)
    assert "  error: blocked\n  an answer" in told
