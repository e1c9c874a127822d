"""The knowledge as a LangChain retriever, which also understands a conversation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.documents.compressor import BaseDocumentCompressor
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from assistant.knowledge.knowledge import Knowledge
from assistant.knowledge.partitions import MAX_HELD, labels
from assistant.knowledge.passages import Passage
from assistant.knowledge.rerank import WIDER
from assistant.knowledge.search import MAX_PASSAGES
from assistant.retrieval import Inquiry, Retrieved

log = logging.getLogger(__name__)


class KnowledgeRetriever(BaseRetriever):
    """At most `k` passages of `knowledge` whose score is `min_score` or more, best first, and those carried from the last turn.

    `k`, and `access`, the labels of who asks, may also be given to `invoke`, in place of those given here. `reranker`
    orders what was found, and where it fails the order stays. With `context_tokens` there are as many passages as fit
    (`k` at least, four times as many at most), widened with the text around them where there is room left.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    knowledge: Knowledge
    k: int
    min_score: float = 0.0
    filter: dict[str, Any] | None = None
    access: tuple[str, ...] = ()
    reranker: BaseDocumentCompressor | None = None
    context_tokens: int = 0

    def retrieve(self, inquiry: Inquiry, *, k: int | None = None) -> Retrieved:
        """What it finds on an inquiry, for who has its labels and those given here."""
        number = self.k if k is None else k
        asked = replace(inquiry, access=tuple(sorted({*self.access, *inquiry.access})))
        wider = min(number * WIDER, MAX_PASSAGES) if self.reranker or self.context_tokens else number
        found = self.knowledge.retrieve(asked, k=wider, filter=self.filter)
        best = [each for each in found.passages if each.score is not None and each.score >= self.min_score]
        if self.reranker:
            best = self._reranked(asked, best, self.reranker)
        best = self.knowledge.fitting(best, least=number, tokens=self.context_tokens)
        best += [each for each in found.passages if each.score is None]  # cited last, and carried
        if self.context_tokens:
            best = self.knowledge.widened(best, access=asked.access, tokens=self.context_tokens)
        return replace(found, passages=tuple(best))

    async def aretrieve(self, inquiry: Inquiry) -> Retrieved:
        """`retrieve`, in a thread."""
        return await asyncio.to_thread(self.retrieve, inquiry)

    def _reranked(
        self, inquiry: Inquiry, passages: Sequence[Passage], reranker: BaseDocumentCompressor
    ) -> list[Passage]:
        """The passages as the re-ranker orders them, then those that it left out."""
        known = {passage.text: passage for passage in passages}  # the copies that some return have no id
        last = [remark.text for remark in inquiry.earlier if remark.role == "user"][-1:]
        try:
            documents = [passage.to_document() for passage in passages]
            ordered = reranker.compress_documents(documents, "\n".join([*last, inquiry.question]))
        except Exception:  # a model, a server, a third party's code: the order found is good too
            log.exception("the re-ranker failed; passages stay as they were found")
            return list(passages)
        first = [known[document.page_content] for document in ordered if document.page_content in known]
        return list({passage.id: passage for passage in [*first, *passages]}.values())

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        access: Iterable[str] | None = None,
    ) -> list[Document]:
        given = self if access is None else self.model_copy(update={"access": labels(access, most=MAX_HELD)})
        return [passage.to_document() for passage in given.retrieve(Inquiry(query), k=k).passages]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        access: Iterable[str] | None = None,
    ) -> list[Document]:
        found = partial(self._get_relevant_documents, query, run_manager=run_manager.get_sync(), k=k, access=access)
        return await asyncio.to_thread(found)
