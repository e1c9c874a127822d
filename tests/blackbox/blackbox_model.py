"""An OpenAI-compatible model server that repeats the last line it is asked, after a while, or fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

NAME = "stand-in"


class StandInModel:
    """Answers what `says` makes of the last message's last line, after `delay(text)` seconds.

    Attributes:
        asked: the last line of every request, in order.
        failures: how many of the next requests are answered 503.
    """

    def __init__(self, *, delay: Callable[[str], float] = lambda _: 0.0) -> None:
        self.delay = delay
        self.says: Callable[[str], str] = lambda text: f"re: {text}"
        self.asked: list[str] = []
        self.failures = 0
        self._app = Starlette(
            routes=[
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
            ]
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": NAME, "object": "model", "max_model_len": 8192}]})

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        text = str(body["messages"][-1]["content"]).strip().splitlines()[-1]
        self.asked.append(text)
        if self.failures > 0:
            self.failures -= 1
            return JSONResponse({"error": {"message": "overloaded", "type": "server_error"}}, status_code=503)
        await asyncio.sleep(self.delay(text))
        answer = self.says(text)
        if body.get("stream"):
            return StreamingResponse(_stream(answer), media_type="text/event-stream")
        message = {"role": "assistant", "content": answer}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse(_chunk("chat.completion", choices=[choice], usage=_usage(answer)))


async def _stream(answer: str) -> AsyncIterator[str]:
    for word in answer.split(" "):
        delta = {"role": "assistant", "content": word if word == answer.split(" ")[0] else f" {word}"}
        yield _event(_chunk("chat.completion.chunk", choices=[{"index": 0, "delta": delta, "finish_reason": None}]))
    yield _event(_chunk("chat.completion.chunk", choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    yield _event(_chunk("chat.completion.chunk", choices=[], usage=_usage(answer)))
    yield "data: [DONE]\n\n"


def _chunk(kind: str, **more: Any) -> dict[str, Any]:
    return {"id": "c-1", "object": kind, "created": 0, "model": NAME, **more}


def _usage(answer: str) -> dict[str, int]:
    words = len(answer.split())
    return {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": words + 1}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"
