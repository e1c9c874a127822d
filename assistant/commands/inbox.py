"""`assistant inbox`: what came in, what became of it, and what a person has to decide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table

from assistant.commands import terminal
from assistant.errors import PermanentError
from assistant.inbox import Desk, Entry, Shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from assistant.inbox import Moment, State
    from assistant.settings import Settings

WHOLE = ("received", "state", "id", "since", "until", "holder", "conversation")
"""Columns whose cells are never wrapped."""

SHOWN = 60
"""Characters of a text or an error in the table; `--json` and `show` have the whole of it."""


def list_turns(settings: Settings, *, state: State | None, limit: int, as_json: bool) -> None:
    """Print the turns in `state`, or all, at most `limit`."""
    with terminal.reserved() as out:
        desk = Desk(settings.state_url)
        try:
            entries = desk.list(state=state, limit=limit)
        finally:
            desk.close()
        if as_json:
            terminal.write_json(out, {"turns": [entry.to_dict() for entry in entries]})
            return
        _table(out, entries)
        if len(entries) == limit:
            terminal.log.print(f"there may be more: --limit {limit * 10}", markup=False)


def show(settings: Settings, turn: str, *, as_json: bool) -> None:
    """Print everything about one turn.

    Raises:
        UnknownTurn: there is none with this id.
    """
    with terminal.reserved() as out:
        desk = Desk(settings.state_url)
        try:
            shown = desk.show(turn)
        finally:
            desk.close()
        if as_json:
            terminal.write_json(out, shown.to_dict())
        else:
            out.writelines(f"{line}\n" for line in described(shown))


def retry(settings: Settings, turns: Sequence[str], *, all_dead: bool) -> None:
    """Try turns again; with `all_dead` every dead letter.

    Raises:
        PermanentError: some could not be; the others were.
    """
    desk = Desk(settings.state_url)
    try:
        dead = [entry.id for entry in desk.list(state="dead", limit=ALL)] if all_dead else []
        _each([*turns, *dead], desk.retry, "is tried again")
    finally:
        desk.close()


def drop(settings: Settings, turns: Sequence[str]) -> None:
    """Give turns up.

    Raises:
        PermanentError: some could not be; the others were.
    """
    desk = Desk(settings.state_url)
    try:
        _each(turns, desk.drop, "is dropped")
    finally:
        desk.close()


def holders(settings: Settings, *, as_json: bool) -> None:
    """Print the conversations in which somebody else answers than the bot."""
    with terminal.reserved() as out:
        desk = Desk(settings.state_url)
        try:
            held = desk.holders()
        finally:
            desk.close()
        if as_json:
            terminal.write_json(out, {"holders": [each.to_dict() for each in held]})
            return
        if not held:
            terminal.log.print("nobody holds a conversation: the bot answers in all", markup=False)
            return
        table = _headed("since", "until", "holder", "conversation")
        for each in held:
            table.add_row(
                _when(each.since), _when(each.until) if each.until else "released", each.holder, each.conversation
            )
        _print(out, table)


def hold(settings: Settings, conversations: Sequence[str]) -> None:
    """Let a person answer in conversations, for `inbox.takeover_hours`.

    Raises:
        PermanentError: some are not of a connector that is configured, or there is no inbox yet; the others are held.
    """
    until = datetime.now(UTC) + timedelta(hours=settings.inbox.takeover_hours)
    desk = Desk(settings.state_url)

    def held(name: str) -> None:
        if name.partition(":")[0] not in settings.connectors:
            raise PermanentError(f"conversation {name!r} is none of a connector that is configured")
        desk.hold(name, until=until)

    try:
        _each(conversations, held, "is a person's")
    finally:
        desk.close()


def release(settings: Settings, conversations: Sequence[str], *, as_json: bool) -> None:
    """Let the bot answer in conversations again.

    Raises:
        PermanentError: some were held by nobody; the others were released.
    """
    with terminal.reserved() as out:
        desk = Desk(settings.state_url)
        try:
            names = list(dict.fromkeys(conversations))
            released = [name for name in names if desk.release(name)]
        finally:
            desk.close()
        if as_json:
            terminal.write_json(out, {"released": released})
    for name in () if as_json else released:
        terminal.log.print(f"{name} is the bot's again", markup=False)
    if unknown := [name for name in names if name not in released]:
        raise PermanentError(
            "\n".join(f"{name!r} is held by nobody: `assistant inbox holders` shows what is" for name in unknown)
        )


ALL = 1_000_000
"""More dead letters than are tried again by one command."""


def _each(turns: Sequence[str], work: Callable[[str], object], done: str) -> None:
    failed = []
    for turn in dict.fromkeys(turns):
        try:
            work(turn)
        except PermanentError as error:
            failed.append(str(error))
        else:
            terminal.log.print(f"{turn} {done}", markup=False)
    if failed:
        raise PermanentError("\n".join(failed))


def _table(out: TextIO, entries: Sequence[Entry]) -> None:
    table = _headed("received", "state", "tries", "id", "text", "error")
    for entry in entries:
        table.add_row(
            _when(entry.received_at),
            entry.state,
            str(entry.attempts),
            entry.id,
            _cut(entry.text),
            _cut(entry.error or ""),
        )
    _print(out, table)


def _headed(*columns: str) -> Table:
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.no_wrap = column.header in WHOLE
    return table


def _print(out: TextIO, table: Table) -> None:
    console = Console(file=out, highlight=False, markup=False)
    if not console.is_terminal:  # a pipe has no width: wrapped cells would break every `grep`
        console.width = 400
    console.print(table)


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def described(shown: Shown) -> list[str]:
    """Everything about a turn for a person, nothing cut."""
    entry = shown.entry
    lines = [
        f"id            {entry.id}",
        f"conversation  {entry.conversation}",
        f"state         {entry.state}, {_attempts(entry.attempts)}, received {_when(entry.received_at)}",
    ]
    lines += [f"error         {entry.error}"] if entry.error else []
    lines += [f"answered by   {shown.answered_by}"] if shown.answered_by else []
    for message in shown.messages:
        lines += [f"\n> {message.kind} of {message.sender}, {_when(message.sent_at)}", _indented(message.text)]
    for number, part in enumerate(shown.parts, start=1):
        told = [part.state, *([_attempts(part.attempts)] if part.attempts else []), *part.ids]
        told += ["sent again: it may have arrived twice"] if part.resent else []
        lines.append(f"\n< part {number} of {len(shown.parts)}: {', '.join(told)}")
        lines += [f"  error: {part.error}"] if part.error and part.error != entry.error else []
        lines.append(_indented(part.text))
    errors = {error for error in (entry.error, *(part.error for part in shown.parts)) if error}
    return lines + ([""] if shown.timeline else []) + [_moment(moment, errors) for moment in shown.timeline]


def _moment(moment: Moment, told: Iterable[str]) -> str:
    """A line of the timeline, without an error that stands above it."""
    what = moment.what
    for error in told:
        what = what.removesuffix(f": {error}")
    took = f"  ({moment.seconds:.3f} s)" if moment.seconds else ""
    return f"{_when(moment.at)}  {what}{took}"


def _attempts(count: int) -> str:
    return f"{count} attempt" if count == 1 else f"{count} attempts"


def _indented(text: str) -> str:
    return textwrap.indent(text or "(no text)", "  ")
