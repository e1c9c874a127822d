"""The turn: question → retrieve → prompt → stream → citations → answer, as a stream of events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.retrievers import BaseRetriever

from assistant.answers import Answer, Cited, Done, Event, TextDelta, Usage
from assistant.draft import Draft
from assistant.errors import AssistantError, EngineUnavailable, InvalidQuestion, PermanentError, RateLimited
from assistant.knowledge.passages import Passage
from assistant.prompt import Material, Prompt, build_prompt
from assistant.refusal import Sentence, say
from assistant.settings import Chat
from assistant.tokens import Reader

PARAMETERS = ("temperature", "top_p", "max_tokens", "stop", "seed")
OPTIONS = (*PARAMETERS, "instructions")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what comes with it; `history` is oldest first."""

    question: str
    history: tuple[BaseMessage, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    conversation: str | None = None

    @property
    def earlier(self) -> list[str]:
        """The earlier questions, oldest first."""
        return [message.text for message in self.history if isinstance(message, HumanMessage)]

    @property
    def instructions(self) -> list[str]:
        """What this turn adds to the system prompt: the option, and system messages in the history."""
        system = [message.text for message in self.history if isinstance(message, SystemMessage)]
        return [*system, str(self.options.get("instructions") or "")]


def check_question(question: str, *, max_chars: int) -> str:
    """The question as it goes on: without control characters and halves of characters.

    Raises:
        InvalidQuestion: it is empty or longer than `max_chars`.
    """
    if len(question) > max_chars:
        raise InvalidQuestion(
            f"the question has {len(question)} characters, {max_chars} are allowed: "
            f"shorten it or raise safety.max_question_chars"
        )
    whole = question.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    clean = CONTROL.sub("", whole).strip()
    if not clean:
        raise InvalidQuestion("the question is empty: ask something")
    return clean


def check_options(options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The options of a call, those set to None left out.

    Raises:
        InvalidQuestion: an option is unknown.
    """
    given = {name: value for name, value in (options or {}).items() if value is not None}
    if unknown := sorted(given.keys() - set(OPTIONS)):
        raise InvalidQuestion(f"unknown option {unknown[0]!r}: known are {', '.join(OPTIONS)}")
    return given


async def respond(
    turn: Turn, *, model: BaseChatModel, retriever: BaseRetriever | None, chat: Chat, context: int | None = None
) -> AsyncGenerator[Event, None]:
    """Answer one turn: text deltas, then the citations, then `Done`.

    Without a retriever the model answers alone. Closing the generator closes the model's stream.

    Raises:
        PromptTooLong: the question does not fit the model.
        TransientError: the model failed; what it said until then is no answer.
    """
    passages = await _retrieve(turn, retriever) if retriever else ()
    if retriever and not passages and chat.grounding == "strict":
        text = await _sentence("refusal", turn)
        yield TextDelta(text)
        yield Done(Answer(text, "no", conversation=turn.conversation))
        return
    reader = Reader.of(model, context=context)
    prompt = await asyncio.to_thread(_prompt, turn, passages, reader, chat)
    prove = chat.grounding == "strict" and reader.small  # told to copy from the text: what is not there is made up
    draft = Draft(prompt.passages, question=turn.question, prove=prove and bool(passages), check=retriever is not None)
    if retriever and not passages:
        yield TextDelta(draft.add(await _sentence("notice", turn) + "\n\n"))
    spoken = Spoken()
    async with aclosing(_speak(model, prompt, turn, spoken)) as pieces:
        async for piece in pieces:
            if shown := draft.write(piece):
                yield TextDelta(shown)
    for shown in (draft.finish(), draft.add(await _last_words(turn, draft, passages, chat))):
        if shown:
            yield TextDelta(shown)
    citations = draft.citations
    for citation in citations:
        yield Cited(citation)
    yield Done(Answer(draft.text, draft.grounded, citations, spoken.usage, turn.conversation))


async def _retrieve(turn: Turn, retriever: BaseRetriever) -> tuple[Passage, ...]:
    """What the documents hold on the question; a follow-up that finds nothing is tried with the question before it."""
    documents = await retriever.ainvoke(turn.question)
    if not documents and turn.earlier:
        documents = await retriever.ainvoke(f"{turn.earlier[-1]}\n{turn.question}")
    return tuple(Passage.from_document(document, number) for number, document in enumerate(documents, 1))


def _prompt(turn: Turn, passages: Sequence[Passage], reader: Reader, chat: Chat) -> Prompt:
    shown = chat.passages or (1 if reader.small else len(passages))
    material = Material(
        question=turn.question,
        passages=tuple(passages[:shown]),
        history=turn.history,
        instructions="\n\n".join(filter(None, [chat.instructions, *turn.instructions])),
        beyond=chat.grounding == "prefer",
    )
    asked = turn.options.get("max_tokens", chat.max_tokens)
    return build_prompt(material, reader=reader, max_tokens=asked, turns=chat.history_turns)


class Spoken:
    """What the model reported of its answer, gathered while it streams."""

    def __init__(self) -> None:
        self._whole: AIMessageChunk | None = None

    def add(self, chunk: AIMessageChunk) -> None:
        """Take in one chunk of the stream."""
        self._whole = chunk if self._whole is None else self._whole + chunk

    @property
    def usage(self) -> Usage:
        """Tokens read and written, zero where the model does not say."""
        told = self._whole and self._whole.usage_metadata
        if not told:
            return Usage()
        cached = told.get("input_token_details", {}).get("cache_read", 0)
        return Usage(told["input_tokens"], told["output_tokens"], cached)


async def _speak(model: BaseChatModel, prompt: Prompt, turn: Turn, spoken: Spoken) -> AsyncGenerator[str, None]:
    """The model's text as it comes; however this ends, the model's stream is closed."""
    options = {name: turn.options[name] for name in PARAMETERS if name in turn.options}
    if "max_tokens" in options or prompt.capped:
        options["max_tokens"] = prompt.max_tokens
    stop = options.pop("stop", None)
    stream = model.astream(list(prompt.messages), stop=[stop] if isinstance(stop, str) else stop, **options)
    try:
        async with aclosing(cast("AsyncGenerator[AIMessageChunk, None]", stream)) as chunks:
            async for chunk in chunks:
                spoken.add(chunk)
                yield chunk.text
    except AssistantError:
        raise
    except Exception as error:
        raise _translated(error) from error


async def _last_words(turn: Turn, draft: Draft, passages: Sequence[Passage], chat: Chat) -> str:
    """What remains to be said of an answer that no passage supports."""
    if not passages or draft.grounded != "no":
        return ""
    if not draft.text:
        return await _sentence("refusal", turn)
    return "\n\n" + await _sentence("unconfirmed" if chat.grounding == "strict" else "notice", turn)


async def _sentence(kind: Sentence, turn: Turn) -> str:
    return await asyncio.to_thread(say, kind, turn.question, earlier=turn.earlier)


def _translated(error: Exception) -> AssistantError:
    """Another library's error as one of ours; its text is left out because it may quote credentials."""
    name, status = type(error).__name__, getattr(error, "status_code", None)
    if status == 429:
        return RateLimited(f"the model's server is busy ({name}, status 429): try again later")
    if isinstance(status, int) and 400 <= status < 500 and status not in (408, 409):
        return PermanentError(f"the model's server refuses the request ({name}, status {status}): check `engine`")
    return EngineUnavailable(f"the model stopped while it was answering ({name}): try again, or check that it runs")
