"""A process that ingests in child processes and kills them: `python ingest_kills.py JOB`, a JSON file; used by test_crash.

Forked before Chroma is opened, a child starts in milliseconds. Each run starts from a copy of the job's base folder, is
killed at a point, and is repeated to its end; what then stands in both indexes is written beside the job.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from assistant.knowledge import Knowledge
from assistant.settings import Settings

CHUNK_TOKENS = 32
BEFORE, AFTER = "tenant:a", "tenant:b"
"""Who may see the folder `private` in the first version of the documents, and in the second."""
TERMS = ["document", "says", "version", *map(str, range(100))]


def settings(data_dir: Path) -> Settings:
    known = {"embedding_model": "assistant.testing.words:WordEmbeddings", "chunk_tokens": CHUNK_TOKENS}
    return Settings(data_dir=data_dir, knowledge=known)


def contents(knowledge: Knowledge) -> dict[str, Any]:
    """Everything in both indexes and in the manifest, and which documents a search does not find."""
    passages = sorted(stored(knowledge))
    firsts = {metadata["source"]: text for *_, text, _, metadata in passages if metadata["start"] == 0}
    asked = list(firsts.items())[::4]
    lost = [s for s, text in asked if s not in {p.source for p in knowledge.search(text, 5, access=[AFTER])}]
    documents = [(d.id, d.source, d.title, d.passages, d.access) for d in knowledge.documents()]
    return {"passages": passages, "documents": documents, "lost": lost, "lexicon": worded(knowledge)}


def stored(knowledge: Knowledge) -> Iterator[tuple[Any, ...]]:
    """Every passage in Chroma: collection, id, text, digest of its vector, metadata."""
    for store in knowledge._parts.index.stores:
        for row, vector in store.whole(list(store.ids())).values():
            yield store.name, row.id, row.text, hashlib.sha256(vector.tobytes()).hexdigest(), row.metadata


def worded(knowledge: Knowledge) -> dict[str, Any]:
    """How many passages the lexical index holds, and of each partition which ones hold which term."""
    lexicon, manifest = knowledge._parts.lexicon, knowledge._parts.manifest
    found: dict[str, Any] = {"count": lexicon.count()}
    for partition in manifest.visible([BEFORE, AFTER]):
        for term in TERMS:
            hits = lexicon.search({term: 1.0}, 10_000, partitions=[partition])
            found[f"{partition} {term}"] = sorted(id for id, _ in hits)
    return found


def mixed(knowledge: Knowledge) -> list[str]:
    """Sources of which two versions answer, one answers that is unknown, to others than it is for, or in part."""
    kept = Counter(metadata["source"] for *_, metadata in stored(knowledge))
    known = {document.source: document for document in knowledge.documents()}
    wrong = set(known.keys() ^ kept.keys()) | {s for s, d in known.items() if d.passages != kept[s]}
    for held in ([], [BEFORE], [AFTER], [BEFORE, AFTER]):
        shown = {(p.source, p.id.rpartition("-")[0]) for p in knowledge.search("document", 1000, access=held)}
        answering = Counter(source for source, _ in shown)
        meant = {s for s, d in known.items() if not d.access or {*d.access} & {*held}}
        wrong |= answering.keys() ^ meant | {source for source, versions in answering.items() if versions > 1}
    return sorted(wrong)


def sync(knowledge: Knowledge, docs: Path, *, private: str) -> None:
    """Bring in the documents that everyone may see, and those that only `private` may."""
    knowledge.add(docs / "public", sync=True)
    knowledge.add(docs / "private", sync=True, access=[private])


def ingest(data_dir: Path, docs: Path, *, die_at: int | None = None) -> None:
    """Sync `docs`; the process kills itself at step `die_at`."""
    steps = iter(range(10_000))

    def step(name: str) -> None:
        if next(steps) == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with Knowledge(settings(data_dir), step=step) as knowledge:
        sync(knowledge, docs, private=AFTER)


def finish(data_dir: Path, docs: Path, result: Path) -> None:
    """Open what a killed process left, look at it, ingest again to the end, and write down what is there."""
    with Knowledge(settings(data_dir)) as knowledge:
        left = mixed(knowledge)
        sync(knowledge, docs, private=AFTER)
        result.write_text(json.dumps({**contents(knowledge), "mixed": [*left, *mixed(knowledge)]}))


def forked(work: Callable[[], None], *, seconds: float | None = None) -> tuple[bool, float]:
    """Run `work` in a child, killed after `seconds`: whether it was killed, and the seconds it lived."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setsid()
        work()
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        sys.exit("a child failed")
    return os.WIFSIGNALED(status), time.monotonic() - started


def main() -> None:
    """The job: base, docs and work folder, steps to die at, and parts of the running time to be killed after."""
    job = json.loads(Path(sys.argv[1]).read_text())
    base, docs, work = Path(job["base"]), Path(job["docs"]), Path(job["work"])

    def attempt(name: str, **how: Any) -> tuple[bool, float]:
        data_dir = work / name
        shutil.copytree(base, data_dir)
        outcome = forked(lambda: ingest(data_dir, docs, die_at=how.get("die_at")), seconds=how.get("seconds"))
        forked(lambda: finish(data_dir, docs, work / f"{name}.json"))
        shutil.rmtree(data_dir)
        return outcome

    _, whole = attempt("uninterrupted")
    killed = {f"step {step}": attempt(f"step {step}", die_at=step)[0] for step in job["steps"]}
    for part in job["parts"]:
        killed[f"part {part}"] = attempt(f"part {part}", seconds=whole * part)[0]
    (work / "killed.json").write_text(json.dumps(killed))


if __name__ == "__main__":
    main()
