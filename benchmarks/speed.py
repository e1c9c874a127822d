"""How fast documents go in and questions are answered with passages, beside LangChain and bare Chroma.

ingest    the same documents into our knowledge and into LangChain's default recipe: characters per second of process time, all
          threads counted, models loaded before; each in a process of its own, rounds interleaved
again     the same documents once more, unchanged: how many times faster than the first time
queries   at 100,000 passages: our search against embedding the question and asking a bare Chroma collection of the same vectors;
          and the same among the documents of one tenant, against Chroma's metadata filter

The 100,000 are made of sentences of real passages, recombined. The vectors of the first few thousand are real; the others get a
real one with noise added, because embedding them all would take an hour and what is timed does not depend on it.
Run by: python -m benchmarks.retrieval --speed --sets SETS
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
from langchain_core.documents import Document

from assistant.evaluation.systems.langchain import LangChain
from assistant.knowledge.embed import Embedder, open_embedder
from assistant.knowledge.knowledge import Knowledge
from assistant.settings import Settings
from benchmarks.material import Noisy, documents, questions, recombined

CHARACTERS = 800_000
"""Of the documents that are ingested; taken from every set in turn."""
ROUNDS = 3
REAL = 2000
"""Passages of the large collection whose vectors are real."""
TENANTS = 10
TENANT_SHARE = 0.1
"""Of the passages belong to the tenants, the rest to everyone."""
QUERIES = 300
BATCH = 5000


def settings_in(folder: Path, embedding: str = "multilingual-e5-small") -> Settings:
    return Settings.load(data_dir=folder, knowledge={"embedding_model": embedding})


# ------------------------------------------------------------------------------------------------------- ingest


def ingest(sets: Path, home: Path, way: str) -> dict[str, float]:
    """One ingest of `way` in this process: CPU and wall seconds, and for ours those of an unchanged second one."""
    corpus = documents(sets, CHARACTERS)
    if way.startswith("langchain"):
        recipe = LangChain.named(way, settings_in(home))
        recipe._embeddings.embed_documents(["warm up"])
        return timed(lambda: recipe.index(corpus))
    embedding = "all-minilm-l6-v2" if way == "ours-minilm" else "multilingual-e5-small"
    with Knowledge(settings_in(home, embedding)) as knowledge:
        knowledge.search("warm up")
        given = [document.as_langchain() for document in corpus]
        first = timed(lambda: knowledge.add(given).passages)
        again = timed(lambda: knowledge.add(given).unchanged)
    return {**first, "again_wall": again["wall"], "again_unchanged": again["result"]}


def timed(work: Callable[[], int]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), cpu_seconds()
    result = work()
    return {"result": result, "cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall, "peak_mib": peak_mib()}


def cpu_seconds() -> float:
    """Of this process with all its threads, and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# ------------------------------------------------------------------------------------------------------ queries


def passages(sets: Path, count: int) -> list[str]:
    return list(recombined([document.text for document in documents(sets, CHARACTERS)], count))


def embedder(sets: Path, home: Path) -> Embedder:
    """The default embedding, its passages' vectors replaced as `Noisy` says; made once."""
    real = open_embedder("multilingual-e5-small", cache_dir=settings_in(home).cache_dir)
    kept = home / "real.npy"
    if not kept.exists():
        np.save(kept, np.array(real.embeddings.embed_documents(passages(sets, REAL)), np.float32))
    return replace(real, embeddings=Noisy(real.embeddings, np.load(kept)), name="recombined")


def tenant(number: int, count: int) -> str | None:
    """Whose the passage of this number is; the last tenth is shared out among the tenants."""
    return f"tenant:{number % TENANTS}" if number >= count * (1 - TENANT_SHARE) else None


def fill_ours(sets: Path, home: Path, count: int) -> dict[str, float]:
    """Fill our knowledge with `count` passages, one a document."""
    groups: dict[str | None, list[Document]] = {}
    for number, text in enumerate(passages(sets, count)):
        made = Document(text, metadata={"source": f"made-{number}"})
        groups.setdefault(tenant(number, count), []).append(made)
    with Knowledge(settings_in(home / "ours"), embedder=embedder(sets, home)) as knowledge:

        def add() -> int:
            return sum(knowledge.add(given, access=[who] if who else None).passages for who, given in groups.items())

        return timed(add)


def fill_bare(sets: Path, home: Path, count: int) -> dict[str, float]:
    """The same passages with the same vectors in a bare Chroma collection, its settings untouched."""
    embeddings = embedder(sets, home).embeddings
    texts = passages(sets, count)
    collection = bare(home)

    def add() -> int:
        for start in range(0, count, BATCH):
            part = texts[start : start + BATCH]
            who = [{"tenant": tenant(start + number, count) or "all"} for number in range(len(part))]
            ids = [str(start + number) for number in range(len(part))]
            collection.add(ids, embeddings.embed_documents(part), who, part)
        return int(collection.count())

    return timed(add)


def bare(home: Path) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    client = chromadb.PersistentClient(str(home / "bare"), settings=ChromaSettings(anonymized_telemetry=False))
    return client.get_or_create_collection("bare", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None)


def ways(knowledge: Knowledge, made: Embedder, collection: Any) -> dict[str, Callable[[str], object]]:
    """What is timed for a question."""
    embed = made.embeddings.embed_query

    def nearest(text: str, **where: Any) -> object:
        return collection.query(query_embeddings=[embed(text)], n_results=10, **where)

    return {
        "embedding alone": embed,
        "bare Chroma": nearest,
        "ours": lambda text: knowledge.search(text, k=10),
        "bare Chroma, tenant filter": lambda text: nearest(text, where={"tenant": {"$in": ["all", "tenant:3"]}}),
        "ours, tenant's access": lambda text: knowledge.search(text, k=10, access=["tenant:3"]),
    }


