"""Retrieval, and answers, of this SDK beside LangChain's default recipe, on the same questions in one run.

ours          the default configuration, the same for every set and language
langchain     RecursiveCharacterTextSplitter(1000, 200), langchain-chroma, all-MiniLM-L6-v2, similarity
langchain-e5  the same with multilingual-e5-small, our own default embedding

SETS is a folder of datasets in the format of `assistant evaluate`. Every figure has a 95 % bootstrap interval, every gain a paired
one. `--answers N` also lets each system answer N questions a set, with the model of the configuration; refusals without one are measured
with ASSISTANT_ENGINE__KIND=assistant.testing.echo:EchoChat.
`--speed` measures ingest, re-ingest and queries at 100,000 passages instead (see speed.py). Only figures are written, no data.
Run: python -m benchmarks.retrieval --sets SETS [--only NAME…] [--limit N] [--answers N] [--speed] [--out benchmarks/results]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from assistant.evaluation import Dataset, LangChain, Ours, Report, System, compare, evaluate
from assistant.evaluation.metrics import METRICS
from assistant.llms import open_chat_model
from assistant.settings import Settings

YARDSTICK = "langchain-e5"
PEERS = ("langchain", YARDSTICK)
SHOWN = ("hit@1", "recall@5", "ndcg@10", "document_in_context", "answer_in_context", "evidence")
ANSWERED = ("contains_gold", "citation_precision", "citation_recall", "refused_answerable", "refused_unanswerable")
LEAST = 30
"""Questions below which a part of a set is not shown on its own."""


def sets(folder: Path, only: Sequence[str]) -> Iterator[Dataset]:
    """The datasets in a folder, by name."""
    for place in sorted(path.parent for path in folder.glob("*/corpus.jsonl")):
        if not only or place.name in only:
            yield Dataset.read(place)


def say(name: str, stage: str, done: int, total: int) -> None:
    if done % 500 == 0:
        print(f"{time.strftime('%H:%M:%S')} {name}: {stage} {done}/{total}", file=sys.stderr, flush=True)


def measure(dataset: Dataset, settings: Settings, *, limit: int | None, model: Any) -> list[Report]:
    """Ours and the peers, one after the other."""
    makers: list[Callable[[], System]] = [partial(Ours, settings, name="ours", model=model)]
    makers += [partial(LangChain.named, name, settings, model=model) for name in PEERS]
    answers, progress = model is not None, partial(say, dataset.name)
    return [evaluate(dataset, make(), answers=answers, limit=limit, progress=progress) for make in makers]


def parts(reports: Sequence[Report]) -> Iterator[tuple[str, list[Report]]]:
    """All questions, and where it has both kinds, those that follow an earlier turn."""
    yield reports[0].dataset, list(reports)
    follow_ups = [case.query.id for case in reports[0].cases if case.query.earlier]
    if LEAST <= len(follow_ups) < len(reports[0].cases):
        kept = set(follow_ups)
        cut = [replace(one, cases=tuple(case for case in one.cases if case.query.id in kept)) for one in reports]
        yield f"{reports[0].dataset}, follow-ups", cut


def figures(reports: Sequence[Report]) -> dict[str, Any]:
    """Each system's metrics with intervals, and our gains over each peer."""
    ours, *peers = reports
    return {
        "questions": len(ours.judged),
        "unanswerable": len(ours.unanswerable),
        "documents": ours.documents,
        "systems": {one.system: system(one) for one in reports},
        "gains": {
            peer.system: {name: rounded(found.to_dict()) for name, found in compare(ours, peer).differences.items()}
            for peer in peers
        },
    }


