"""`assistant evaluate`: metrics on a dataset or on one's own questions, compared, reported, guarded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assistant.commands import terminal
from assistant.errors import ConfigurationError
from assistant.evaluation import Comparison, Dataset, LangChain, Ours, Report, System, compare, plots
from assistant.evaluation import evaluate as measure
from assistant.evaluation.floor import Floor, shortfalls
from assistant.evaluation.systems.langchain import NAMES
from assistant.plugins import imported
from assistant.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from assistant.knowledge.report import Progress as Step

Show = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    dataset: Path
    documents: Sequence[str] = ()
    answers: bool = False
    limit: int | None = None
    against: Sequence[str] = ()
    report: Path | None = None
    floors: Sequence[str] = ()


def run(config: Path | None, wanted: Wanted, *, as_json: bool) -> None:
    """Measure, print, write the report; exit code 1 where a floor is not reached."""
    floors = list(map(_floor, wanted.floors))
    if wanted.report:
        plots.check()
        if not wanted.report.parent.is_dir():
            raise typer.BadParameter(f"--report {str(wanted.report)!r}: there is no such folder")
    settings = Settings.load(config)
    with terminal.reserved() as out, _bar() as show:
        dataset = _dataset(wanted, settings)
        report, comparisons = _measured(config, settings, dataset, wanted, show)
        if wanted.report:
            report.save(wanted.report, against=comparisons)
        missed = shortfalls(report, floors)
        if as_json:
            against = {"against": [one.to_dict() for one in comparisons]} if comparisons else {}
            terminal.write_json(out, {**report.to_dict(), **against, **({"shortfalls": missed} if floors else {})})
        else:
            out.writelines(f"{one}\n\n" for one in (report, *comparisons))
    for line in missed:
        terminal.log.print(f"assistant: {line}", markup=False)
    if missed:
        raise typer.Exit(1)


def _measured(
    config: Path | None, settings: Settings, dataset: Dataset, wanted: Wanted, show: Show
) -> tuple[Report, list[Comparison]]:
    """Every system in turn, so that no two of them are in memory together."""
    with _model(settings) if wanted.answers else _nothing() as model:
        bench = _Bench(config, settings, model, show)
        makers: list[Callable[[], System]] = [partial(bench.ours, settings, "assistant")]
        makers += map(bench.peer, wanted.against)
        report, *others = [
            measure(dataset, make(), answers=wanted.answers, limit=wanted.limit, progress=show) for make in makers
        ]
    return report, [compare(report, other) for other in others]


@dataclass(frozen=True, slots=True)
class _Bench:
    """Makes the systems to measure; those that answer share one model where they are configured to use the same."""

    config: Path | None
    settings: Settings
    model: BaseChatModel | None
    show: Show

    def peer(self, name: str) -> Callable[[], System]:
        """What makes the system that `--against` names; a wrong name is told before anything is measured."""
        if name in NAMES:
            return partial(LangChain.named, name, self.settings, model=self.model)
        if name.endswith(".toml"):
            return partial(self.ours, Settings.load(name), name)
        key, equals, value = name.partition("=")
        if equals:
            changed = _table(key.strip().split("."), value.strip())
            return partial(self.ours, Settings.load(self.config, **changed), name)
        return _imported(name)

    def ours(self, settings: Settings, name: str) -> System:
        """This SDK by these settings."""

        def step(step: Step) -> None:
            self.show(f"indexing: {name}", step.done, step.total or 0)

        model = self.model if settings.engine == self.settings.engine else None
        return Ours(settings, name=name, model=model, progress=step)


def _imported(path: str) -> Callable[[], System]:
    if ":" not in path:
        known = ", ".join(NAMES)
        raise typer.BadParameter(f"--against {path!r}: write {known}, FILE.toml, KEY=VALUE or package.module:name")
    made: Callable[[], System] = imported(path, key="--against")

    def make() -> System:
        try:
            return made()
        except Exception as error:  # whatever a third party's code raises
            raise ConfigurationError(f"--against {path!r} cannot be made without arguments: {error}") from error

    return make


def _table(path: Sequence[str], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    table: dict[str, Any] = value
    return table


def _dataset(wanted: Wanted, settings: Settings) -> Dataset:
    if wanted.dataset.is_dir():
        if wanted.documents:
            raise typer.BadParameter("--documents goes with a CSV of questions: a folder has its own corpus")
        return Dataset.read(wanted.dataset)
    if not wanted.documents:
        raise typer.BadParameter("a CSV of questions needs --documents: the files, folders or URLs it asks")
    return Dataset.from_csv(wanted.dataset, documents=wanted.documents, settings=settings)


def _floor(text: str) -> Floor:
    try:
        return Floor.parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"--floor {error}") from None


@contextmanager
def _model(settings: Settings) -> Iterator[BaseChatModel | None]:
    """One model for every system, closed at the end."""
    from assistant.assistant import Closable
    from assistant.llms import open_chat_model

    model = open_chat_model(settings.engine, settings.chat, settings.cache_dir)
    try:
        yield model
    finally:
        if isinstance(model, Closable):
            model.close()


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


@contextmanager
def _bar() -> Iterator[Show]:
    """A progress bar on stderr."""
    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, TextColumn("{task.description}", markup=False), console=terminal.log, transient=True
    ) as progress:
        task = progress.add_task("reading", total=None)

        def show(stage: str, done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None, description=stage)

        yield show