def query(sets: Path, home: Path) -> dict[str, dict[str, float]]:
    """Milliseconds of each way, questions interleaved: every question goes through all of them, in changing order."""
    made, asked = embedder(sets, home), questions(sets, QUERIES)
    with Knowledge(settings_in(home / "ours"), embedder=made) as knowledge:
        timing = ways(knowledge, made, bare(home))
        for text in asked[:20]:
            for way in timing.values():
                way(text)
        taken: dict[str, list[float]] = {name: [] for name in timing}
        for number, text in enumerate(asked):
            for name in shuffled(list(timing), number):
                began = time.perf_counter()
                timing[name](text)
                taken[name].append(1000 * (time.perf_counter() - began))
    return {name: {"p50": statistics.median(ms), "p95": sorted(ms)[int(0.95 * len(ms))]} for name, ms in taken.items()}


def shuffled(names: list[str], seed: int) -> Sequence[str]:
    return random.Random(seed).sample(names, len(names))


def memory(sets: Path, home: Path, way: str) -> dict[str, float]:
    """Resident memory after 50 questions through one way, and the size of its folder."""
    made, asked = embedder(sets, home), questions(sets, 50)
    before = psutil.Process().memory_info().rss
    if way == "ours":
        opened = Knowledge(settings_in(home / "ours"), embedder=made)
        for text in asked:
            opened.search(text, k=10)
    else:
        collection = bare(home)
        for text in asked:
            collection.query(query_embeddings=[made.embeddings.embed_query(text)], n_results=10)
    used = psutil.Process().memory_info().rss - before
    size = sum(path.stat().st_size for path in (home / way).rglob("*") if path.is_file())
    return {"resident_mib": used / 2**20, "disk_mib": size / 2**20}


# --------------------------------------------------------------------------------------------------------- run


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "ingest": ingest,
    "fill-ours": fill_ours,
    "fill-bare": fill_bare,
    "query": query,
    "memory": memory,
}


def part(name: str, sets: Path, home: Path, *more: object) -> dict[str, Any]:
    """Run one part in a process of its own."""
    print(f"{time.strftime('%H:%M:%S')} {name} {' '.join(map(str, more))}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.speed", name, str(sets), str(home), *map(str, more)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(sets: Path, *, passages: int) -> tuple[dict[str, Any], str]:
    """Every part; the figures, and as a table."""
    names = ("ours", "ours-minilm", "langchain", "langchain-e5")
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(ROUNDS):
        for name in shuffled(list(names), number):
            with tempfile.TemporaryDirectory() as empty:
                taken[name].append(part("ingest", sets, Path(empty), name))
    total = sum(len(document.text) for document in documents(sets, CHARACTERS))
    figures: dict[str, Any] = {"characters": total, "ingest": {n: per_cpu(rows, total) for n, rows in taken.items()}}
    ours = taken["ours"]
    figures["again"] = statistics.median(row["wall"] / row["again_wall"] for row in ours)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        figures["fill"] = {way: part(f"fill-{way}", sets, home, passages) for way in ("ours", "bare")}
        figures["queries"] = part("query", sets, home)
        figures["memory"] = {way: part("memory", sets, home, way) for way in ("ours", "bare")}
    figures["passages"] = passages
    return figures, table(figures)


def per_cpu(rows: Sequence[dict[str, float]], total: int) -> dict[str, float]:
    """Characters per CPU-second: the median of the rounds and their range."""
    speeds = sorted(total / row["cpu"] for row in rows)
    return {
        "median": statistics.median(speeds),
        "low": speeds[0],
        "high": speeds[-1],
        "peak_mib": max(row["peak_mib"] for row in rows),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    default = figures["ingest"]["langchain"]["median"]
    lines = [
        f"Ingest of {figures['characters']:,} characters, characters per CPU-second, median [range] of {ROUNDS}:",
        "",
    ]
    lines += ["| way | characters per CPU-second | of LangChain's default | peak memory MiB |", "|---|---|---|---|"]
    for name, one in figures["ingest"].items():
        speed = f"{one['median']:,.0f} [{one['low']:,.0f}..{one['high']:,.0f}]"
        lines.append(f"| {name} | {speed} | {one['median'] / default:.2f} | {one['peak_mib']:.0f} |")
    lines += ["", f"The same documents again, unchanged: {figures['again']:.0f} times faster.", ""]
    lines += [f"Queries at {figures['passages']:,} passages, {QUERIES} questions, k = 10:", ""]
    lines += ["| way | p50 ms | p95 ms |", "|---|---|---|"]
    lines += [f"| {name} | {one['p50']:.1f} | {one['p95']:.1f} |" for name, one in figures["queries"].items()]
    lines += ["", "| way | memory MiB beyond the embedding | disk MiB | seconds to fill |", "|---|---|---|---|"]
    for way, one in figures["memory"].items():
        seconds = figures["fill"][way]["wall"]
        lines.append(f"| {way} | {one['resident_mib']:.0f} | {one['disk_mib']:.0f} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description="one part of the benchmark; `benchmarks.retrieval --speed` runs them all"
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("sets", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("more", nargs="*")
    options = parser.parse_args()
    more = [int(value) if value.isdigit() else value for value in options.more]
    print(json.dumps(PARTS[options.part](options.sets, options.home, *more)))


if __name__ == "__main__":
    main()
