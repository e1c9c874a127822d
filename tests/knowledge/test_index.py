"""The collection: what it refuses to open, and that a server gives the same as the embedded one."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from langchain_core.documents import Document

from assistant.errors import ConfigurationError, EngineUnavailable
from assistant.knowledge import Knowledge
from assistant.knowledge.index import Index
from assistant.settings import Settings

WORDS = "assistant.testing.words:WordEmbeddings"
IDENTITY = {"embedding": "words", "dimension": 4, "normalised": True, "splitter": "1", "chunk_tokens": 256}
TEXTS = [f"Text {number} tells of {word}." for number, word in enumerate(["apples", "pears", "quinces", "plums"])]


def settings(data_dir: Path, **known: object) -> Settings:
    return Settings(data_dir=data_dir, knowledge={"embedding_model": WORDS, **known})


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    opened = Index(tmp_path / "chroma", "test", identity=IDENTITY)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Chroma server."""
    port = free_port()
    chroma = Path(sys.executable).with_name("chroma")
    place = ["--path", str(tmp_path_factory.mktemp("server")), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([chroma, "run", *place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        await_port(port, process)
        yield f"http://127.0.0.1:{port}"
        process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"the Chroma server left with code {process.returncode}")


def test_the_nearest_passages_come_first_with_their_cosine(index: Index) -> None:
    vectors = np.array([[1, 0, 0, 0], [3, 4, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 0]], np.float32)
    index.public.upsert(list("abcd"), TEXTS, vectors, [{"number": number} for number in range(4)])

    hits = index.query([2.0, 0, 0, 0], 10, where=None, partitions={"public": 0})

    assert ["a", "b", "c", "d"] == [hit.id for hit in hits]
    assert [1, 0.6, 0, -1] == pytest.approx([hit.score for hit in hits], abs=1e-6)
    assert (TEXTS[1], {"number": 1}) == (hits[1].text, hits[1].metadata)


def test_equally_near_passages_are_ordered_by_id(index: Index) -> None:
    index.public.upsert(list("cab"), TEXTS[:3], np.ones((3, 4), np.float32), [{"n": 1}] * 3)

    assert ["a", "b", "c"] == [hit.id for hit in index.query([1.0, 1, 1, 1], 3, where=None, partitions={"public": 0})]


def test_more_passages_than_chroma_takes_at_once_are_written_listed_and_deleted(index: Index) -> None:
    number = index.client.get_max_batch_size() + 10
    ids = [f"id{n}" for n in range(number)]
    index.public.upsert(ids, ids, np.ones((number, 4), np.float32), [{"n": 1}] * number)

    assert (number, set(ids)) == (index.count(), set(index.public.ids()))

    index.public.delete([*ids, "never there"])
    assert 0 == index.count()


@pytest.mark.parametrize(
    ("key", "value"),
    [("embedding", "other"), ("dimension", 5), ("normalised", False), ("splitter", "2"), ("chunk_tokens", 128)],
)
def test_a_collection_made_otherwise_is_refused_with_both_values_and_the_remedy(
    index: Index, tmp_path: Path, key: str, value: object
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Index(tmp_path / "chroma", "test", identity={**IDENTITY, key: value})  # type: ignore[dict-item]

    for part in (repr(IDENTITY[key]), repr(value), key, "knowledge.collection", str(tmp_path)):
        assert part in str(refused.value)


def test_a_collection_of_somebody_else_is_refused(index: Index, tmp_path: Path) -> None:
    index.client.create_collection("foreign", embedding_function=None)

    with pytest.raises(ConfigurationError, match="not made by this SDK"):
        Index(tmp_path / "chroma", "foreign", identity=IDENTITY)


def test_a_name_that_chroma_does_not_take_is_refused_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"knowledge\.collection: 'no name'"):
        Index(tmp_path / "chroma", "no name", identity=IDENTITY)


def test_a_broken_folder_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "chroma").mkdir()
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"this is no database" * 100)

    with pytest.raises(ConfigurationError, match=str(tmp_path)):
        Index(tmp_path / "chroma", "test", identity=IDENTITY)


def test_the_collection_is_there_again_after_closing(tmp_path: Path) -> None:
    for _ in range(2):
        index = Index(tmp_path / "chroma", "test", identity=IDENTITY)
        index.public.upsert(["a"], ["text"], np.ones((1, 4), np.float32), [{"n": 1}])
        index.close()

    index = Index(tmp_path / "chroma", "test", identity=IDENTITY)
    assert 1 == index.count()
    index.close()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "http://host:port", "http://h/path"])
def test_a_wrong_address_is_refused_by_its_key(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"knowledge\.url"):
        Knowledge(settings(tmp_path, url=url))


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(EngineUnavailable, match=url):
        Knowledge(settings(tmp_path, url=url))


def test_a_server_gives_the_same_as_the_embedded_one(tmp_path: Path, server: str) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number, text in enumerate(TEXTS):
        (docs / f"{number}.md").write_text(text)
    embedded = Knowledge(settings(tmp_path / "a"))
    remote = Knowledge(settings(tmp_path / "b", url=server, collection="same"))

    for knowledge in (embedded, remote):
        knowledge.add(docs, metadata={"shelf": "A"})
        (docs / "3.md").write_text("Text 3 tells of medlars.")
        knowledge.add(docs)
        knowledge.remove(str(docs / "0.md"))
        (docs / "3.md").write_text(TEXTS[3])

    for query in ("apples and quinces", "medlars", "tells"):
        assert embedded.search(query, 10) == remote.search(query, 10)
    assert embedded.search("pears", filter={"shelf": "A"}) == remote.search("pears", filter={"shelf": "A"})
    assert [d.id for d in embedded.documents()] == [d.id for d in remote.documents()]
    embedded.close()
    remote.close()


