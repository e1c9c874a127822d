"""What the model says to a prompt, as it says it, with the tokens it took and its errors as ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage

from assistant.answers import Usage
from assistant.errors import AssistantError, EngineUnavailable, PermanentError, RateLimited
from assistant.prompt import Prompt

PARAMETERS = ("temperature", "top_p", "max_tokens", "stop", "seed")

UNREACHABLE = {"APIConnectionError", "ConnectError", "ConnectionError"}
"""Names of the errors of OpenAI's client, of httpx, and of Python and requests, for a server that is not there."""


class Spoken:
    """What the model reported of its answer, gathered while it streams."""

    def __init__(self) -> None:
        self._told: UsageMetadata | None = None

    def add(self, chunk: AIMessageChunk) -> None:
        """Take in one chunk of the stream."""
        if chunk.usage_metadata:  # adding the chunks themselves would merge every field at every token
            self._told = add_usage(self._told, chunk.usage_metadata)

    @property
    def usage(self) -> Usage:
        """Tokens read and written, zero where the model does not say."""
        told = self._told
        if not told:
            return Usage()
        cached = told.get("input_token_details", {}).get("cache_read", 0)
        return Usage(told["input_tokens"], told["output_tokens"], cached)


async def speak(
    model: BaseChatModel, prompt: Prompt, options: Mapping[str, Any], spoken: Spoken
) -> AsyncGenerator[str, None]:
    """The model's text as it comes; however this ends, the model's stream is closed. Options are `PARAMETERS`.

    Raises:
        TransientError: the model failed, and may not the next time.
        PermanentError: the model's server refuses the request.
    """
    given = {name: options[name] for name in PARAMETERS if name in options}
    if "max_tokens" in given or prompt.capped:
        given["max_tokens"] = prompt.max_tokens
    stop = given.pop("stop", None)
    stream = model.astream(list(prompt.messages), stop=[stop] if isinstance(stop, str) else stop, **given)
    try:
        async with aclosing(cast("AsyncGenerator[AIMessageChunk, None]", stream)) as chunks:
            async for chunk in chunks:
                spoken.add(chunk)
                yield chunk.text
    except AssistantError:
        raise
    except Exception as error:
        raise _translated(error) from error


def _translated(error: Exception) -> AssistantError:
    """Another library's error as one of ours; its text is left out because it may quote credentials."""
    name, status = type(error).__name__, getattr(error, "status_code", None)
    if status == 429:
        return RateLimited(f"the model's server is busy ({name}, status 429): try again later")
    if isinstance(status, int) and 400 <= status < 500 and status not in (408, 409):
        return PermanentError(f"the model's server refuses the request ({name}, status {status}): check `engine`")
    if UNREACHABLE & {cls.__name__ for cls in type(error).__mro__}:
        return EngineUnavailable(
            f"the model's server cannot be reached ({name}): check that it runs, and engine.base_url"
        )
    return EngineUnavailable(f"the model stopped while it was answering ({name}): try again, or check that it runs")
