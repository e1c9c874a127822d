"""The assistant as a LangChain Runnable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig

from assistant.answers import Answer, Done, Event, TextDelta

if TYPE_CHECKING:
    from assistant.assistant import Assistant


class AnswerRunnable(Runnable[Any, Answer]):
    """From a question, or a mapping with `question` and the keyword arguments of `Assistant.ask`, to an `Answer`."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """The answer."""
        return self._call_with_config(lambda given: self._assistant.ask(**_arguments(given)), input, config)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """The answer."""

        async def answer(given: Any) -> Answer:
            return await self._assistant.aask(**_arguments(given))

        return await self._acall_with_config(answer, input, config)

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None) -> Iterator[Answer]:
        """The answer as far as it is written, each time longer; the last is whole."""
        text = ""
        with closing(self._assistant.stream(**_arguments(input))) as events:
            for event in events:
                text, answer = _grow(text, event)
                yield answer

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Answer]:
        """As `stream`."""
        text = ""
        async with aclosing(self._assistant.astream(**_arguments(input))) as events:
            async for event in events:
                text, answer = _grow(text, event)
                yield answer


def _arguments(given: Any) -> dict[str, Any]:
    return {"question": given} if isinstance(given, str) else dict(given)


def _grow(text: str, event: Event) -> tuple[str, Answer]:
    if isinstance(event, Done):
        return event.answer.text, event.answer
    text += event.text if isinstance(event, TextDelta) else ""
    return text, Answer(text, "no")
