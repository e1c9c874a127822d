"""The assistant as a LangChain Runnable."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, cast

from langchain_core.runnables import Runnable, RunnableConfig

from assistant.answers import Answer, Done, Event, TextDelta

if TYPE_CHECKING:
    from assistant.assistant import Assistant


class AnswerRunnable(Runnable[Any, Answer]):
    """From a question, or a mapping with `question` and the keyword arguments of `Assistant.ask`, to an `Answer`."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """The answer; `kwargs`, also from `bind`, are arguments of `Assistant.ask`."""
        return self._call_with_config(lambda given: self._assistant.ask(**_arguments(given, kwargs)), input, config)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """As `invoke`."""

        async def answer(given: Any) -> Answer:
            return await self._assistant.aask(**_arguments(given, kwargs))

        return await self._acall_with_config(answer, input, config)

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None) -> Iterator[Answer]:
        """The answer as far as it is written, each time longer; the last is whole."""

        def answers(inputs: Iterator[Any]) -> Iterator[Answer]:
            text = ""
            with closing(self._assistant.stream(**_arguments(next(inputs), kwargs))) as events:
                for event in events:
                    text, answer = _grow(text, event)
                    yield answer

        yield from self._transform_stream_with_config(iter([input]), answers, config)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Answer]:
        """As `stream`."""

        async def answers(inputs: AsyncIterator[Any]) -> AsyncIterator[Answer]:
            text = ""
            async with aclosing(self._assistant.astream(**_arguments(await anext(inputs), kwargs))) as events:
                async for event in events:
                    text, answer = _grow(text, event)
                    yield answer

        whole = self._atransform_stream_with_config(_once(input), answers, config)
        async with aclosing(cast("AsyncGenerator[Answer, None]", whole)) as stream:
            async for answer in stream:
                yield answer


async def _once(value: Any) -> AsyncIterator[Any]:
    yield value


def _arguments(given: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    return {**({"question": given} if isinstance(given, str) else dict(given)), **more}


def _grow(text: str, event: Event) -> tuple[str, Answer]:
    if isinstance(event, Done):
        return event.answer.text, event.answer
    text += event.text if isinstance(event, TextDelta) else ""
    return text, Answer(text, "no")
