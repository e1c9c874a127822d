"""A chat model that repeats the first sentence of the first passage it is given: everything around a model without a model.

`engine.kind = "assistant.testing.echo:EchoChat"` runs the commands and the server with it, in milliseconds and always
with the same answer.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

PASSAGE = re.compile(r"<passage [^>]*>\n(.*?)\n</passage>|^Text: (.*?)\n\nQuestion:", re.DOTALL | re.MULTILINE)
"""Where the SDK's two prompts keep a passage: as numbered data for most models, as plain text for small ones."""

SENTENCE = re.compile(r".+?(?:[.!?](?=\s)|[。！？]|$)", re.DOTALL)


class EchoChat(BaseChatModel):
    """Answers with a sentence of the prompt and its citation; waits `delay` seconds before every word.

    A prompt without passages is answered with the user's own last words.
    """

    delay: float = 0.0

    @property
    def _llm_type(self) -> str:
        return "echo"

    def get_num_tokens(self, text: str) -> int:
        """Words and punctuation marks; a character each in scripts without spaces is as good a guess as any."""
        return len(re.findall(r"\w+|\S", text))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        words = list(self._words(messages, stop))
        time.sleep(self.delay * len(words))
        message = AIMessage("".join(words), usage_metadata=self._usage(messages, words))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        words = list(self._words(messages, stop))
        for word in words:
            time.sleep(self.delay)
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=self._usage(messages, words)))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        words = list(self._words(messages, stop))
        for word in words:
            await asyncio.sleep(self.delay)
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=self._usage(messages, words)))

    def _words(self, messages: Sequence[BaseMessage], stop: Sequence[str] | None) -> Iterator[str]:
        text = echo(messages)
        ends = [text.index(mark) for mark in stop or () if mark in text]
        yield from re.findall(r"\s*\S+", text[: min(ends, default=len(text))])

    def _usage(self, messages: Sequence[BaseMessage], words: Sequence[str]) -> UsageMetadata:
        asked = sum(self.get_num_tokens(message.text) for message in messages)
        answered = self.get_num_tokens("".join(words))
        return UsageMetadata(input_tokens=asked, output_tokens=answered, total_tokens=asked + answered)


def echo(messages: Sequence[BaseMessage]) -> str:
    """The answer to a prompt: a sentence of its first passage that is no heading, cited as [1]."""
    found = next((match for message in messages for match in PASSAGE.finditer(message.text)), None)
    if found is None:
        return messages[-1].text
    lines = (found[1] or found[2]).splitlines()
    text = " ".join(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    sentence = SENTENCE.match(text)
    return f"{sentence[0].strip() if sentence else text} [1]"
