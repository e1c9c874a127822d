"""The knowledge as a LangChain retriever that returns only evidence."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from assistant.knowledge.knowledge import Knowledge


class KnowledgeRetriever(BaseRetriever):
    """At most `k` passages of `knowledge` whose cosine similarity to the query is `min_score` or more, best first.

    `k` may also be given to `invoke`. A query without evidence gives an empty list.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    knowledge: Knowledge
    k: int
    min_score: float
    filter: dict[str, Any] | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        passages = self.knowledge.search(query, self.k if k is None else k, filter=self.filter)
        return [p.to_document() for p in passages if p.score is not None and p.score >= self.min_score]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return await asyncio.to_thread(self._get_relevant_documents, query, run_manager=run_manager.get_sync(), k=k)
