"""Asking the assistant on behalf of somebody who wrote to the bot."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.answers import Answer, Done, TextDelta
from assistant.bot.progress import Show

if TYPE_CHECKING:
    from assistant.assistant import Assistant


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked in `conversation` by somebody with the labels `access`; `name` is its turn's in the memory of it."""

    text: str
    conversation: str
    access: Sequence[str]
    name: str


async def nowhere(text: str) -> None:
    """Shows nothing of an answer that is being written."""


async def asked(assistant: Assistant, question: Question, show: Show = nowhere) -> Answer:
    """The answer; `show` is given the text so far, the whole of it.

    Raises:
        InvalidQuestion, PromptTooLong: it cannot be answered as it is.
        TransientError: the assistant or a database does not answer now.
    """
    text = ""
    stream = assistant.astream(
        question.text, conversation=question.conversation, access=question.access, turn=question.name
    )
    async with aclosing(stream) as events:
        async for event in events:
            if isinstance(event, Done):
                return event.answer
            if isinstance(event, TextDelta):
                text += event.text
                await show(text)
    raise AssertionError("a stream of events ends with Done or an error")
