"""`assistant ingest`: files, folders and URLs into the knowledge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assistant.commands import terminal
from assistant.knowledge import Knowledge

if TYPE_CHECKING:
    from assistant.knowledge import IngestReport
    from assistant.knowledge import Progress as Step
    from assistant.settings import Settings


def run(
    settings: Settings, paths: Sequence[str], *, sync: bool, access: Sequence[str] | None = None, as_json: bool
) -> None:
    """Ingest `paths`, for those with the labels `access`, and print the report; exit code 1 where all were refused."""
    with terminal.reserved() as out:
        with Knowledge(settings) as knowledge, bar() as show:
            report = knowledge.add(paths, sync=sync, access=access, progress=show)
        if as_json:
            terminal.write_json(out, report.to_dict())
        else:
            out.write(f"{report}\n")
    if refused_everything(report):
        raise typer.Exit(1)


def refused_everything(report: IngestReport) -> bool:
    """Something was refused and nothing was taken, found unchanged or removed."""
    return bool(report.refused) and not (report.added or report.updated or report.unchanged or report.removed)


@contextmanager
def bar() -> Iterator[Callable[[Step], None]]:
    """A progress bar on stderr; yields what `Knowledge.add` reports its steps to."""
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=terminal.log, transient=True) as progress:
        task = progress.add_task("", total=None)

        def show(step: Step) -> None:
            name = PurePath(step.source).name or step.source
            progress.update(task, completed=step.done, total=step.total, description=name)

        yield show
