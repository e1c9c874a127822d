"""A process that ingests in child processes and kills them: `python ingest_kills.py JOB`, a JSON file; used by test_crash.

Forked before Chroma is opened, a child starts in milliseconds. Each run starts from a copy of the job's base folder, is
killed at a point, and is repeated to its end; what then stands in the collection is written beside the job.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assistant.knowledge import Knowledge
from assistant.settings import Settings

CHUNK_TOKENS = 32


def settings(data_dir: Path) -> Settings:
    known = {"embedding_model": "assistant.testing.words:WordEmbeddings", "chunk_tokens": CHUNK_TOKENS}
    return Settings(data_dir=data_dir, knowledge=known)


def contents(knowledge: Knowledge) -> dict[str, Any]:
    """Everything in the collection and in the manifest, and which documents a search does not find."""
    store = knowledge.vector_store.get(include=["documents", "metadatas", "embeddings"])
    vectors = [hashlib.sha256(vector.tobytes()).hexdigest() for vector in store["embeddings"]]
    passages = sorted(zip(store["ids"], store["documents"], vectors, store["metadatas"], strict=True))
    firsts = {metadata["source"]: text for _, text, _, metadata in passages if metadata["start"] == 0}
    lost = [s for s, text in firsts.items() if s not in {p.source for p in knowledge.search(text, 5)}]
    documents = [(d.id, d.source, d.title, d.passages) for d in knowledge.documents()]
    return {"passages": passages, "documents": documents, "lost": lost}


def mixed(knowledge: Knowledge) -> list[str]:
    """Sources of which two versions answer, one answers that is unknown, or a part is missing."""
    shown = {(passage.source, passage.id.rpartition("-")[0]) for passage in knowledge.search("document", 1000)}
    stored = Counter(metadata["source"] for metadata in knowledge.vector_store.get(include=["metadatas"])["metadatas"])
    known = {document.source: document.passages for document in knowledge.documents()}
    answering = Counter(source for source, _ in shown)
    return [s for s in {*known, *answering, *stored} if (known.get(s), 1) != (stored[s], answering[s])]


def ingest(data_dir: Path, docs: Path, *, die_at: int | None = None) -> None:
    """Sync `docs`; the process kills itself at step `die_at`."""
    steps = iter(range(10_000))

    def step(name: str) -> None:
        if next(steps) == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with Knowledge(settings(data_dir), step=step) as knowledge:
        knowledge.add(docs, sync=True)


def finish(data_dir: Path, docs: Path, result: Path) -> None:
    """Open what a killed process left, look at it, ingest again to the end, and write down what is there."""
    with Knowledge(settings(data_dir)) as knowledge:
        left = mixed(knowledge)
        knowledge.add(docs, sync=True)
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
