"""The assistant: a model, documents and conversations behind `ask` and `stream`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from langchain_core.documents.compressor import BaseDocumentCompressor
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.retrievers import BaseRetriever

from assistant.answers import Answer, Done, Event
from assistant.background import Once, iterate, run
from assistant.chat import Turn, check_options, check_question, respond
from assistant.knowledge.partitions import MAX_HELD, labels
from assistant.memory import Conversations
from assistant.settings import Settings
from assistant.tokens import Reader

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from assistant.knowledge import Knowledge


@runtime_checkable
class Closable(Protocol):
    """Something that holds resources, such as an engine."""

    def close(self) -> None:
        """Give them back."""


@runtime_checkable
class Startable(Protocol):
    """A model that takes time to get ready."""

    def start(self) -> object:
        """Get ready; returns when it is."""


class Assistant:
    """Answers questions from documents, with citations.

    Give it any LangChain chat model and retriever, or `Assistant.open("assistant.toml")`. What is not given is opened
    from the settings when it is first needed: the model, the knowledge, the conversations. With a model and no
    settings, nothing is read from or written to disk, and conversations last as long as this object.

    Args:
        model: writes the answers; without it, the one in `settings.engine`.
        retriever: finds what the documents hold; every document it returns counts as evidence. Without it, `knowledge`.
        settings: the configuration; `chat` and `safety` apply to a given model too.
        knowledge: the documents; without it, the ones in `settings`.
        conversations: where conversations are kept; without it, `settings.state_url`.
    """

    def __init__(
        self,
        model: BaseChatModel | None = None,
        retriever: BaseRetriever | None = None,
        *,
        settings: Settings | None = None,
        knowledge: Knowledge | None = None,
        conversations: Conversations | None = None,
    ) -> None:
        if settings is None and model is None:
            settings = Settings.load()
        self.settings = settings or Settings()
        self._configured = settings is not None
        self._given = (model, retriever, knowledge)
        self._owned_conversations = conversations is None
        self._conversations = conversations or Conversations(self.settings.state_url if settings else "sqlite://")
        self._model = Once(self._open_model)
        self._knowledge = Once(self._open_knowledge)
        self._reranker = Once(self._open_reranker)

    @classmethod
    def open(cls, config: str | Path | Settings | None = None) -> Self:
        """From a configuration file, or settings; None finds the file as `Settings.load` does.

        Raises:
            ConfigurationError: the configuration is wrong; the message names the key.
        """
        return cls(settings=config if isinstance(config, Settings) else Settings.load(config))

    @classmethod
    async def aopen(cls, config: str | Path | Settings | None = None) -> Self:
        """As `open`."""
        return await asyncio.to_thread(cls.open, config)

    @property
    def model(self) -> BaseChatModel:
        """The chat model; waits while it is being opened."""
        return self._model.get()

    @property
    def knowledge(self) -> Knowledge | None:
        """The documents; None where only a retriever was given or retrieval is off. Waits while they are opened."""
        return self._knowledge.get()

    @property
    def conversations(self) -> Conversations:
        """Where conversations are kept."""
        return self._conversations

    def start(self) -> Self:
        """Open the model and the documents now rather than on the first question.

        Raises:
            ConfigurationError, EngineUnavailable: what cannot be opened, and what to do.
        """
        return run(self.astart())

    async def astart(self) -> Self:
        """As `start`."""
        await asyncio.gather(self._model.aget(), self._knowledge.aget())
        return self

    def ask(
        self,
        question: str,
        *,
        conversation: str | None = None,
        history: Sequence[BaseMessage] | None = None,
        options: Mapping[str, Any] | None = None,
        access: Iterable[str] = (),
        turn: str | None = None,
    ) -> Answer:
        """The answer to a question. Works in a notebook, where an event loop runs already.

        Args:
            question: in any language.
            conversation: name of a conversation that is read before and continued with this turn.
            history: earlier messages, oldest first, instead of a stored conversation; nothing is stored.
            options: for this call `temperature`, `top_p`, `max_tokens`, `stop`, `seed`, `instructions` (system text).
            access: the labels of who asks, such as `tenant:acme`; documents with access lists are found, and earlier
                turns of the conversation are remembered, only for those who have the labels.
            turn: name of this turn in the conversation; asked again under the same name, as after a crash, it takes the
                place of the earlier one and is not told of it.

        Raises:
            InvalidQuestion: the question is empty or too long, or an option is unknown.
            ValueError: `access` is no list of labels.
            PromptTooLong: the question does not fit the model.
            TransientError: the model or a database does not answer now.
        """
        return run(
            self.aask(question, conversation=conversation, history=history, options=options, access=access, turn=turn)
        )

    async def aask(
        self,
        question: str,
        *,
        conversation: str | None = None,
        history: Sequence[BaseMessage] | None = None,
        options: Mapping[str, Any] | None = None,
        access: Iterable[str] = (),
        turn: str | None = None,
    ) -> Answer:
        """As `ask`."""
        events = self.astream(
            question, conversation=conversation, history=history, options=options, access=access, turn=turn
        )
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("a stream of events ends with Done or an error")

    def stream(
        self,
        question: str,
        *,
        conversation: str | None = None,
        history: Sequence[BaseMessage] | None = None,
        options: Mapping[str, Any] | None = None,
        access: Iterable[str] = (),
        turn: str | None = None,
    ) -> Generator[Event, None, None]:
        """As `astream`, in code without `await`; leaving the loop aborts the generation."""
        return iterate(
            self.astream(
                question, conversation=conversation, history=history, options=options, access=access, turn=turn
            )
        )

    async def astream(
        self,
        question: str,
        *,
        conversation: str | None = None,
        history: Sequence[BaseMessage] | None = None,
        options: Mapping[str, Any] | None = None,
        access: Iterable[str] = (),
        turn: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """The answer as it is written: text deltas, citations, then `Done` with the whole answer; arguments as `ask`.

        Closing the generator (`aclosing`, or cancelling the task) aborts the generation, and nothing of the turn is
        stored; a turn is stored when its answer is complete, before `Done`.
        """
        question = check_question(question, max_chars=self.settings.safety.max_question_chars)
        held = labels(access, most=MAX_HELD)
        recalled = await self._recall(conversation, history, held, turn)
        asked = Turn(question, recalled, self._options(options), conversation, held)
        model = await self._model.aget()
        retriever = await self._retriever(model)
        chat, context = self.settings.chat, self.settings.engine.max_model_len
        async with aclosing(respond(asked, model=model, retriever=retriever, chat=chat, context=context)) as events:
            async for event in events:
                if isinstance(event, Done) and conversation is not None and history is None:
                    await self._conversations.aappend(conversation, question, event.answer, access=held, turn=turn)
                yield event

    def as_runnable(self) -> Runnable[Any, Answer]:
        """A LangChain Runnable from a question, or a dict with it and the arguments of `ask`, to an `Answer`.

        Its stream yields the answer as far as it is written, each time longer; the last one is whole, with citations.
        """
        from assistant.runnable import AnswerRunnable

        return AnswerRunnable(self)

    def close(self) -> None:
        """Give back what this object opened; what it was given stays open."""
        model, _, knowledge = self._given
        opened = [self._model.made if model is None else None, self._knowledge.made if knowledge is None else None]
        for part in [*opened, self._conversations if self._owned_conversations else None]:
            if isinstance(part, Closable):
                part.close()

    async def aclose(self) -> None:
        """As `close`."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _recall(
        self,
        conversation: str | None,
        history: Sequence[BaseMessage] | None,
        access: Sequence[str],
        turn: str | None,
    ) -> tuple[BaseMessage, ...]:
        if history is not None:
            return tuple(history)
        if conversation is None:
            return ()
        turns = self.settings.chat.history_turns
        return tuple(await self._conversations.amessages(conversation, turns, access=access, without=turn))

    def _options(self, options: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """A given model keeps its own limit of tokens unless settings or the call name one."""
        configured = {"max_tokens": self.settings.chat.max_tokens} if self._configured else {}
        return {**configured, **check_options(options)}

    async def _retriever(self, model: BaseChatModel) -> BaseRetriever | None:
        _, retriever, _ = self._given
        if self.settings.chat.grounding == "off":
            return None
        if retriever is not None:
            return retriever
        knowledge = await self._knowledge.aget()
        if knowledge is None:
            return None
        small = Reader.of(model, context=self.settings.engine.max_model_len).small
        room = 0 if small else self.settings.knowledge.context_tokens  # a small model is lost in a long text
        return knowledge.as_retriever(reranker=await self._reranker.aget(), context_tokens=room)

    def _open_reranker(self) -> BaseDocumentCompressor | None:
        from assistant.knowledge.rerank import open_reranker

        known = self.settings.knowledge
        return open_reranker(known.reranker, passages=known.passages, model=self.model)

    def _open_model(self) -> BaseChatModel:
        model, _, _ = self._given
        if model is None:
            from assistant.llms import open_chat_model

            model = open_chat_model(self.settings.engine, self.settings.chat, self.settings.cache_dir)
        if isinstance(model, Startable):
            model.start()
        return model

    def _open_knowledge(self) -> Knowledge | None:
        _, retriever, knowledge = self._given
        if knowledge is not None or retriever is not None or not self._configured:
            return knowledge
        if self.settings.chat.grounding == "off":
            return None
        from assistant.knowledge import Knowledge

        return Knowledge(self.settings)