def test_a_second_machine_searches_the_server_and_deletes_nothing_there(tmp_path: Path, server: str) -> None:
    with Knowledge(settings(tmp_path / "first", url=server, collection="shared")) as first:
        (tmp_path / "note.md").write_text("A note on apples.")
        first.add(tmp_path / "note.md")

        with Knowledge(settings(tmp_path / "second", url=server, collection="shared")) as second:
            assert "A note on apples." == second.search("apples")[0].text
            assert [] == second.documents()

        assert "A note on apples." == first.search("apples")[0].text


def appears(knowledge: Knowledge, query: str, access: list[str]) -> str:
    """The best passage, once the words of one are noticed; the test's time limit ends the waiting."""
    while not knowledge._parts.lexicon.search({query: 1.0}, 1, partitions=None):
        knowledge.search(query, access=access)
        time.sleep(0.1)
    return knowledge.search(query, 1, access=access)[0].text


def test_what_others_change_on_a_server_is_found_by_its_words_and_by_whom_it_is_for(
    tmp_path: Path, server: str
) -> None:
    other = {"url": server, "collection": "followed"}
    with Knowledge(settings(tmp_path / "first", **other)) as first:
        first.add(Document("A note on apples.", metadata={"source": "one"}))
        first.add(Document("A note on pears.", metadata={"source": "two"}), access=["tenant:a"])

        with Knowledge(settings(tmp_path / "second", **other)) as second:
            assert 2 == second._parts.lexicon.count()
            assert ["A note on pears."] == [p.text for p in second.search("pears", 1, access=["tenant:a"])]
            assert {"A note on apples."} == {p.text for p in second.search("pears", 5)}

            first.add(Document("A note on medlars.", metadata={"source": "one"}))
            first.add(Document("A note on quinces.", metadata={"source": "two"}), access=["tenant:b"])
            assert "A note on quinces." == appears(second, "quinces", ["tenant:b"])
            assert "A note on medlars." == appears(second, "medlars", [])
            assert first._parts.lexicon.ids() == second._parts.lexicon.ids()
            assert {"A note on medlars."} == {p.text for p in second.search("note", 5, access=["tenant:a"])}

            first.remove("two")
            assert {"A note on medlars."} == {p.text for p in second.search("note", 5, access=["tenant:b"])}


def test_processes_that_share_a_folder_and_a_server_have_a_lexical_index_each(tmp_path: Path, server: str) -> None:
    script = (
        "import sys; from pathlib import Path; from assistant.knowledge import Knowledge;"
        "from assistant.settings import Settings; from langchain_core.documents import Document;"
        f"s = Settings(data_dir=Path({str(tmp_path)!r}), knowledge=dict(embedding_model={WORDS!r}, "
        f"url={server!r}, collection='each'));"
        "k = Knowledge(s); k.add(Document('A note on pears.', metadata=dict(source='p')), access=['tenant:a']); k.close()"
    )
    with Knowledge(settings(tmp_path, url=server, collection="each")) as knowledge:
        knowledge.add(Document("A note on apples.", metadata={"source": "a"}))
        assert 0 == subprocess.run([sys.executable, "-c", script], check=False).returncode

        assert "A note on pears." == appears(knowledge, "pears", ["tenant:a"])
        assert {"A note on apples."} == {passage.text for passage in knowledge.search("pears", 5)}
    assert 2 == len([path for path in tmp_path.glob("lexicon-each*") if path.is_dir()])


def test_two_processes_add_to_one_server_at_the_same_time(tmp_path: Path, server: str) -> None:
    script = (
        "import sys; from pathlib import Path; from assistant.knowledge import Knowledge;"
        "from assistant.settings import Settings; from langchain_core.documents import Document;"
        f"s = Settings(data_dir=Path({str(tmp_path)!r}), knowledge=dict(embedding_model={WORDS!r}, "
        f"url={server!r}, collection='busy'));"
        "k = Knowledge(s);"
        "[k.add(Document(f'text {n}', metadata=dict(source=f'{sys.argv[1]}{n}'))) for n in range(20)]; k.close()"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, name]) for name in ("a", "b")]

    assert [0, 0] == [process.wait() for process in running]
    with Knowledge(settings(tmp_path, url=server, collection="busy")) as knowledge:
        assert 40 == len(knowledge.documents())
        assert 20 == len(knowledge.search("text", 1000))


def test_a_server_that_goes_away_is_reported_as_such(tmp_path: Path) -> None:
    port = free_port()
    chroma = Path(sys.executable).with_name("chroma")
    place = ["--path", str(tmp_path / "server"), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([chroma, "run", *place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        await_port(port, process)
        knowledge = Knowledge(settings(tmp_path, url=f"http://127.0.0.1:{port}"))
        process.kill()
        process.wait()

        with pytest.raises(EngineUnavailable, match=str(port)):
            knowledge.search("anything")
        knowledge.close()
