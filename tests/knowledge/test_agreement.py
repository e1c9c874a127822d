"""Both indexes and the manifest agree when a knowledge is opened, whatever was lost, and nothing is embedded for it."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document

from assistant.errors import ConfigurationError
from assistant.knowledge import Knowledge
from assistant.knowledge.embedder import Embedder, measured
from assistant.settings import Settings
from assistant.testing.words import WordEmbeddings

TEXTS = {f"{number}": f"# Fruit\n\n## Number {number}\n\nBasket {number} holds apples." for number in range(12)}


class Refusing(WordEmbeddings):
    """Embeds questions and sentences, and no passage: that comes with its title, a blank line before it."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        assert not any("\n\n" in text for text in texts), "a passage was embedded"
        return super().embed_documents(texts)


def embedder(embeddings: WordEmbeddings) -> Embedder:
    return measured(embeddings, "words", floor=0.0)


def opened(data_dir: Path, embeddings: WordEmbeddings) -> Knowledge:
    return Knowledge(Settings(data_dir=data_dir), embedder=embedder(embeddings))


def held(knowledge: Knowledge) -> dict[str, Any]:
    """What the lexical index holds: which passages, in which partition, with which of these terms."""
    lexicon, partitions = knowledge._parts.lexicon, knowledge._parts.manifest.visible(["tenant:a", "tenant:b"])
    terms = ["fruit", "basket", "apples", *map(str, range(12))]
    hits = {(p, t): lexicon.search({t: 1.0}, 100, partitions=[p]) for p in partitions for t in terms}
    return {
        "ids": sorted(lexicon.ids()),
        **{f"{p} {t}": sorted(id for id, _ in found) for (p, t), found in hits.items()},
    }


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A closed knowledge with public documents and those of two tenants, in their first or second version."""
    folder = tmp_path / "data"
    with opened(folder, WordEmbeddings()) as knowledge:
        for version in ("first", "second"):
            for number, text in TEXTS.items():
                access = {"1": ["tenant:a"], "2": ["tenant:b"]}.get(number[0])
                knowledge.add(Document(f"{text} It is the {version}.", metadata={"source": number}), access=access)
    return folder


@pytest.fixture
def before(data_dir: Path) -> dict[str, Any]:
    with opened(data_dir, Refusing()) as knowledge:
        return held(knowledge)


def lose(folder: Path) -> None:
    shutil.rmtree(folder)


def damage(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(b"no index")


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize("harm", [lose, damage, empty])
def test_a_lexical_index_that_is_lost_is_made_from_what_chroma_keeps(
    data_dir: Path, before: dict[str, Any], harm: Any
) -> None:
    harm(data_dir / "lexicon-knowledge")

    with opened(data_dir, Refusing()) as knowledge:
        assert before == held(knowledge)
        assert ["3"] == [passage.source for passage in knowledge.search("basket 3 apples", 1)]


def test_a_lexical_index_that_is_behind_is_brought_in_step(data_dir: Path, tmp_path: Path, before: Any) -> None:
    shutil.copytree(data_dir / "lexicon-knowledge", tmp_path / "old")
    with opened(data_dir, WordEmbeddings()) as knowledge:
        knowledge.add(Document(f"{TEXTS['3']} It is the third.", metadata={"source": "3"}))
        knowledge.add(Document(TEXTS["4"], metadata={"source": "a new one"}), access=["tenant:a"])
        knowledge.remove("5")
        knowledge.remove("6")
        knowledge.remove("10")
        after = held(knowledge)
    shutil.rmtree(data_dir / "lexicon-knowledge")
    shutil.copytree(tmp_path / "old", data_dir / "lexicon-knowledge")

    with opened(data_dir, Refusing()) as knowledge:
        assert after == held(knowledge)
    assert before != after


def test_a_lexical_index_of_a_knowledge_that_was_deleted_is_emptied(data_dir: Path) -> None:
    shutil.rmtree(data_dir / "chroma")
    for path in data_dir.glob("manifest-*"):
        path.unlink()

    with opened(data_dir, Refusing()) as knowledge:
        assert (0, []) == (knowledge._parts.lexicon.count(), knowledge.search("apples"))


def test_private_passages_without_their_document_and_documents_without_them_are_gone(data_dir: Path) -> None:
    with opened(data_dir, WordEmbeddings()) as knowledge:
        [mine] = [d.id for d in knowledge.documents() if d.source == "10"]
        private = knowledge._parts.index.private
        private.delete([id for id in private.ids() if id.startswith(mine)])
        knowledge._parts.index.public.delete(list(knowledge._parts.index.public.ids())[:1])

    with opened(data_dir, Refusing()) as knowledge:
        left = {document.source for document in knowledge.documents()}
        assert (10, False) == (len(left), "10" in left)
        assert 10 == knowledge._parts.index.count() == knowledge._parts.lexicon.count()


def test_a_manifest_from_before_the_access_lists_keeps_its_documents_and_they_are_public(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with opened(folder, WordEmbeddings()) as knowledge:
        knowledge.add([Document(text, metadata={"source": number}) for number, text in TEXTS.items()])
        documents, lexicon = knowledge.documents(), held(knowledge)
        knowledge._parts.index.client.delete_collection("knowledge--private")
    shutil.rmtree(folder / "lexicon-knowledge")
    as_of_schema_1(folder / "manifest-knowledge.db")

    with opened(folder, Refusing()) as knowledge:
        assert documents == knowledge.documents()
        assert lexicon == held(knowledge)
        assert len(TEXTS) == len(knowledge.search(" ".join(TEXTS), 100))
        again = knowledge.add([Document(text, metadata={"source": number}) for number, text in TEXTS.items()])
        assert len(TEXTS) == again.unchanged
        assert 1 == knowledge.add(Document(TEXTS["3"], metadata={"source": "3"}), access=["tenant:a"]).updated
        assert "3" not in {passage.source for passage in knowledge.search("basket 3", 100)}


def as_of_schema_1(path: Path) -> None:
    """The manifest without what schema 2 added to it."""
    database = sqlite3.connect(path)
    for statement in ("DROP INDEX documents_access", "DROP TABLE partitions", "DROP TABLE labels"):
        database.execute(statement)
    database.execute("ALTER TABLE documents DROP COLUMN access")
    database.execute("DELETE FROM about WHERE key = 'revision'")
    database.execute("PRAGMA user_version = 1")
    database.commit()
    database.close()


def test_a_manifest_of_a_newer_version_is_refused(data_dir: Path) -> None:
    database = sqlite3.connect(data_dir / "manifest-knowledge.db")
    database.execute("PRAGMA user_version = 3")
    database.close()

    with pytest.raises(ConfigurationError, match="newer version"):
        opened(data_dir, WordEmbeddings())


def test_the_collection_of_private_passages_cannot_be_opened_as_a_public_one(data_dir: Path) -> None:
    settings = Settings(data_dir=data_dir, knowledge={"collection": "knowledge--private"})

    with pytest.raises(ConfigurationError, match="not for public documents"):
        Knowledge(settings, embedder=embedder(WordEmbeddings()))


def test_a_lost_manifest_is_reported_where_only_private_passages_are_there(tmp_path: Path) -> None:
    with opened(tmp_path, WordEmbeddings()) as knowledge:
        knowledge.add(Document("A private note.", metadata={"source": "note"}), access=["tenant:a"])
    for path in tmp_path.glob("manifest-knowledge.db*"):
        path.unlink()

    with pytest.raises(ConfigurationError, match=r"1 passages.*manifest.*missing"):
        opened(tmp_path, WordEmbeddings())


def test_a_partition_whose_last_document_left_is_forgotten(data_dir: Path) -> None:
    with opened(data_dir, WordEmbeddings()) as knowledge:
        manifest = knowledge._parts.manifest
        assert (3, 2) == (len(manifest.visible(["tenant:a", "tenant:b"])), len(manifest.visible(["tenant:a"])))

        knowledge.add(Document(TEXTS["2"], metadata={"source": "2"}), access=["tenant:a"])
        assert (2, 1) == (len(manifest.visible(["tenant:a", "tenant:b"])), len(manifest.visible(["tenant:b"])))
        assert {"2"} <= {passage.source for passage in knowledge.search("basket 2", 100, access=["tenant:a"])}

        knowledge.add(Document(TEXTS["3"], metadata={"source": "3"}), access=["tenant:b"])
        assert {"3"} <= {passage.source for passage in knowledge.search("basket 3", 100, access=["tenant:b"])}
