"""LangChain's default recipe, the one most tutorials start from, as a system to compare with."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.prompts import ChatPromptTemplate

from assistant.errors import ConfigurationError
from assistant.evaluation.dataset import CorpusDocument, Query
from assistant.evaluation.system import BUDGET, Answered, packed
from assistant.knowledge.embed import E5, open_embedder
from assistant.knowledge.passages import Passage
from assistant.knowledge.sentence_transformer import MINILM
from assistant.settings import Settings

if TYPE_CHECKING:
    from langchain_chroma import Chroma

CHUNK, OVERLAP = 1000, 200
"""Characters, as in LangChain's RAG tutorial."""
BATCH = 5000
"""Passages written at once; Chroma takes at most 5,461."""
NAMES = {"langchain": MINILM, "langchain-e5": E5}
"""The recipe by the embedding it uses: LangChain's own choice, and ours, the fair one outside English."""
PROMPT = (
    "You are an assistant for question-answering tasks. Use the following pieces of retrieved context to answer the "
    "question. If you don't know the answer, just say that you don't know. Use three sentences maximum and keep the "
    "answer concise.\nQuestion: {question} \nContext: {context} \nAnswer:"
)
"""rlm/rag-prompt of the LangChain hub, which the tutorial uses."""


class LangChain:
    """RecursiveCharacterTextSplitter(1000, 200), langchain-chroma in memory, similarity; the last question alone."""

    def __init__(self, embeddings: Embeddings, *, name: str = "langchain", model: BaseChatModel | None = None) -> None:
        self.name = name
        self._embeddings = embeddings
        self._model = model
        self._store: Chroma | None = None

    @classmethod
    def named(cls, name: str, settings: Settings, *, model: BaseChatModel | None = None) -> LangChain:
        """The recipe of this name in `NAMES`."""
        embedder = open_embedder(NAMES[name], cache_dir=settings.cache_dir)
        return cls(embedder.embeddings, name=name, model=model)

    def index(self, documents: Sequence[CorpusDocument]) -> int:
        """Split, embed and store."""
        from langchain_chroma import Chroma
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK, chunk_overlap=OVERLAP, add_start_index=True)
        chunks = splitter.split_documents([document.as_langchain() for document in documents])
        self._store = Chroma(f"evaluate-{uuid.uuid4().hex}", self._embeddings)
        for start in range(0, len(chunks), BATCH):
            self._store.add_documents(chunks[start : start + BATCH])
        return len(chunks)

    def search(self, query: Query, k: int) -> Sequence[Passage]:
        """The nearest passages; the score is the cosine, of which Chroma's distance of unit vectors is 2 minus twice."""
        found = self._opened().similarity_search_with_score(query.text, k=k)
        return [
            Passage.from_document(document.model_copy(update={"metadata": {**document.metadata, "score": 1 - far / 2}}))
            for document, far in found
        ]

    def pack(self, query: Query, found: Sequence[Passage], budget: int) -> Sequence[Passage]:
        """In the order of the ranking, as the recipe stuffs them into its prompt."""
        return packed(found, budget)

    def answer(self, query: Query) -> Answered:
        """The recipe's chain: passages within the budget, the tutorial's prompt, the model. It never says it refuses."""
        if self._model is None:
            raise ConfigurationError(f"{self.name!r} has no model to answer with: give it one")
        began = time.perf_counter()
        passages = packed(self.search(query, BUDGET // 100))
        chain = ChatPromptTemplate.from_template(PROMPT) | self._model
        text = "\n\n".join(passage.text for passage in passages)
        message = chain.invoke({"question": query.text, "context": text})
        usage = getattr(message, "usage_metadata", None) or {}
        seconds = time.perf_counter() - began
        return Answered(message.text, False, None, int(usage.get("input_tokens", 0)), seconds)

    def close(self) -> None:
        """Delete the collection."""
        if self._store is not None:
            self._store.delete_collection()
            self._store = None

    def _opened(self) -> Chroma:
        if self._store is None:
            raise RuntimeError("index the documents first")
        return self._store
