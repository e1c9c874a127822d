"""Any LangChain retriever as a system to evaluate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from assistant.evaluation.dataset import CorpusDocument, Query
from assistant.evaluation.system import packed
from assistant.knowledge.passages import Passage


class Retriever:
    """What `make` builds from the documents: whole texts, `source` and `title` in their metadata.

    The retriever decides how many passages it returns: let it be 50 or more. Its documents must keep `source`.
    """

    def __init__(self, make: Callable[[list[Document]], BaseRetriever], *, name: str = "retriever") -> None:
        self.name = name
        self._make = make
        self._retriever: BaseRetriever | None = None

    def index(self, documents: Sequence[CorpusDocument]) -> int:
        """Build the retriever; the passages of a stranger cannot be counted, so the documents are."""
        self._retriever = self._make([document.as_langchain() for document in documents])
        return len(documents)

    def search(self, query: Query, k: int) -> Sequence[Passage]:
        """What the retriever finds for the question alone; a chain that reads the history is a system of its own."""
        if self._retriever is None:
            raise RuntimeError("index the documents first")
        found = self._retriever.invoke(query.text)[:k]
        return [Passage.from_document(document, number) for number, document in enumerate(found, 1)]

    def pack(self, query: Query, found: Sequence[Passage], budget: int) -> Sequence[Passage]:
        """In the order of the ranking."""
        return packed(found, budget)

    def close(self) -> None:
        """Let go of the retriever."""
        self._retriever = None
