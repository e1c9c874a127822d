"""A chat model that says what it is told to, and a retriever that finds what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.callbacks.manager import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

PUMP_TEXT = "The Zeta-9 pump must be serviced every 45 days by a certified technician. The warranty lasts 3 years."
PUMP = Document(PUMP_TEXT, id="p1", metadata={"source": "pump.md", "title": "Pump", "start": 100, "score": 0.9})
LIBRARY = Document("The library is closed on Sundays.", id="l1", metadata={"source": "library.md", "title": "Library"})


class Scripted(BaseChatModel):
    """Streams `pieces`, raising those that are errors; `None` waits for ever. Remembers what it was asked."""

    pieces: Sequence[Any]
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    options: list[dict[str, Any]] = Field(default_factory=list)
    closed: int = 0
    waits: Any = Field(default_factory=asyncio.Event)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(self.pieces)))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.asked.append(messages)
        self.options.append({**kwargs, **({"stop": stop} if stop else {})})
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                if piece is None:
                    self.waits.set()
                    await asyncio.Event().wait()
                yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
            told = UsageMetadata(
                input_tokens=20, output_tokens=5, total_tokens=25, input_token_details={"cache_read": 16}
            )
            yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=told))
        finally:
            self.closed += 1


def small(*pieces: Any) -> Scripted:
    """A model that calls itself small, as SmolLM2-135M does."""
    model = Scripted(pieces=pieces)
    profile: dict[str, Any] = {"max_input_tokens": 2048, "parameters": 135_000_000}
    model.profile = cast("ModelProfile", profile)
    return model


class Found(BaseRetriever):
    """Finds `documents`, or by question where `answers` holds the question; remembers what it was asked."""

    documents: list[Document] = Field(default_factory=list)
    answers: dict[str, list[Document]] = Field(default_factory=dict)
    asked: list[str] = Field(default_factory=list)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        self.asked.append(query)
        return self.answers.get(query, self.documents)
