"""Answers end with their listeners, and are bounded in number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from server_fakes import Endless

Serve = Callable[..., AbstractAsyncContextManager[str]]


def asked(*, stream: bool) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "How often is the pump oiled?"}], "stream": stream}


async def metric(client: httpx2.AsyncClient, line: str) -> bool:
    """Whether the metrics come to hold `line`; the test's own time limit ends the wait."""
    while line not in (await client.get("/metrics")).text.splitlines():
        pass
    return True


async def test_a_client_that_leaves_a_stream_ends_the_generation(serve: Serve) -> None:
    model = Endless()
    async with serve(model, grounding="prefer") as url, httpx2.AsyncClient(base_url=url) as client:
        async with client.stream("POST", "/v1/chat/completions", json=asked(stream=True)) as response:
            assert 200 == response.status_code
            chunks = response.aiter_bytes()
            await anext(chunks)
        await model.stopped.wait()
        assert await metric(client, "assistant_answers_running 0.0")
        assert await metric(client, "assistant_answers_aborted_total 1.0")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/invocations"])
async def test_a_client_that_leaves_while_it_waits_ends_the_generation(serve: Serve, path: str) -> None:
    model = Endless()
    body = asked(stream=False) if path.startswith("/v1") else {"question": "How often is the pump oiled?"}
    async with serve(model) as url, httpx2.AsyncClient(base_url=url) as client:
        waiting = asyncio.create_task(client.post(path, json=body, timeout=None))
        await model.begun.wait()
        waiting.cancel()
        await model.stopped.wait()
        assert await metric(client, "assistant_answers_running 0.0")


async def test_more_answers_than_allowed_are_refused_until_one_ends(serve: Serve) -> None:
    model = Endless()
    async with serve(model, grounding="prefer", max_concurrent=1) as url, httpx2.AsyncClient(base_url=url) as client:
        async with client.stream("POST", "/v1/chat/completions", json=asked(stream=True)) as response:
            chunks = response.aiter_bytes()  # held: dropped, it would close the response
            await anext(chunks)
            refused = await client.post("/v1/chat/completions", json=asked(stream=True))
            assert (429, "1") == (refused.status_code, refused.headers["retry-after"])
            assert "rate_limit_exceeded" == refused.json()["error"]["code"]
        assert await metric(client, "assistant_answers_running 0.0")
        async with client.stream("POST", "/v1/chat/completions", json=asked(stream=True)) as response:
            assert 200 == response.status_code


async def test_a_server_that_stops_ends_running_answers(serve: Serve) -> None:
    model = Endless()
    async with httpx2.AsyncClient() as client:
        async with serve(model) as url:
            waiting = asyncio.create_task(client.post(f"{url}/v1/chat/completions", json=asked(stream=True)))
            await model.begun.wait()
        await model.stopped.wait()
        waiting.cancel()
        await asyncio.wait({waiting})
