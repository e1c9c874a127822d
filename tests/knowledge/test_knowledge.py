"""The knowledge as its users see it: search, documents, one owner, threads, and the default embedding model."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from langchain_core.documents import Document

from assistant.errors import ConfigurationError
from assistant.knowledge import Knowledge
from assistant.knowledge.index import Index
from assistant.settings import Settings

WORDS = "assistant.testing.words:WordEmbeddings"
PRELUDE = f"""
import os, sys
from pathlib import Path
from assistant.errors import ConfigurationError
from assistant.knowledge import Knowledge
from assistant.settings import Settings
from langchain_core.documents import Document

def opened():
    return Knowledge(Settings(data_dir=Path(sys.argv[1]), knowledge=dict(embedding_model={WORDS!r})))
"""


def words(data_dir: Path, **known: object) -> Settings:
    return Settings(data_dir=data_dir, knowledge={"embedding_model": WORDS, **known})


def run(script: str, data_dir: Path) -> str:
    """What a process of its own prints."""
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", PRELUDE + script, str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.strip()


def note(text: str, source: str, **metadata: object) -> Document:
    return Document(text, metadata={"source": source, **metadata})


@pytest.fixture
def knowledge(tmp_path: Path) -> Iterator[Knowledge]:
    with Knowledge(words(tmp_path / "data")) as opened:
        yield opened


@pytest.fixture
def fruit(knowledge: Knowledge) -> Knowledge:
    names = ["apples", "pears", "plums", "quinces"]
    knowledge.add([note(f"Notes on {name}.", name, rank=rank) for rank, name in enumerate(names)])
    return knowledge


def test_passages_come_best_first_and_lie_where_they_say(tmp_path: Path, knowledge: Knowledge) -> None:
    text = "# Orchard\n\n## Apples\n\nApples ripen in autumn.\n\n## Cherries\n\nCherries ripen in June."
    (tmp_path / "orchard.md").write_text(text)
    knowledge.add(tmp_path / "orchard.md")

    first, second = knowledge.search("cherries in June", 2)

    assert [first.score, second.score] == sorted([first.score, second.score], reverse=True)  # type: ignore[type-var]
    assert text[first.start : first.end] == first.text
    assert ("Orchard", str(tmp_path / "orchard.md"), None) == (first.title, first.source, first.page)
    assert "Cherries" in first.metadata["headings"][-1]


def test_asking_for_more_than_there_is_gives_what_there_is(fruit: Knowledge) -> None:
    assert 4 == len(fruit.search("notes", 1000))


def test_an_empty_knowledge_finds_nothing(knowledge: Knowledge) -> None:
    assert [] == knowledge.search("anything")


def test_the_same_search_gives_the_same_passages_in_the_same_order(fruit: Knowledge) -> None:
    first = fruit.search("notes", 4)

    assert [first] * 5 == [fruit.search("notes", 4) for _ in range(5)]
    assert first[:2] == fruit.search("notes", 2)


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"rank": 1}, {"pears"}),
        ({"source": "plums", "rank": 2}, {"plums"}),
        ({"rank": {"$gte": 2}}, {"plums", "quinces"}),
        ({"rank": {"$in": [0, 3]}}, {"apples", "quinces"}),
        ({"$or": [{"rank": 0, "source": "apples"}, {"source": "pears"}]}, {"apples", "pears"}),
        ({"$and": [{"rank": 3}]}, {"quinces"}),
        ({"rank": 9}, set()),
        ({}, {"apples", "pears", "plums", "quinces"}),
    ],
)
def test_a_filter_narrows_the_search(fruit: Knowledge, filter: dict[str, object], found: set[str]) -> None:
    assert found == {passage.source for passage in fruit.search("notes", 10, filter=filter)}


def nested(depth: int) -> dict[str, object]:
    filter: dict[str, object] = {"rank": 1}
    for _ in range(depth):
        filter = {"$and": [filter]}
    return filter


@pytest.mark.parametrize(
    "filter",
    [
        *({"rank": {"$bad": 1}}, {"$bad": 1}, {"rank": None}, {"$or": {"a": 1}}, {"$and": []}, {"#document": "x"}),
        *({"rank": {"$in": [None]}}, {"rank": {"$gt": True}}, {"rank": float("nan")}, {"rank": "\ud800"}),
        *({"rank": {"$in": list(range(50_000))}}, {f"a{i}": 1 for i in range(1000)}, nested(200), nested(50_000)),
    ],
)
def test_a_wrong_filter_is_refused(fruit: Knowledge, filter: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"filter|where"):
        fruit.search("notes", filter=filter)


@pytest.mark.parametrize(("query", "k"), [("", 1), (" \n", 1), ("notes", 0), ("notes", 1001)])
def test_a_query_without_sense_is_refused(fruit: Knowledge, query: str, k: int) -> None:
    with pytest.raises(ValueError, match=r"query|k is"):
        fruit.search(query, k)


def test_documents_are_listed_and_removed_by_id_and_by_source(fruit: Knowledge) -> None:
    first, second, *_ = fruit.documents()
    assert ("apples", 1, "text/plain", len("Notes on apples.")) == (
        first.source,
        first.passages,
        first.media_type,
        first.size,
    )
    assert first.added_at.tzinfo is not None

    assert [True, True, False] == [fruit.remove(first.id), fruit.remove(second.source), fruit.remove(first.id)]
    assert ["plums", "quinces"] == [document.source for document in fruit.documents()]
    assert {"plums", "quinces"} == {passage.source for passage in fruit.search("notes", 10)}


def test_a_passage_keeps_its_id_over_closing_and_adding_again(tmp_path: Path) -> None:
    ids = []
    for _ in range(2):
        with Knowledge(words(tmp_path)) as knowledge:
            knowledge.add(note("Notes on apples.", "apples"))
            ids.append([passage.id for passage in knowledge.search("apples")])

    assert ids[0] == ids[1]


def test_open_takes_the_folder_and_further_settings(tmp_path: Path) -> None:
    with Knowledge.open(tmp_path, knowledge={"embedding_model": WORDS, "passages": 2}) as knowledge:
        knowledge.add([note(f"text {number}", str(number)) for number in range(5)])

        assert 2 == len(knowledge.search("text"))
    assert (tmp_path / "chroma").is_dir()


def test_another_embedding_model_is_refused(tmp_path: Path) -> None:
    Knowledge(words(tmp_path)).close()

    with pytest.raises(ConfigurationError, match=r"WordEmbeddings.*all-minilm-l6-v2.*knowledge\.collection"):
        Knowledge(words(tmp_path, embedding_model="all-minilm-l6-v2"))


def test_a_second_process_is_refused_with_the_folder_the_holder_and_the_remedy(
    tmp_path: Path, knowledge: Knowledge
) -> None:
    said = run("try:\n    opened()\nexcept ConfigurationError as error:\n    print(error)", tmp_path / "data")

    for part in (str(tmp_path / "data" / "chroma"), str(os.getpid()), "knowledge.url", "HTTP"):
        assert part in said


def test_the_folder_is_free_again_after_closing_or_a_kill(tmp_path: Path) -> None:
    run("opened().close()", tmp_path)
    command = [sys.executable, "-c", PRELUDE + "opened(); os.kill(os.getpid(), 9)", str(tmp_path)]
    subprocess.run(command, timeout=120, check=False)

    Knowledge(words(tmp_path)).close()


def test_within_a_process_the_folder_is_shared(tmp_path: Path, fruit: Knowledge) -> None:
    with Knowledge(words(tmp_path / "data")) as second:
        second.add(note("Notes on medlars.", "medlars"))

    assert "medlars" == fruit.search("medlars", 1)[0].source


def test_a_fork_is_refused_instead_of_breaking_the_folder(tmp_path: Path) -> None:
    script = """
