"""`assistant evaluate`: retrieval metrics on a dataset folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import track

from assistant.commands import terminal
from assistant.commands.ingest import bar
from assistant.evaluate import Dataset, retrieval_metrics
from assistant.knowledge import Knowledge

if TYPE_CHECKING:
    from assistant.settings import Settings

PASSAGES = 50
"""Passages asked for: several of one document count once, and ten documents are needed."""


def run(settings: Settings, folder: Path, *, as_json: bool) -> None:
    """Ingest the dataset's corpus into a temporary knowledge, search every question, print the metrics."""
    dataset = Dataset.read(folder)
    with terminal.reserved() as out, tempfile.TemporaryDirectory(prefix="assistant-evaluate-") as temporary:
        embedded = settings.knowledge.model_copy(update={"url": "", "collection": "evaluate"})
        own = settings.model_copy(update={"data_dir": Path(temporary), "knowledge": embedded})
        with Knowledge(own) as knowledge:
            with bar() as show:
                report = knowledge.add(dataset.documents(), progress=show)
            found = {
                query.id: [passage.source for passage in knowledge.search(query.text, k=PASSAGES)]
                for query in track(dataset.judged(), "searching", console=terminal.log, transient=True)
            }
        metrics = retrieval_metrics(found, dataset.grades)
        sizes = {"documents": len(dataset.corpus), "passages": report.passages, "queries": len(found)}
        if as_json:
            terminal.write_json(out, {"dataset": folder.resolve().name, **sizes, "metrics": metrics})
            return
        out.write(", ".join(f"{number} {name}" for name, number in sizes.items()) + "\n")
        out.writelines(f"{name:<10} {value:.4f}\n" for name, value in metrics.items())