def system(report: Report) -> dict[str, Any]:
    extra = {"separation": report.separation, "latency": report.latency}
    metrics = {name: rounded(found.to_dict()) for name, found in report.metrics.items()}
    return {"passages": report.passages, "metrics": metrics, **{k: v for k, v in extra.items() if v is not None}}


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def table(measured: dict[str, Any], names: Sequence[str]) -> str:
    """A row a set and metric: the systems, and the gain over the yardstick with its interval."""
    lines = [
        "| set | metric | questions | langchain | langchain-e5 | ours | gain over langchain-e5 | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for set_name, found in measured.items():
        for name in names:
            ours = found["systems"]["ours"]["metrics"].get(name)
            if ours is None:
                continue
            theirs = [percent(found["systems"][peer]["metrics"].get(name), name) for peer in PEERS]
            gain = found["gains"][YARDSTICK].get(name)
            value, low, high = (change(gain[end], name) if gain else "" for end in ("value", "low", "high"))
            cells = [
                set_name,
                name,
                ours["count"],
                *theirs,
                f"**{percent(ours, name)}**",
                f"{value} [{low}, {high}]" if gain else "",
            ]
            lines.append("| " + " | ".join(map(str, [*cells, gain["verdict"] if gain else ""])) + " |")
    return "\n".join(lines)


def separations(measured: dict[str, Any]) -> str:
    """How well the best score tells answerable questions from unanswerable ones, where a set has both."""
    lines = []
    for name, found in measured.items():
        values = {way: one["separation"] for way, one in found["systems"].items() if "separation" in one}
        if values:
            shown = ", ".join(f"{way} {100 * value:.1f}" for way, value in values.items())
            lines.append(
                f"{name}: an answerable question scores above an unanswerable one in percent of pairs: {shown}."
            )
    return "\n".join(lines)


def percent(found: dict[str, Any] | None, name: str) -> str:
    if found is None:
        return ""
    return f"{found['value']:.0f}" if METRICS[name].kind == "count" else f"{100 * found['value']:.1f}"


def change(value: float, name: str) -> str:
    return f"{value:+.0f}" if METRICS[name].kind == "count" else f"{100 * value:+.1f}"


def ratio(measured: dict[str, Any]) -> str:
    """How many times as often an answer contains the gold, over all answered questions of all sets."""
    lines = []
    for peer in PEERS:
        rows = [
            (one["systems"][name]["metrics"].get("contains_gold") for name in ("ours", peer))
            for one in measured.values()
        ]
        pairs = [(mine, theirs) for mine, theirs in rows if mine and theirs]
        ours, theirs = (sum(row[side]["value"] * row[side]["count"] for row in pairs) for side in (0, 1))
        if theirs:
            lines.append(
                f"Answers that contain the gold, ours over {peer}: {ours:.0f} / {theirs:.0f} = {ours / theirs:.2f}."
            )
    return "\n".join(lines)


def quality(options: argparse.Namespace, settings: Settings) -> tuple[dict[str, Any], str]:
    """Every set, measured and as tables."""
    model = open_chat_model(settings.engine, settings.chat, settings.cache_dir) if options.answers else None
    limit = options.answers or options.limit
    measured: dict[str, Any] = {}
    for dataset in sets(options.sets, options.only):
        for name, reports in parts(measure(dataset, settings, limit=limit, model=model)):
            measured[name] = figures(reports)
        print(table({name: measured[name] for name in measured if name.startswith(dataset.name)}, SHOWN), flush=True)
    text = table(measured, [*SHOWN, *ANSWERED, "prompt_tokens"] if options.answers else SHOWN)
    more = [separations(measured), ratio(measured) if options.answers else ""]
    return measured, "\n\n".join(filter(None, [text, *more])) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--answers", type=int, metavar="N")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--passages", type=int, default=100_000, help="of the queries in --speed")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    if options.speed:
        from benchmarks import speed

        name, (measured, text) = "retrieval-speed", speed.run(options.sets, passages=options.passages)
    else:
        name = "answers" if options.answers else "retrieval"
        measured, text = quality(options, Settings.load())
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{name}.json").write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n")
    (options.out / f"{name}.md").write_text(text)


if __name__ == "__main__":
    main()
