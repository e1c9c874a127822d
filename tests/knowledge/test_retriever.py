"""The knowledge as a LangChain retriever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_tests.integration_tests import RetrieversIntegrationTests

from assistant.knowledge import Knowledge, Passage
from assistant.knowledge.retriever import KnowledgeRetriever
from assistant.settings import Settings

FRUIT = ["apples", "pears", "quinces", "plums", "medlars"]


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knowledge]:
    known = {"embedding_model": "assistant.testing.words:WordEmbeddings", "min_score": 0.3}
    with Knowledge(Settings(data_dir=tmp_path_factory.mktemp("data"), knowledge=known)) as opened:
        opened.add(
            [
                Document(f"Notes on {fruit} and nothing else", metadata={"source": fruit, "page": 7, "shelf": fruit[0]})
                for fruit in FRUIT
            ]
        )
        yield opened


class TestStandard(RetrieversIntegrationTests):
    """LangChain's own contract for retrievers."""

    params: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _opened(self, knowledge: Knowledge) -> None:
        type(self).params = {"knowledge": knowledge, "k": 5, "min_score": 0.0}

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return KnowledgeRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return self.params

    @property
    def retriever_query_example(self) -> str:
        return "notes on plums"


def test_only_evidence_is_returned(knowledge: Knowledge) -> None:
    assert [] == knowledge.as_retriever().invoke("astronomy lectures")
    assert "plums" == knowledge.as_retriever().invoke("notes on plums")[0].metadata["source"]


def test_the_floor_is_the_callers_then_the_settings(knowledge: Knowledge) -> None:
    assert [] == knowledge.as_retriever(min_score=0.99).invoke("notes on plums")
    assert 5 == len(knowledge.as_retriever(min_score=0.0).invoke("notes on plums"))


def test_a_document_tells_where_it_comes_from(knowledge: Knowledge) -> None:
    document = knowledge.as_retriever(k=1).invoke("notes on quinces")[0]
    passage = knowledge.search("notes on quinces", 1)[0]

    assert passage == Passage.from_document(document)
    assert ("quinces", 7, 0, len(document.page_content)) == tuple(
        document.metadata[key] for key in ("source", "page", "start", "end")
    )
    assert passage.id == document.id


def test_a_filter_holds_for_every_query(knowledge: Knowledge) -> None:
    retriever = knowledge.as_retriever(filter={"shelf": "p"}, min_score=0.0)

    assert {"pears", "plums"} == {document.metadata["source"] for document in retriever.invoke("notes")}


def test_a_wrong_filter_is_refused_at_once(knowledge: Knowledge) -> None:
    with pytest.raises(ValueError, match="bad"):
        knowledge.as_retriever(filter={"shelf": {"$bad": 1}})


async def test_it_works_in_a_chain(knowledge: Knowledge) -> None:
    prompt = ChatPromptTemplate.from_template("{context}\n{question}")
    model = FakeListChatModel(responses=["Blue."])
    chain = {"context": knowledge.as_retriever(), "question": RunnablePassthrough()} | prompt | model

    assert "Blue." == chain.invoke("notes on plums").content
    assert "Blue." == (await chain.ainvoke("notes on plums")).content
