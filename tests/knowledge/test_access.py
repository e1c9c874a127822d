"""Access lists: nobody finds, by whatever question, filter or moment, what was not added for one of their labels."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from assistant.knowledge import Knowledge, Passage
from assistant.knowledge.embedder import measured
from assistant.knowledge.question import Remark
from assistant.settings import Settings
from assistant.testing.words import WordEmbeddings

WORDS = "assistant.testing.words:WordEmbeddings"
HOSTILE = [
    *(
        "tenant:a",
        "tenant:a2",
        "tenant:A",
        "tenant:\u0430",
        " tenant:a",
        "tenant:a ",
        "tenant:\u00e1",
        "tenant:a\u0301",
    ),
    *("tenant", "a", "public", "*", "%", "_", "?", ".*", "null", "[]", "{}", '"', "'", "\\", "--", ","),
    *('["tenant:a", "tenant:a2"]', "tenant:a,tenant:a2", '{"$ne": ""}', "$ne", "$or", "access_list", "access_labels"),
    *(
        "' OR 1=1 --",
        '") OR ("" = "',
        "\u200btenant:a",
        "\u202etenant:a",
        "ﬁ",
        "fi",
        "\U0001f512",
        "x" * 200,
        "x" * 199,
    ),
]
"""Labels of one tenant each: alike, parts of each other, and written in the languages of what stores them."""


def settings(data_dir: Path, **known: object) -> Settings:
    return Settings(data_dir=data_dir, knowledge={"embedding_model": WORDS, **known})


def secret(number: int, version: int = 1) -> str:
    return f"The quarterly report says that firm {number} earned {number * 1000 + version} and owes nothing."


def note(text: str, source: str, **metadata: object) -> Document:
    return Document(text, metadata={"source": source, **metadata})


def sources(passages: list[Passage]) -> set[str]:
    return {passage.source for passage in passages}


@pytest.fixture
def knowledge(tmp_path: Path) -> Iterator[Knowledge]:
    with Knowledge(settings(tmp_path / "data")) as opened:
        yield opened


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knowledge]:
    """One document of each hostile label, of nearly the same text, and a public one."""
    with Knowledge(settings(tmp_path_factory.mktemp("tenants"))) as opened:
        opened.add(note("The quarterly report says that all firms owe nothing.", "everyone"))
        for number, label in enumerate(HOSTILE):
            opened.add(note(secret(number), f"{number}", tenant=number), access=[label])
        yield opened


@pytest.mark.parametrize("label", HOSTILE)
def test_a_label_opens_its_own_document_and_no_other_whatever_is_asked(tenants: Knowledge, label: str) -> None:
    own = HOSTILE.index(label)

    assert {"everyone", f"{own}"} == sources(tenants.search("quarterly report", 1000, access=[label]))
    for number in range(0, len(HOSTILE), 5):
        found = tenants.search(secret(number), 1000, access=[label], explain=True)
        assert sources(found) <= {"everyone", f"{own}"}
        assert number == own or secret(number) not in repr(found)


@pytest.mark.parametrize("access", [(), [], ["nobody"], ["tenant:a3"], ["tenant:"], ["x" * 198]])
def test_who_has_no_label_that_was_given_sees_what_everyone_sees(tenants: Knowledge, access: list[str]) -> None:
    for query in ("quarterly report", secret(0), *HOSTILE):
        assert sources(tenants.search(query, 1000, access=access)) <= {"everyone"}


@pytest.mark.parametrize(
    "filter",
    [
        {"tenant": 1},
        {"tenant": {"$gte": 0}},
        {"tenant": {"$nin": [0]}},
        {"$or": [{"tenant": 1}, {"tenant": {"$ne": 1}}]},
        {"$or": [{"source": "everyone"}, {"source": "1"}]},
        {"$or": [{"access": "tenant:a2"}, {"source": {"$ne": ""}}]},
        {"$and": [{"$or": [{"tenant": 1}, {"tenant": 2}]}, {"source": {"$in": ["1", "2"]}}]},
        {"access": {"$ne": "tenant:a"}},
        {"partition": {"$ne": ""}},
    ],
)
def test_a_filter_narrows_and_never_widens(tenants: Knowledge, filter: dict[str, Any]) -> None:
    for access in ([], ["tenant:a"]):
        everything = sources(tenants.search("quarterly report", 1000, access=access))
        assert sources(tenants.search(secret(1), 1000, access=access, filter=filter)) <= everything


@pytest.mark.parametrize("key", ["access_list", "access_labels"])
def test_the_keys_of_the_access_lists_are_neither_filtered_by_nor_written_nor_shown(
    tenants: Knowledge, key: str
) -> None:
    for filter in ({key: "x"}, {"$or": [{"source": "1"}, {"$and": [{key: {"$ne": "x"}}]}]}):
        with pytest.raises(ValueError, match=key):
            tenants.search("report", filter=filter, access=["tenant:a"])
    with pytest.raises(ValueError, match=key):
        tenants.add(note("A note.", "note"), metadata={key: "x"})
    for passage in tenants.search("report", 10, access=["tenant:a"]):
        assert key not in {**passage.metadata, **passage.to_dict(), **passage.to_document().metadata}


def test_a_filter_works_among_what_one_may_see(tenants: Knowledge) -> None:
    held = HOSTILE[:3]

    assert {"0", "2"} == sources(tenants.search("report", 10, access=held, filter={"tenant": {"$in": [0, 2, 7]}}))
    assert {"1"} == sources(tenants.search("report", 10, access=held, filter={"source": "1"}))


def test_history_does_not_reach_across(tenants: Knowledge) -> None:
    earlier = [Remark("user", secret(1)), Remark("assistant", secret(2)), Remark("user", "What about firm 1?")]

    for access in ([], ["tenant:a"]):
        found = tenants.search("And what does it owe?", 1000, access=access, earlier=earlier)
        assert sources(found) <= {"everyone", "0"}


def test_the_vector_store_holds_the_public_documents_only(tenants: Knowledge) -> None:
    assert {"everyone"} == {metadata["source"] for metadata in tenants.vector_store.get()["metadatas"]}


def test_scores_tell_nothing_of_documents_that_one_may_not_see(knowledge: Knowledge) -> None:
    knowledge.add([note(secret(number), f"{number}") for number in range(5)])
    knowledge.add(note(secret(6), "6"), access=["tenant:a"])
    before = [knowledge.search(secret(3), 10, explain=True, access=access) for access in ([], ["tenant:a"])]

    knowledge.add([note(secret(number), f"{number}") for number in range(10, 40)], access=["tenant:b"])

    assert before == [knowledge.search(secret(3), 10, explain=True, access=access) for access in ([], ["tenant:a"])]


def test_any_one_of_several_labels_opens_a_document_in_whatever_order(knowledge: Knowledge) -> None:
    knowledge.add(note(secret(1), "1"), access=["tenant:b", "user:7", "tenant:b"])

    assert (("tenant:b", "user:7"),) == tuple(document.access for document in knowledge.documents())
    for access in (["tenant:b"], ["user:7"], ["user:7", "tenant:b"], ["user:9", "user:7"]):
        assert {"1"} == sources(knowledge.search("report", access=access))
    assert [] == knowledge.search("report", access=["user:8"])
    assert 1 == knowledge.add(note(secret(1), "1"), access=["user:7", "tenant:b"]).unchanged


@pytest.mark.parametrize("access", ["tenant:a", [7], [""], ["a\0"], ["x" * 201], {"a": 1}.items()])
def test_what_is_no_list_of_labels_is_refused_when_adding_and_when_searching(knowledge: Knowledge, access: Any) -> None:
    with pytest.raises(ValueError, match="access"):
        knowledge.add(note(secret(1), "1"), access=access)
    with pytest.raises(ValueError, match="access"):
        knowledge.search("report", access=access)
    assert [] == knowledge.documents()


def test_an_empty_list_publishes_nothing(knowledge: Knowledge) -> None:
    knowledge.add(note(secret(1), "1"), access=["tenant:a"])

    with pytest.raises(ValueError, match="empty"):
        knowledge.add(note(secret(1), "1"), access=[])
    assert [] == knowledge.search("report")


def test_a_document_that_is_added_again_without_a_list_keeps_its_audience(knowledge: Knowledge, tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text(secret(1))
    knowledge.add([path, note(secret(2), "2")], access=["tenant:a"])

    for text, metadata in ((secret(1), {}), (secret(1, 2), {}), (secret(1, 2), {"shelf": "B"}), (secret(1, 3), {})):
        path.write_text(text)
        knowledge.add([path, note(text, "2")], metadata=metadata)

        assert {("tenant:a",)} == {document.access for document in knowledge.documents()}
        assert [] == knowledge.search("report")
        assert {"2", str(path)} == sources(knowledge.search("report", access=["tenant:a"])) | {"2"}


class Counting(Embeddings):
    """Counts the texts of passages that are embedded."""

    def __init__(self) -> None:
        self.words = WordEmbeddings()
        self.texts = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += len(texts)
        return self.words.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self.words.embed_query(text)


def test_a_document_moves_to_another_audience_without_being_embedded_again(tmp_path: Path) -> None:
    embeddings = Counting()
    path = tmp_path / "report.md"
    path.write_text("\n\n".join(f"# Part {number}\n\n{secret(number)}" for number in range(20)))
    with Knowledge(Settings(data_dir=tmp_path / "data"), embedder=measured(embeddings, "counting")) as knowledge:
        knowledge.add(path, metadata={"shelf": "A"})
        [(_, before)] = [(d, d.passages) for d in knowledge.documents()]
        first = knowledge._parts.index.public
        vectors = {row.text: vector.tolist() for row, vector in first.whole(list(first.ids())).values()}
        embedded = embeddings.texts

        for access in (["tenant:a"], ["tenant:a", "tenant:b"], ["tenant:c"]):
            report = knowledge.add(path, metadata={"shelf": "A"}, access=access)
            assert (1, 0, before) == (report.updated, report.unchanged, report.passages)

        assert embedded == embeddings.texts
        store = knowledge._parts.index.private
        assert (0, before) == (first.count(), knowledge._parts.lexicon.count())
        assert vectors == {row.text: vector.tolist() for row, vector in store.whole(list(store.ids())).values()}
        assert (set(), set()) == (
            sources(knowledge.search("report")),
            sources(knowledge.search("report", access=["a"])),
        )
        found = knowledge.search("report", 100, access=["tenant:c"])
        assert before == len(found)
        assert {"A"} == {passage.metadata["shelf"] for passage in found}
        assert 1 == knowledge.add(path, metadata={"shelf": "A"}, access=["tenant:c"]).unchanged


def test_at_no_step_of_a_move_does_anybody_else_see_the_document(tmp_path: Path) -> None:
    seen: list[tuple[str, dict[str, bool]]] = []
    opened: list[Knowledge] = []

    def step(name: str) -> None:
        def sees(access: list[str]) -> bool:
            return "report" in sources(opened[0].search("quarterly report", access=access))

        if opened:
            audiences = {"": [], "a": ["tenant:a"], "b": ["tenant:b"], "ab": ["tenant:a", "tenant:b"]}
            seen.append((name, {who: sees(access) for who, access in audiences.items()}))

    with Knowledge(settings(tmp_path), step=step) as knowledge:
        knowledge.add(note(secret(1), "report"), access=["tenant:a"])
        opened.append(knowledge)
        knowledge.add(note(secret(1), "report"), access=["tenant:b"])
        opened.clear()

    old = {"": False, "a": True, "b": False, "ab": True}
    new = {"": False, "a": False, "b": True, "ab": True}
    assert [
        *(("begun", old), ("written", old), ("indexed", old)),
        *(("switched", new), ("deleted", new), ("unindexed", new)),
    ] == seen


def test_a_document_that_was_removed_and_added_again_is_public(knowledge: Knowledge) -> None:
    knowledge.add(note(secret(1), "1"), access=["tenant:a"])

    assert knowledge.remove("1")
    assert [] == knowledge.search("report", access=["tenant:a"])
    knowledge.add(note(secret(1), "1"))
    assert {"1"} == sources(knowledge.search("report"))
    assert [()] == [document.access for document in knowledge.documents()]


def test_a_retriever_sees_what_its_labels_open_and_those_of_a_call_replace_them(tenants: Knowledge) -> None:
    plain, held = tenants.as_retriever(k=50), tenants.as_retriever(k=50, access=["tenant:a"])

    def found(retriever: Any, **options: Any) -> set[str]:
        return {document.metadata["source"] for document in retriever.invoke("quarterly report", **options)}

    assert {"everyone"} == found(plain)
    assert {"everyone", "0"} == found(held) == found(plain, access=["tenant:a"])
    assert {"everyone", "1"} == found(held, access=["tenant:a2"])
    assert {"everyone"} == found(held, access=[])
    with pytest.raises(ValueError, match="access"):
        plain.invoke("report", access="tenant:a")
    with pytest.raises(ValueError, match="access"):
        tenants.as_retriever(access="tenant:a")


async def test_the_asynchronous_twins_keep_the_audience(knowledge: Knowledge) -> None:
    await knowledge.aadd(note(secret(1), "1"), access=["tenant:a"])

    assert [] == await knowledge.asearch("report")
    assert {"1"} == sources(await knowledge.asearch("report", access=["tenant:a"]))
    assert [] == await knowledge.as_retriever().ainvoke("report")
    assert 1 == len(await knowledge.as_retriever().ainvoke("report", access=["tenant:a"]))


def test_searches_see_their_own_only_while_documents_move_between_tenants(knowledge: Knowledge) -> None:
    names = ["alder", "birch", "cedar"]
    ended = threading.Event()

    def write(source: str) -> None:
        for number in range(24):
            name = names[number % 3]
            text = f"The {name} report {number} of {source} says nothing." if number % 4 else f"The {name} report."
            knowledge.add(note(text, source), access=[f"tenant:{name}"])

    def read(name: str) -> list[str]:
        wrong: list[str] = []
        while not ended.is_set():
            texts = [passage.text for passage in knowledge.search("report", 50, access=[f"tenant:{name}"])]
            wrong += [text for text in texts if f"The {name} " not in text]
            wrong += [passage.text for passage in knowledge.search("report", 50)]
        return wrong

    with ThreadPoolExecutor(5) as pool:
        reading = [pool.submit(read, name) for name in names]
        writing = [pool.submit(write, source) for source in ("one", "two")]
        try:
            for done in writing:
                done.result()
        finally:
            ended.set()
        assert [[], [], []] == [done.result() for done in reading]


def test_one_thread_restricts_a_document_while_others_add_it_again_without_a_list(knowledge: Knowledge) -> None:
    def add(number: int) -> None:
        knowledge.add(note(secret(1, number), "report"), access=["tenant:a"] if number % 2 else None)

    add(1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(24)))

    assert [("tenant:a",)] == [document.access for document in knowledge.documents()]
    assert [] == knowledge.search("report")


LABELS = ["a", "ab", "b", "A", '["a"]']
SOURCES = ["apples", "pears", "plums", "quinces"]


class Audiences(RuleBasedStateMachine):
    """Adding, changing, moving and removing in any order: each label opens what a dictionary would open."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.settings = settings(Path(self.folder.name))
        self.knowledge = Knowledge(self.settings)
        self.expected: dict[str, tuple[str, frozenset[str]]] = {}

    @rule(
        source=st.sampled_from(SOURCES),
        version=st.integers(0, 2),
        access=st.none() | st.sets(st.sampled_from(LABELS), min_size=1, max_size=3),
    )
    def add(self, source: str, version: int, access: set[str] | None) -> None:
        text = f"A report on {source}, version {version}."
        self.knowledge.add(note(text, source), access=access)
        known = self.expected[source][1] if source in self.expected else frozenset()
        self.expected[source] = text, known if access is None else frozenset(access)

    @rule(source=st.sampled_from(SOURCES))
    def remove(self, source: str) -> None:
        assert (self.expected.pop(source, None) is not None) == self.knowledge.remove(source)

    @rule()
    def reopen(self) -> None:
        self.knowledge.close()
        self.knowledge = Knowledge(self.settings)

    @invariant()
    def each_label_opens_its_own(self) -> None:
        for held in ([], *([label] for label in LABELS), ["a", "b"]):
            found = self.knowledge.search("report " + " ".join(SOURCES), 100, access=held)
            meant = {text for text, access in self.expected.values() if not access or access & set(held)}
            assert sorted(meant) == sorted(passage.text for passage in found)

    def teardown(self) -> None:
        self.knowledge.close()
        self.folder.cleanup()


TestAudiences = Audiences.TestCase
TestAudiences.settings = hypothesis_settings(max_examples=12, stateful_step_count=12, deadline=None)
