"""The clients everyone has, unchanged, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessageChunk
from server_fakes import Failing

from assistant.errors import EngineUnavailable

Serve = Callable[..., AbstractAsyncContextManager[str]]
QUESTION: Any = [{"role": "user", "content": "How often is the pump oiled?"}]
ANSWER = "The pump is oiled every 200 hours of operation. [1]"


async def test_openai_gets_an_answer_with_its_annotations(serve: Serve) -> None:
    async with serve() as url, openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="-") as client:
        completion = await client.chat.completions.create(model="any", messages=QUESTION)

    message: Any = completion.choices[0].message
    assert ANSWER == message.content
    assert "Pump manual" == message.annotations[0].file_citation["title"]
    assert completion.usage is not None
    assert completion.usage.total_tokens > 0
    assert completion.usage.prompt_tokens_details is not None


async def test_openai_streams_and_finds_the_annotations_on_the_last_delta(serve: Serve) -> None:
    async with serve() as url, openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="-") as client:
        stream = await client.chat.completions.create(
            model="any", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        chunks: Any = [chunk async for chunk in stream]

    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert ANSWER == "".join(delta.content or "" for delta in deltas)
    assert 1 == deltas[-1].annotations[0]["file_citation"]["number"]
    assert chunks[-1].usage.completion_tokens > 0


async def test_openai_works_without_await_too(serve: Serve) -> None:
    def ask(url: str) -> tuple[str | None, str, list[str]]:
        with openai.OpenAI(base_url=f"{url}/v1", api_key="-") as client:
            whole = client.chat.completions.create(model="any", messages=QUESTION)
            stream = client.chat.completions.create(model="any", messages=QUESTION, stream=True)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            return whole.choices[0].message.content, text, [model.id for model in client.models.list()]

    async with serve() as url:
        assert (ANSWER, ANSWER, ["smollm2-135m-instruct"]) == await asyncio.to_thread(ask, url)


async def test_openai_raises_its_own_errors(serve: Serve) -> None:
    async with serve(api_keys=["k"]) as url:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="wrong") as client:
            with pytest.raises(openai.AuthenticationError):
                await client.models.list()
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k") as client:
            with pytest.raises(openai.BadRequestError) as refused:
                await client.chat.completions.create(model="any", messages=QUESTION, n=2)
    assert "n" == refused.value.param


async def test_openai_raises_what_breaks_a_stream(serve: Serve) -> None:
    model = Failing(error=EngineUnavailable("the model died"), words=["The ", "pump ", "is "])
    opened = serve(model, grounding="prefer")  # word by word
    async with opened as url, openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="-") as client:
        stream = await client.chat.completions.create(model="any", messages=QUESTION, stream=True)
        with pytest.raises(openai.APIError, match="the model died"):
            async for _ in stream:
                pass


async def test_langchain_invokes_and_streams_with_usage(serve: Serve) -> None:
    from langchain_openai import ChatOpenAI

    async with serve() as url:
        model: Any = ChatOpenAI(model="any", base_url=f"{url}/v1", api_key="-", stream_usage=True)  # type: ignore[arg-type]
        whole = await model.ainvoke("How often is the pump oiled?")
        streamed = AIMessageChunk(content="")
        async for chunk in model.astream("How often is the pump oiled?"):
            streamed += chunk
        await model.root_async_client.close()
        model.root_client.close()

    assert ANSWER == whole.content == streamed.content
    assert whole.usage_metadata["total_tokens"] > 0
    assert whole.usage_metadata["total_tokens"] == streamed.usage_metadata["total_tokens"]  # type: ignore[index]
