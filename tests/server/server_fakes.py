"""Models and retrievers that do one thing each, behind LangChain's own interfaces."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, PrivateAttr

from assistant.knowledge.passages import Passage
from assistant.testing.echo import EchoChat

HOURS = "The pump is oiled every 200 hours of operation."
MANUAL = Passage(
    "p1", "/srv/manual.md", "Pump manual", f"{HOURS} Use mineral oil only.", score=0.9, start=10, end=80, page=3
)


class Pages(BaseRetriever):
    """Finds the same passages, whatever is asked."""

    passages: list[Passage]

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [passage.to_document() for passage in self.passages]


class WordEmbeddings(Embeddings):
    """A text is the set of its words."""

    def embed_query(self, text: str) -> list[float]:
        vector = [0.0] * 256
        for word in set(re.findall(r"\w+", text.lower())):
            vector[hashlib.sha256(word.encode()).digest()[0]] = 1.0
        length = math.sqrt(sum(vector)) or 1.0
        return [value / length for value in vector]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class Recording(EchoChat):
    """An echo that remembers what it was asked, and how."""

    asked: list[tuple[list[BaseMessage], dict[str, Any]]] = Field(default_factory=list)

    def _words(self, messages: Sequence[BaseMessage], stop: Sequence[str] | None) -> Any:
        self.asked.append((list(messages), {"stop": stop}))
        return super()._words(messages, stop)

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        result = super()._generate(messages, stop, run_manager)
        self.asked[-1][1].update(kwargs)
        return result

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in super()._astream(messages, stop, run_manager):
            yield chunk
        self.asked[-1][1].update(kwargs)


class Failing(EchoChat):
    """Says `words` and then raises `error`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    error: Exception
    words: list[str] = Field(default_factory=list)

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise self.error

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for word in self.words:
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        raise self.error


class Saying(EchoChat):
    """Says `text`, whatever it is asked, and remembers what that was."""

    text: str
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    def _words(self, messages: Sequence[BaseMessage], stop: Sequence[str] | None) -> Any:
        self.asked.append(list(messages))
        return iter(re.findall(r"\s*\S+", self.text))


class Endless(BaseChatModel):
    """Talks until nobody listens; `stopped` is set then."""

    _begun: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)
    _stopped: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    @property
    def begun(self) -> asyncio.Event:
        return self._begun

    @property
    def stopped(self) -> asyncio.Event:
        return self._stopped

    @property
    def _llm_type(self) -> str:
        return "endless"

    def get_num_tokens(self, text: str) -> int:
        return len(text.split())

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError("only awaited")

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        async for _chunk in self._astream():
            pass
        raise AssertionError("endless")

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            while True:
                yield ChatGenerationChunk(message=AIMessageChunk(content="on "))
                self._begun.set()
                await asyncio.sleep(0.01)
        finally:
            self._stopped.set()
