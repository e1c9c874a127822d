"""The turn: question → retrieve → prompt → stream → citations → answer, as a stream of events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.retrievers import BaseRetriever

from assistant.answers import Answer, Cited, Done, Event, TextDelta
from assistant.claims import unknown_codes
from assistant.draft import Draft
from assistant.errors import InvalidQuestion
from assistant.knowledge.confidence import STRICT
from assistant.knowledge.passages import Passage
from assistant.knowledge.question import Remark
from assistant.prompt import Material, Prompt, build_prompt
from assistant.proof import proven, worth_asking
from assistant.refusal import Sentence, say
from assistant.relevance import Relevant, excerpt, is_beside, leading, relevant, threshold
from assistant.retrieval import Inquiry, Retrieved, retrieve
from assistant.rewrite import standalone
from assistant.sections import Chat
from assistant.speech import PARAMETERS, Spoken, speak
from assistant.support import units
from assistant.tokens import Reader

OPTIONS = (*PARAMETERS, "instructions")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what comes with it; `history` is oldest first, `access` are the labels of who asks."""

    question: str
    history: tuple[BaseMessage, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    conversation: str | None = None
    access: tuple[str, ...] = ()

    @property
    def earlier(self) -> list[str]:
        """The earlier questions, oldest first."""
        return [message.text for message in self.history if isinstance(message, HumanMessage)]

    @property
    def inquiry(self) -> Inquiry:
        """What the documents are asked."""
        said = [message for message in self.history if isinstance(message, HumanMessage | AIMessage)]
        remarks = (Remark("user" if isinstance(m, HumanMessage) else "assistant", m.text) for m in said if m.text)
        last = next((message for message in reversed(said) if isinstance(message, AIMessage)), None)
        cited = last.additional_kwargs.get("evidence") if last else None
        ids = map(str, cited) if isinstance(cited, list | tuple) else ()
        return Inquiry(self.question, tuple(remarks), tuple(ids), self.access)

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
    found: Retrieved = field(default_factory=Retrieved)
    spoken: Spoken = field(default_factory=Spoken)

    @property
    def strict(self) -> bool:
        """Whether only what the documents support may be shown."""
        return self.chat.grounding == "strict"

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
    reader = Reader.of(model, context=context)
    found = await _found(turn, model, reader, retriever) if retriever else Retrieved()
    task = Task(turn, model, reader, chat, found)
    least = STRICT if chat.min_confidence is None else chat.min_confidence
    likely = bool(found.passages) and (found.confidence is None or found.confidence >= least)
    if likely and found.confidence is not None:  # a foreign retriever's documents count as evidence, whatever they say
        likely = not await asyncio.to_thread(_unheard_of, turn.question, found.passages)
    if retriever and not likely and task.strict:
        answer = _refused(task)
    elif likely and reader.small:
        answer = _copied(task)
    else:
        answer = _written(task, () if reader.small else found.passages, check=retriever is not None)
    async with aclosing(answer) as events:
        async for event in events:
            yield event


def _unheard_of(question: str, passages: Sequence[Passage]) -> bool:
    """Whether the question names a code that no passage knows: its neighbour's price is no answer."""
    return bool(unknown_codes(question, [f"{passage.title}\n{passage.text}" for passage in passages]))


async def _found(turn: Turn, model: BaseChatModel, reader: Reader, retriever: BaseRetriever) -> Retrieved:
    """What the documents hold on the question; one that cannot stand alone is put anew by a model that is able to."""
    inquiry = turn.inquiry
    found = await retrieve(retriever, inquiry)
    if found.follows and not reader.small:
        whole = await standalone(turn.question, turn.history, model=model)
        if whole != turn.question:
            carried = [passage for passage in found.passages if passage.score is None]
            again = await retrieve(retriever, replace(inquiry, question=whole, cited=()))
            found = replace(again, passages=(*again.passages, *carried), follows=True)
    return found


async def _refused(task: Task) -> AsyncGenerator[Event, None]:
    text = await _sentence("refusal", task.turn)
    yield TextDelta(text)
    yield Done(Answer(text, "no", (), task.spoken.usage, task.turn.conversation))


async def _written(task: Task, passages: Sequence[Passage], *, check: bool) -> AsyncGenerator[Event, None]:
    """What the model writes with the passages in sight, proven or marked; no `check` where there are no documents."""
    prompt, answer = await task.speak(passages[: task.chat.passages])
    draft = Draft(
        prompt.passages,
        question=task.turn.question,
        earlier=task.turn.earlier,
        check=check,
        withhold=check and task.strict,
        meaning=task.found.meaning,
    )
    if check and not passages:
        yield TextDelta(draft.add(await _sentence("notice", task.turn) + "\n\n"))
    async with aclosing(answer) as pieces:
        async for piece in pieces:
            if shown := await draft.awrite(piece):
                yield TextDelta(shown)
    async for event in _end(task, draft, doubted=bool(passages)):
        yield event


async def _copied(task: Task) -> AsyncGenerator[Event, None]:
    """What a small model copies from a passage that proves it; else a quote; else as if nothing had been found."""
    passages = task.found.passages
    question, bearing = await asyncio.to_thread(_bearing, task)
    bar = threshold(question) if task.found.confidence is None else 0.0  # confidence has judged the whole
    draft = None
    if worth_asking(bearing, bar=bar):
        shown = leading(bearing, passages)[: task.chat.passages or 1]
        prompt, answer = await task.speak(shown)
        draft = Draft(prompt.passages, question=question, withhold=task.strict)
        seen = [sentence for sentence in bearing if passages[sentence.number - 1] in shown]
        async with aclosing(answer) as pieces, aclosing(proven(pieces, question, seen, bar=bar)) as sentences:
            async for sentence in sentences:
                if text := await draft.awrite(sentence):
                    yield TextDelta(text)
        if text := await draft.afinish():
            yield TextDelta(text)
    if not (draft and draft.text) and (quoted := excerpt(bearing, bar=bar)):
        draft = Draft(
            [passages[number - 1] for number in dict.fromkeys(each.number for each in quoted)],
            question=question,
            withhold=task.strict,
        )
        if text := await draft.awrite(" ".join(each.quote for each in quoted)) + await draft.afinish():
            yield TextDelta(text)
    if draft and draft.text:
        rest = _end(task, draft)
    else:
        rest = _refused(task) if task.strict else _written(task, (), check=True)
    async with aclosing(rest) as events:
        async for event in events:
            yield event


def _bearing(task: Task) -> tuple[str, list[Relevant]]:
    """The question and what bears on it; a follow-up is read with the question before it."""
    turn, found = task.turn, task.found
    alone = relevant(turn.question, found.passages, near=found.near)
    if found.confidence is None:  # a foreign retriever, which does not tell a follow-up
        follows = not worth_asking(alone, bar=threshold(turn.question))
    else:
        asked = units(turn.question)
        follows = found.follows and not (asked and asked <= units("\n".join(turn.earlier[-1:])))
    if not (turn.earlier and follows):
        return turn.question, alone
    if found.confidence is not None and is_beside(turn.question, turn.earlier, found.passages):
        return turn.question, []
    whole = f"{turn.earlier[-1]}\n{turn.question}"
    return whole, relevant(whole, found.passages, near=found.near)


async def _end(task: Task, draft: Draft, *, doubted: bool = False) -> AsyncGenerator[Event, None]:
    """What is left to show, the citations and the whole answer."""
    rest = await draft.afinish()
    for shown in (rest, draft.add(await _last_words(task, draft) if doubted else "")):
        if shown:
            yield TextDelta(shown)
    for citation in draft.citations:
        yield Cited(citation)
    turn, usage = task.turn, task.spoken.usage
    yield Done(Answer(draft.text, draft.grounded, draft.citations, usage, turn.conversation, draft.evidence))


async def _last_words(task: Task, draft: Draft) -> str:
    """What remains to be said of an answer that not every passage supports."""
    if draft.grounded == "yes":
        return ""
    if draft.grounded == "no" and not draft.text:
        return await _sentence("refusal", task.turn)
    if draft.grounded == "partly":
        return "" if task.strict else "\n\n" + await _sentence("partly", task.turn)
    return "\n\n" + await _sentence("unconfirmed" if task.strict else "notice", task.turn)


async def _sentence(kind: Sentence, turn: Turn) -> str:
    return await asyncio.to_thread(say, kind, turn.question, earlier=turn.earlier)
