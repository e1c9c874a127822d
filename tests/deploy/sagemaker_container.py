"""A small model container: `/invocations` in the shapes of OpenAI's API, with what it says given word by word."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import convert_to_messages
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4}}


def sse(item: Any) -> bytes:
    """One event, as vLLM writes it."""
    return f"data: {json.dumps(item, ensure_ascii=False)}\n\n".encode()


def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason, **more}
    return {"object": "chat.completion.chunk", "model": "llama", "choices": [choice]}


def spoken(words: Sequence[str], *, reason: str = "stop", usage: Any = USAGE) -> list[bytes]:
    """A whole stream that says `words`."""
    said = [sse(chunk({"content": word})) for word in words]
    figures = [sse({"object": "chat.completion.chunk", "choices": [], "usage": usage})] if usage else []
    first = sse(chunk({"role": "assistant", "content": ""}))
    return [first, *said, sse(chunk({}, reason)), *figures, b"data: [DONE]\n\n"]


@dataclass
class Container:
    """Streams `parts` and keeps what it was asked in `asked`; `refusals` are answered first, one each: status and body.

    From the part `gated_at` on it waits for `gate`; `left` is set when whoever listens goes away.
    """

    parts: list[bytes] = field(default_factory=list)
    content_type: str = "text/event-stream"
    refusals: list[tuple[int, str]] = field(default_factory=list)
    gated_at: int | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, Any]] = field(default_factory=list)
    attributes: list[str | None] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/invocations", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.attributes.append(request.headers.get("x-amzn-sagemaker-custom-attributes"))
        if self.refusals:
            status, body = self.refusals.pop(0)
            return Response(body, status)
        return StreamingResponse(self._stream(), media_type=self.content_type)

    async def _stream(self) -> AsyncIterator[bytes]:
        ended = False
        try:
            for position, part in enumerate(self.parts):
                if position == self.gated_at:
                    await to_thread.run_sync(self.gate.wait, abandon_on_cancel=True)
                yield part
            ended = True
        finally:
            if not ended:
                self.left.set()


def serving_model(model: BaseChatModel) -> Starlette:
    """A container whose answers `model` writes, to chat messages only."""

    async def answer(request: Request) -> Response:
        body = await request.json()
        if not body.get("stream"):
            return JSONResponse({"error": {"message": "streams only"}}, 400)
        words = [str(part.content) for part in model.stream(convert_to_messages(body["messages"]))]
        return StreamingResponse(iter(spoken(words)), media_type="text/event-stream")

    return Starlette(routes=[Route("/invocations", answer, methods=["POST"])])
