"""An ingest that is killed at any point leaves nothing that the next one does not repair."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ingest_kills import AFTER, BEFORE, sync
from langchain_core.documents import Document

from assistant.errors import ConfigurationError
from assistant.knowledge import Knowledge
from assistant.settings import Settings

STEPS = range(36)
PARTS = [round(0.15 + 0.85 * part, 3) for part in random.Random(3).sample([n / 100 for n in range(100)], 10)]
SCRIPT = Path(__file__).with_name("ingest_kills.py")


def text(number: int, version: int) -> str:
    lines = [f"Document {number} says in line {line} that version {version} counts {line * 7}." for line in range(6)]
    return f"# Document {number}\n\n" + "\n\n".join(lines)


def fill(docs: Path, *, version: int) -> None:
    """Sixty documents in each version: 20 stay, 30 change, 10 are there in the first or in the second only.

    A third of them is private.
    """
    for folder in ("public", "private"):
        (docs / folder).mkdir(exist_ok=True, parents=True)
        for path in (docs / folder).iterdir():
            path.unlink()
    for number in range(70):
        if number >= 60 if version == 1 else number < 10:
            continue
        folder = "public" if number % 3 else "private"
        (docs / folder / f"{number}.md").write_text(text(number, 1 if number < 30 else version))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What stood in the collection after each kill and resumption, by the kill's name."""
    folder = tmp_path_factory.mktemp("crash")
    docs = folder / "docs"
    (folder / "work").mkdir()
    fill(docs, version=1)
    known = {"embedding_model": "assistant.testing.words:WordEmbeddings", "chunk_tokens": 32}
    with Knowledge(Settings(data_dir=folder / "base", knowledge=known)) as knowledge:
        sync(knowledge, docs, private=BEFORE)
    fill(docs, version=2)
    job = {"steps": list(STEPS), "parts": PARTS}
    job |= {"base": str(folder / "base"), "docs": str(docs), "work": str(folder / "work")}
    (folder / "job.json").write_text(json.dumps(job))
    subprocess.run([sys.executable, SCRIPT, folder / "job.json"], check=True, timeout=280)
    return {path.stem: json.loads(path.read_text()) for path in (folder / "work").glob("*.json")}


@pytest.mark.parametrize("kill", [*(f"step {step}" for step in STEPS), *(f"part {part}" for part in PARTS)])
def test_a_killed_ingest_resumes_to_what_an_uninterrupted_one_gives(results: dict[str, Any], kill: str) -> None:
    expected, found = results["uninterrupted"], results[kill]

    assert [] == found["mixed"]
    assert [] == found["lost"]
    assert expected["documents"] == found["documents"]
    assert expected["passages"] == found["passages"]
    assert expected["lexicon"] == found["lexicon"]


def test_the_uninterrupted_ingest_is_what_the_documents_say(results: dict[str, Any]) -> None:
    expected = results["uninterrupted"]

    assert 60 == len(expected["documents"])
    assert len(expected["passages"]) == sum(passages for *_, passages, _ in expected["documents"])
    assert len(expected["passages"]) == len({id for _, id, *_ in expected["passages"]})
    assert not [text for _, _, text, *_ in expected["passages"] if "Document 0 " in text]
    assert {(): 40, (AFTER,): 20} == Counter(tuple(access) for *_, access in expected["documents"])
    assert {"knowledge", "knowledge--private"} == {collection for collection, *_ in expected["passages"]}


def test_the_lexical_index_holds_the_passages_of_chroma_by_their_words(results: dict[str, Any]) -> None:
    expected = results["uninterrupted"]
    ids = {partition: found for partition, found in expected["lexicon"].items() if partition.endswith(" document")}

    assert len(expected["passages"]) == expected["lexicon"]["count"]
    assert sorted(id for _, id, *_ in expected["passages"]) == sorted(id for found in ids.values() for id in found)
    for partition in (key.partition(" ")[0] for key in ids):
        holding = [
            id for _, id, text, *_ in expected["passages"] if id in ids[f"{partition} document"] and "35" in text
        ]
        assert holding
        assert set(holding) <= set(expected["lexicon"][f"{partition} 35"])


def test_the_kills_happened_while_it_worked(results: dict[str, Any]) -> None:
    killed = results["killed"]

    assert 32 <= sum(killed[f"step {step}"] for step in STEPS)
    assert 1 <= sum(killed[f"part {part}"] for part in PARTS)  # by the clock, so that a busy machine hits fewer


@pytest.mark.parametrize("at", ["begun", "written", "indexed", "switched", "deleted", "unindexed"])
def test_an_error_at_any_step_is_repaired_by_the_next_call(tmp_path: Path, at: str) -> None:
    failing = [at]

    def step(name: str) -> None:
        if [name] == failing:
            failing.clear()
            raise KeyboardInterrupt

    known = {"embedding_model": "assistant.testing.words:WordEmbeddings"}
    with Knowledge(Settings(data_dir=tmp_path, knowledge=known), step=step) as knowledge:
        book = {"source": "book"}
        failing.clear()
        knowledge.add(Document("An old book.", metadata=book))
        failing.append(at)
        with pytest.raises(KeyboardInterrupt):
            knowledge.add(Document("A new book.", metadata=book))

        now = "An old book." if at in ("begun", "written", "indexed") else "A new book."
        assert [now] == [passage.text for passage in knowledge.search("book", 10)]

        knowledge.add(Document("A new book.", metadata=book))
        assert ["A new book."] == [passage.text for passage in knowledge.search("book", 10)]
        assert (1, 1) == (len(knowledge.vector_store.get()["ids"]), knowledge._parts.lexicon.count())


@pytest.mark.parametrize("at", ["forgotten", "deleted", "unindexed"])
def test_a_removal_that_is_interrupted_is_a_removal(tmp_path: Path, at: str) -> None:
    def step(name: str) -> None:
        if name == at:
            raise KeyboardInterrupt

    known = {"embedding_model": "assistant.testing.words:WordEmbeddings"}
    with Knowledge(Settings(data_dir=tmp_path, knowledge=known), step=step) as knowledge:
        knowledge.add(Document("A book.", metadata={"source": "book"}))
        with pytest.raises(KeyboardInterrupt):
            knowledge.remove("book")
        assert ([], []) == (knowledge.documents(), knowledge.search("book"))

    with Knowledge(Settings(data_dir=tmp_path, knowledge=known)) as knowledge:
        assert [] == knowledge.vector_store.get()["ids"]
        assert 0 == knowledge._parts.lexicon.count()


def test_a_full_disk_is_named_and_all_is_well_when_there_is_room_again(small_disk: Path) -> None:
    settings = Settings(
        data_dir=small_disk / "data", knowledge={"embedding_model": "assistant.testing.words:WordEmbeddings"}
    )
    large = [Document(f"A large book {n}. " * 5000, metadata={"source": f"{n}"}) for n in range(20)]
    with Knowledge(settings) as knowledge:
        knowledge.add(Document("A small book.", metadata={"source": "small"}))
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="full"):
                knowledge.add(large)
            assert "A small book." == knowledge.search("a small book", 1, filter={"source": "small"})[0].text

    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    with Knowledge(settings) as knowledge:
        report = knowledge.add(large)
        assert (20, 21) == (report.added + report.unchanged, len(knowledge.documents()))
        written = sum(document.passages for document in knowledge.documents())
        assert written == len(knowledge.vector_store.get()["ids"])
