"""The turn: question → retrieve → prompt → stream → citations → answer, as a stream of events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.retrievers import BaseRetriever

from assistant.answers import Answer, Cited, Done, Event, TextDelta
from assistant.draft import Draft
from assistant.errors import InvalidQuestion
from assistant.knowledge.passages import Passage
from assistant.prompt import Material, Prompt, build_prompt
from assistant.proof import proven, worth_asking
from assistant.refusal import Sentence, say
from assistant.relevance import Relevant, excerpt, leading, relevant
from assistant.settings import Chat
from assistant.speech import PARAMETERS, Spoken, speak
from assistant.tokens import Reader

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


@dataclass(frozen=True, slots=True)
class Task:
    """A turn and what answers it."""

    turn: Turn
    model: BaseChatModel
    reader: Reader
    chat: Chat
    spoken: Spoken = field(default_factory=Spoken)

    async def speak(self, passages: Sequence[Passage]) -> tuple[Prompt, AsyncGenerator[str, None]]:
        """The prompt with the passages, and the model's answer to it as it comes."""
        prompt = await asyncio.to_thread(self._prompt, passages)
        return prompt, speak(self.model, prompt, self.turn.options, self.spoken)

    def _prompt(self, passages: Sequence[Passage]) -> Prompt:
        turn, chat = self.turn, self.chat
        material = Material(
            question=turn.question,
            passages=tuple(passages),
            history=turn.history,
            instructions="\n\n".join(filter(None, [chat.instructions, *turn.instructions])),
            beyond=chat.grounding == "prefer",
        )
        asked = turn.options.get("max_tokens", chat.max_tokens)
        return build_prompt(material, reader=self.reader, max_tokens=asked, turns=chat.history_turns)


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
    task = Task(turn, model, Reader.of(model, context=context), chat)
    if retriever and not passages and chat.grounding == "strict":
        answer = _refused(task)
    elif passages and task.reader.small:
        answer = _copied(task, passages)
    else:
        answer = _written(task, passages, check=retriever is not None)
    async with aclosing(answer) as events:
        async for event in events:
            yield event


async def _refused(task: Task) -> AsyncGenerator[Event, None]:
    text = await _sentence("refusal", task.turn)
    yield TextDelta(text)
    yield Done(Answer(text, "no", (), task.spoken.usage, task.turn.conversation))


async def _written(task: Task, passages: Sequence[Passage], *, check: bool) -> AsyncGenerator[Event, None]:
    """What the model writes with the passages in sight, its citations checked; no `check` where there are no documents."""
    prompt, answer = await task.speak(passages[: task.chat.passages])
    draft = Draft(prompt.passages, question=task.turn.question, check=check)
    if check and not passages:
        yield TextDelta(draft.add(await _sentence("notice", task.turn) + "\n\n"))
    async with aclosing(answer) as pieces:
        async for piece in pieces:
            if shown := draft.write(piece):
                yield TextDelta(shown)
    async for event in _end(task, draft, doubted=bool(passages)):
        yield event


async def _copied(task: Task, passages: Sequence[Passage]) -> AsyncGenerator[Event, None]:
    """What a small model copies from a passage that proves it; else a quote; else as if nothing had been found."""
    question, found = await asyncio.to_thread(_bearing, task.turn, passages)
    draft = None
    if worth_asking(question, found):
        shown = leading(found, passages)[: task.chat.passages or 1]
        prompt, answer = await task.speak(shown)
        draft = Draft(prompt.passages, question=question)
        seen = [sentence for sentence in found if passages[sentence.number - 1] in shown]
        async with aclosing(answer) as pieces, aclosing(proven(pieces, question, seen)) as sentences:
            async for sentence in sentences:
                yield TextDelta(draft.write(sentence))
    if not (draft and draft.text) and (quoted := excerpt(question, found)):
        draft = Draft([passages[quoted[0].number - 1]], question=question)
        yield TextDelta(draft.write(" ".join(sentence.quote for sentence in quoted)))
    if draft and draft.text:
        rest = _end(task, draft)
    else:
        rest = _refused(task) if task.chat.grounding == "strict" else _written(task, (), check=True)
    async with aclosing(rest) as events:
        async for event in events:
            yield event


def _bearing(turn: Turn, passages: Sequence[Passage]) -> tuple[str, list[Relevant]]:
    """The question and what bears on it; a follow-up that nothing bears on is read with the question before it."""
    found = relevant(turn.question, passages)
    if turn.earlier and not worth_asking(turn.question, found):
        whole = f"{turn.earlier[-1]}\n{turn.question}"
        return whole, relevant(whole, passages)
    return turn.question, found


async def _end(task: Task, draft: Draft, *, doubted: bool = False) -> AsyncGenerator[Event, None]:
    """What is left to show, the citations and the whole answer."""
    rest = draft.finish()
    for shown in (rest, draft.add(await _last_words(task, draft) if doubted else "")):
        if shown:
            yield TextDelta(shown)
    for citation in draft.citations:
        yield Cited(citation)
    yield Done(Answer(draft.text, draft.grounded, draft.citations, task.spoken.usage, task.turn.conversation))


async def _retrieve(turn: Turn, retriever: BaseRetriever) -> tuple[Passage, ...]:
    """What the documents hold on the question; a follow-up that finds nothing is tried with the question before it."""
    documents = await retriever.ainvoke(turn.question)
    if not documents and turn.earlier:
        documents = await retriever.ainvoke(f"{turn.earlier[-1]}\n{turn.question}")
    return tuple(Passage.from_document(document, number) for number, document in enumerate(documents, 1))


async def _last_words(task: Task, draft: Draft) -> str:
    """What remains to be said of an answer that no passage supports."""
    if draft.grounded != "no":
        return ""
    if not draft.text:
        return await _sentence("refusal", task.turn)
    return "\n\n" + await _sentence("unconfirmed" if task.chat.grounding == "strict" else "notice", task.turn)


async def _sentence(kind: Sentence, turn: Turn) -> str:
    return await asyncio.to_thread(say, kind, turn.question, earlier=turn.earlier)