knowledge = opened()
knowledge.add(Document("Notes on apples.", metadata={"source": "apples"}))
sys.stdout.flush()
if os.fork() == 0:
    for attempt in (lambda: knowledge.search("apples"), opened):
        try:
            attempt()
        except ConfigurationError as error:
            print(error)
    knowledge.close()
    sys.stdout.flush()
    os._exit(0)
os.wait()
print(knowledge.search("apples")[0].source)
knowledge.close()
"""
    used, opened, parent = run(script, tmp_path).splitlines()

    assert "fork" in used
    assert "in use by process" in opened
    assert "apples" == parent


def test_a_closed_knowledge_says_so(knowledge: Knowledge) -> None:
    knowledge.close()
    knowledge.close()

    with pytest.raises(ConfigurationError, match="closed"):
        knowledge.search("anything")


def test_a_lost_manifest_is_reported_before_anything_is_deleted(tmp_path: Path) -> None:
    with Knowledge(words(tmp_path)) as knowledge:
        knowledge.add(note("Notes on apples.", "apples"))
    for path in tmp_path.glob("manifest-knowledge.db*"):
        path.unlink()

    with pytest.raises(ConfigurationError, match=r"1 passages.*manifest.*missing"):
        Knowledge(words(tmp_path))


def test_a_manifest_of_another_collection_is_reported_before_anything_is_deleted(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with Knowledge(words(tmp_path / name)) as knowledge:
            knowledge.add(note("Notes on apples.", "apples"))
    for path in (tmp_path / "one").glob("manifest-knowledge.db"):
        shutil.copy(path, tmp_path / "two")

    with pytest.raises(ConfigurationError, match=r"1 passages.*manifest.*of another collection"):
        Knowledge(words(tmp_path / "two"))


def test_a_password_in_the_address_of_a_server_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Index("http://user:hunter2@localhost:8000", "knowledge", identity={})
    assert "hunter2" not in str(refused.value)


def test_text_that_cannot_be_stored_in_metadata_is_made_storable(knowledge: Knowledge) -> None:
    knowledge.add(note("Notes on apples.", "apples"), metadata={"a\ud800": "b\ud800", "list": ["\ud800"]})

    lost = "\ufffd" * 3
    stored = knowledge.search("apples")[0].metadata
    assert (f"b{lost}", [lost]) == (stored[f"a{lost}"], stored["list"])


def test_passages_of_no_document_and_documents_without_passages_are_gone_after_opening(tmp_path: Path) -> None:
    with Knowledge(words(tmp_path)) as knowledge:
        knowledge.add([note("Notes on apples.", "apples"), note("Notes on pears.", "pears")])
        store = knowledge.vector_store
        store.add_texts(["Foreign notes.", "More of them."], metadatas=[{"source": "x"}, {"source": "y"}])
        store.delete([knowledge.search("pears", 1)[0].id])

    with Knowledge(words(tmp_path)) as knowledge:
        assert ["apples"] == [document.source for document in knowledge.documents()]
        assert ["apples"] == [passage.source for passage in knowledge.search("notes", 10)]
        assert 1 == knowledge.add(note("Notes on pears.", "pears")).added


def test_langchain_reads_the_same_collection(fruit: Knowledge) -> None:
    assert "quinces" == fruit.vector_store.similarity_search("notes on quinces", k=1)[0].metadata["source"]


def test_searches_never_see_a_document_twice_or_not_at_all_while_it_changes(knowledge: Knowledge) -> None:
    def version(number: int) -> Document:
        return note("\n\n".join(f"# Part {part}\n\nversion{number} of part {part}." for part in range(20)), "book")

    knowledge.add(version(0))
    ended = threading.Event()

    def change() -> None:
        for number in range(1, 15):
            knowledge.add(version(number))
        ended.set()

    seen = []
    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        while not ended.is_set() and not changing.done():
            found = knowledge.search("part", 40)
            seen.append((len(found), len({passage.text.split()[3] for passage in found})))
        changing.result()

    assert {(20, 1)} == set(seen)


def test_threads_add_to_one_knowledge(knowledge: Knowledge) -> None:
    def add(number: int) -> int:
        return knowledge.add([note(f"text {number % 5} of many", f"source {number % 5}"), note("same", "same")]).added

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))

    assert 6 == len(knowledge.documents())
    assert 6 == len(knowledge.search("text", 100))


async def test_every_method_has_its_asynchronous_twin(tmp_path: Path) -> None:
    async with await Knowledge.aopen(tmp_path, knowledge={"embedding_model": WORDS}) as knowledge:
        reports = await asyncio.gather(*(knowledge.aadd(note(f"Notes on {n}.", str(n))) for n in range(20)))

        assert 20 == sum(report.added for report in reports)
        assert "7" == (await knowledge.asearch("notes on 7", 1))[0].source
        assert 20 == len(await knowledge.adocuments())
        assert await knowledge.aremove("7")

    with pytest.raises(ConfigurationError, match="closed"):
        await knowledge.aadd("anything")


def test_the_default_embedding_model_finds_in_english_and_chinese(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    texts = {
        "opening.md": "# Opening hours\n\nThe workshop is open on weekdays from nine to five.",
        "repair.md": "# Repairs\n\nA repaired bicycle can be collected after two days.",
        "退货.md": "# 退货\n\n商品可以在三十天内凭收据退货。",
    }
    for name, text in texts.items():
        (tmp_path / "docs" / name).write_text(text)
    with Knowledge(Settings(data_dir=tmp_path / "data")) as knowledge:
        assert 3 == knowledge.add(tmp_path / "docs").added

        for query, name in [
            ("When can I come to the workshop?", "opening.md"),
            ("多久可以退货？", "退货.md"),
        ]:
            assert name == Path(knowledge.search(query, 1)[0].source).name
        evidence = knowledge.as_retriever().invoke("When is the workshop open?")
        assert "nine to five" in evidence[0].page_content


NAMES = ["apples", "pears", "plums", "quinces", "medlars", "cherries"]


class Model(RuleBasedStateMachine):
    """Adding, changing and removing in any order leaves what a dictionary would hold, in both indexes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.settings = words(Path(self.folder.name))
        self.knowledge = Knowledge(self.settings)
        self.expected: dict[str, str] = {}

    @rule(sources=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), min_size=1))
    def add(self, sources: dict[str, int]) -> None:
        texts = {source: " ".join(f"{source} {n} v{number}" for n in range(40)) for source, number in sources.items()}
        report = self.knowledge.add([note(text, source) for source, text in texts.items()])
        new = texts.keys() - self.expected.keys()
        same = {source for source, text in texts.items() if self.expected.get(source) == text}
        assert (len(new), len(same), len(texts) - len(new) - len(same)) == (
            report.added,
            report.unchanged,
            report.updated,
        )
        self.expected |= texts

    @rule(source=st.sampled_from(NAMES))
    def remove(self, source: str) -> None:
        assert (self.expected.pop(source, None) is not None) == self.knowledge.remove(source)

    @rule()
    def reopen(self) -> None:
        self.knowledge.close()
        self.knowledge = Knowledge(self.settings)

    @invariant()
    def holds_what_is_expected(self) -> None:
        found = self.knowledge.search(" ".join(NAMES), 1000)
        documents = {document.source: document.passages for document in self.knowledge.documents()}
        assert self.expected.keys() == documents.keys()
        assert sum(documents.values()) == len(found) == self.knowledge._parts.lexicon.count()
        assert all(passage.text == self.expected[passage.source][passage.start : passage.end] for passage in found)

    def teardown(self) -> None:
        self.knowledge.close()
        self.folder.cleanup()


TestModel = Model.TestCase
TestModel.settings = hypothesis_settings(max_examples=15, stateful_step_count=12, deadline=None)
