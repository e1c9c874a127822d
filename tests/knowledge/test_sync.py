"""What an ingest takes, skips, replaces, removes and refuses."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document

from assistant.knowledge import Knowledge, Progress
from assistant.settings import Settings

WORDS = "assistant.testing.words:WordEmbeddings"

opened: deque[str] = deque(maxlen=10_000)
sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)


@pytest.fixture
def knowledge(tmp_path: Path) -> Iterator[Knowledge]:
    settings = Settings(data_dir=tmp_path / "data", knowledge={"embedding_model": WORDS, "max_file_mib": 0.5})
    with Knowledge(settings) as opened:
        yield opened


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    write(folder / "apples.md", "# Apples\n\nApples ripen in September.")
    write(folder / "deep" / "pears.md", "# Pears\n\nPears are picked before they ripen.")
    return folder


def write(path: Path, text: str) -> Path:
    """As a file that is older than the moment in which its time stamp says too little."""
    path.write_text(text)
    old = time.time() - 60
    os.utime(path, (old, old))
    return path


def sources(knowledge: Knowledge) -> list[str]:
    return [Path(document.source).name for document in knowledge.documents()]


def best(knowledge: Knowledge, query: str) -> str:
    return knowledge.search(query, 1)[0].text


def test_a_folder_is_added_with_all_that_is_in_it(knowledge: Knowledge, docs: Path) -> None:
    report = knowledge.add(docs)

    assert (2, 0, 2) == (report.added, report.unchanged, report.passages)
    assert ["apples.md", "pears.md"] == sources(knowledge)


def test_adding_again_changes_nothing(knowledge: Knowledge, docs: Path) -> None:
    knowledge.add(docs)
    before = knowledge.documents()

    report = knowledge.add([docs, docs / "apples.md", str(docs)])

    assert (0, 0, 2, 0) == (report.added, report.updated, report.unchanged, report.passages)
    assert before == knowledge.documents()


def test_an_unchanged_file_is_not_even_opened(knowledge: Knowledge, docs: Path) -> None:
    opened.clear()
    knowledge.add(docs)
    assert {str(docs / "apples.md"), str(docs / "deep" / "pears.md")} <= set(opened)

    opened.clear()
    knowledge.add(docs)
    assert [] == [path for path in opened if path.startswith(str(docs))]


def test_a_touched_file_with_the_same_bytes_is_unchanged(knowledge: Knowledge, docs: Path) -> None:
    knowledge.add(docs)
    os.utime(docs / "apples.md")

    assert 2 == knowledge.add(docs).unchanged


def test_a_file_changed_within_the_same_time_stamp_and_size_is_noticed(knowledge: Knowledge, docs: Path) -> None:
    path = docs / "apples.md"
    path.write_text("# Apples\n\nApples ripen in September.")
    stamp = path.stat().st_mtime_ns
    knowledge.add(docs)

    path.write_text("# Apples\n\nApples ripen in NOVEMBER!.")
    os.utime(path, ns=(stamp, stamp))

    assert 1 == knowledge.add(docs).updated


def test_a_changed_file_is_replaced(knowledge: Knowledge, docs: Path) -> None:
    knowledge.add(docs)
    write(docs / "apples.md", "# Apples\n\nApples ripen in October and are tart.")

    report = knowledge.add(docs)

    assert (1, 1) == (report.updated, report.unchanged)
    assert ["apples.md", "pears.md"] == sources(knowledge)
    assert "October" in best(knowledge, "When do apples ripen?")
    assert not [p for p in knowledge.search("apples ripen September", 50) if "September" in p.text]


def test_a_file_that_goes_back_to_an_earlier_content_is_found_again(knowledge: Knowledge, docs: Path) -> None:
    for month in ("September", "October", "September"):
        write(docs / "apples.md", f"# Apples\n\nApples ripen in {month}, on {len(month)} farms.")
        os.utime(docs / "apples.md", (len(month), len(month)))
        knowledge.add(docs)

        assert month in best(knowledge, "Apples ripen")


def test_sync_removes_what_is_gone_under_the_given_paths_only(knowledge: Knowledge, docs: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.md", "# Other\n\nText elsewhere.")
    knowledge.add([docs, other, Document("Kept as well.", metadata={"source": "note"})])
    (docs / "deep" / "pears.md").unlink()
    other.unlink()

    report = knowledge.add(docs, sync=True)

    assert (1, 1, 0) == (report.removed, report.unchanged, len(report.refused))
    assert ["apples.md", "note", "other.md"] == sorted(sources(knowledge))


def test_without_sync_nothing_is_removed(knowledge: Knowledge, docs: Path) -> None:
    knowledge.add(docs)
    (docs / "apples.md").unlink()

    assert 0 == knowledge.add(docs).removed
    assert ["apples.md", "pears.md"] == sources(knowledge)


def test_sync_of_a_single_file_that_is_gone_removes_it(knowledge: Knowledge, docs: Path) -> None:
    knowledge.add(docs)
    (docs / "apples.md").unlink()

    report = knowledge.add(docs / "apples.md", sync=True)

    assert (1, ()) == (report.removed, report.refused)
    assert ["pears.md"] == sources(knowledge)


def test_sync_of_a_folder_that_is_missing_itself_removes_nothing(knowledge: Knowledge, docs: Path) -> None:
    knowledge.add(docs)
    docs.rename(docs.with_name("not mounted"))

    report = knowledge.add(docs, sync=True)

    assert (0, ["does not exist"]) == (report.removed, [refusal.reason for refusal in report.refused])
    assert ["apples.md", "pears.md"] == sources(knowledge)


def test_sync_does_not_mistake_a_folder_whose_name_begins_alike(knowledge: Knowledge, docs: Path) -> None:
    twin = docs.with_name("docs2")
    twin.mkdir()
    knowledge.add([docs, write(twin / "plums.md", "# Plums\n\nPlums are blue.")])
    (twin / "plums.md").unlink()

    assert 0 == knowledge.add(docs, sync=True).removed


def test_a_refused_document_leaves_its_earlier_version(knowledge: Knowledge, docs: Path) -> None:
    knowledge.add(docs)
    (docs / "apples.md").write_bytes(b"x" * 600_000)

    report = knowledge.add(docs, sync=True)

    assert ["apples.md"] == [Path(refusal.source).name for refusal in report.refused]
    assert "max_file_mib" in report.refused[0].reason
    assert "September" in best(knowledge, "When do apples ripen?")


def test_a_refused_document_does_not_stop_the_others(knowledge: Knowledge, docs: Path) -> None:
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    (docs / "empty.md").write_text("")
    os.mkfifo(docs / "pipe.md")

    report = knowledge.add([docs, docs / "nowhere.md"])

    assert 2 == report.added
    assert {"broken.pdf", "empty.md", "pipe.md", "nowhere.md"} == {Path(r.source).name for r in report.refused}
    assert all(refusal.reason for refusal in report.refused)
    assert "broken.pdf" in str(report)


def test_two_files_of_the_same_content_are_two_documents_and_one_result(knowledge: Knowledge, docs: Path) -> None:
    write(docs / "copy.md", "# Apples\n\nApples ripen in September.")
    knowledge.add(docs)

    assert ["apples.md", "copy.md", "pears.md"] == sources(knowledge)
    assert 1 == len([p for p in knowledge.search("apples ripen", 5) if "Apples" in p.text])

    knowledge.remove(str(docs / "apples.md"))

    assert "copy.md" == Path(knowledge.search("apples ripen", 1)[0].source).name


def test_langchain_documents_of_one_source_are_one_document_with_their_pages(knowledge: Knowledge) -> None:
    pages = [
        Document("First page about quinces.", metadata={"source": "book.pdf", "page": 0, "title": "Fruit"}),
        Document("Unrelated.", metadata={"source": "other.pdf"}),
        Document("Second page about medlars.", metadata={"source": "book.pdf", "page": 1, "author": "Ann"}),
    ]

    assert 2 == knowledge.add(pages).added

    found = knowledge.search("medlars", 1)[0]
    assert ("book.pdf", "Fruit", 1, {"media_type": "text/plain", "author": "Ann"}) == (
        found.source,
        found.title,
        found.page,
        dict(found.metadata),
    )
    joined = "First page about quinces.\n\nSecond page about medlars."
    assert found.text == joined[found.start : found.end]
    assert 2 == knowledge.add(pages).unchanged


def test_a_langchain_document_without_source_is_known_by_its_content(knowledge: Knowledge) -> None:
    assert 1 == knowledge.add(Document("Nameless but not forgotten.")).added
    assert 1 == knowledge.add([Document("Nameless but not forgotten.")]).unchanged
    assert 1 == len(knowledge.documents())


def test_metadata_of_the_caller_can_be_searched_by_and_replaced(knowledge: Knowledge, docs: Path) -> None:
    knowledge.add(docs, metadata={"shelf": "A", "year": 2026, "tags": ["fruit", "tree"], "who": {"name": "Ann"}})

    found = knowledge.search("apples", 1, filter={"shelf": "A", "year": {"$gt": 2025}})[0]
    assert ("A", 2026, ["fruit", "tree"], '{"name": "Ann"}') == tuple(
        found.metadata[key] for key in ("shelf", "year", "tags", "who")
    )

    assert 2 == knowledge.add(docs, metadata={"shelf": "B"}).updated
    assert [] == knowledge.search("apples", filter={"shelf": "A"})
    assert "year" not in knowledge.search("apples", 1)[0].metadata


@pytest.mark.parametrize("key", ["source", "start", "chroma:document", ""])
def test_metadata_that_would_speak_for_the_sdk_is_refused(knowledge: Knowledge, docs: Path, key: str) -> None:
    with pytest.raises(ValueError, match="metadata key"):
        knowledge.add(docs, metadata={key: "x"})


def test_what_is_no_source_is_refused_by_name(knowledge: Knowledge) -> None:
    with pytest.raises(ValueError, match="42 is no path"):
        knowledge.add([42])  # type: ignore[list-item]


def test_progress_tells_of_every_source(knowledge: Knowledge, docs: Path) -> None:
    told: list[Progress] = []

    knowledge.add([docs, docs / "nowhere.md"], progress=told.append)

    assert 2 == [progress.state for progress in told].count("loading")
    finished = [progress for progress in told if progress.state != "loading"]
    assert [(1, 3, "added"), (2, 3, "added"), (3, 3, "refused")] == [(p.done, p.total, p.state) for p in finished]


def test_a_progress_callback_that_fails_leaves_whole_documents(knowledge: Knowledge, docs: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.state == "loading" and progress.source.endswith("pears.md"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        knowledge.add(docs, progress=interrupt)

    assert 2 == (report := knowledge.add(docs)).added + report.unchanged


def test_the_report_is_json(knowledge: Knowledge, docs: Path) -> None:
    shown = knowledge.add([docs / "apples.md", docs / "nowhere.md"]).to_dict()

    assert {"added", "updated", "unchanged", "removed", "passages", "seconds", "refused"} == shown.keys()
    assert [{"source": str(docs / "nowhere.md"), "reason": "does not exist"}] == list(shown["refused"])
