"""`/v1/chat/completions` and `/v1/models`: any OpenAI client works unchanged, and gets citations with the answer."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sse_starlette import EventSourceResponse

from assistant.answers import Answer, Citation, Done, TextDelta, Usage
from assistant.server.access import of_caller
from assistant.server.openai_schema import ChatRequest
from assistant.server.parts import DRAIN_SECONDS, Parts, PartsOf
from assistant.server.problems import BadRequest, report
from assistant.server.turns import Turn, while_connected

router = APIRouter(prefix="/v1", tags=["OpenAI"])


@router.post("/chat/completions")
async def chat_completions(body: ChatRequest, request: Request, parts: PartsOf) -> Response:
    """One grounded answer, whole or streamed; citations stand in `message.annotations`, or on the last delta."""
    return await complete(body, request, parts)


@router.get("/models")
async def models(parts: PartsOf) -> dict[str, Any]:
    """The model that answers."""
    return {"object": "list", "data": [_model(parts)]}


@router.get("/models/{name:path}")
async def model(name: str, parts: PartsOf) -> dict[str, Any]:
    """The model that answers, by its name."""
    if name != parts.model:
        message = f"model {name!r} does not exist, only {parts.model!r}"
        raise BadRequest(message, param="model", code="model_not_found", status=404)
    return _model(parts)


async def complete(body: ChatRequest, request: Request, parts: Parts) -> Response:
    """Answer `body`; a client that goes away ends the generation."""
    ask = replace(body.to_ask(), access=of_caller(parts, body.access, trusted=parts.settings.server.trusted_network))
    reply = Reply(parts.model, body.token_limit or parts.settings.chat.max_tokens)
    turn = parts.turns.begin(ask)
    try:
        if not body.stream:
            return JSONResponse(reply.whole(await while_connected(request, turn.answer())))
        await while_connected(request, turn.begun())
    except BaseException:
        await turn.aclose()
        raise
    return Streamed(turn, reply.chunks(turn, usage=body.wants_usage))


class Streamed(EventSourceResponse):
    """The answer as server-sent events; however it ends, the generation ends with it."""

    def __init__(self, turn: Turn, chunks: AsyncIterator[dict[str, str]]) -> None:
        super().__init__(chunks, sep="\n", shutdown_grace_period=DRAIN_SECONDS)
        self._turn = turn

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._turn.aclose()


@dataclass(frozen=True, slots=True)
class Reply:
    """The envelope of one completion; `max_tokens` tells an answer that was cut from one that ended."""

    model: str
    max_tokens: int
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, answer: Answer) -> dict[str, Any]:
        """A `chat.completion` object."""
        message = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": file_citations(answer)}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish(answer)}
        return {
            **self._envelope("chat.completion"),
            "choices": [choice],
            "usage": _usage(answer.usage),
            "assistant": {"grounded": answer.grounded},
        }

    async def chunks(self, turn: Turn, *, usage: bool) -> AsyncIterator[dict[str, str]]:
        """`chat.completion.chunk` objects as server-sent events, then `[DONE]`; an error is the last event."""
        yield self._chunk({"role": "assistant", "content": ""})
        try:
            async with aclosing(turn.events()) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        yield self._chunk({"content": event.text})
                    elif isinstance(event, Done):
                        for chunk in self._last(event.answer, usage=usage):
                            yield chunk
            yield {"data": "[DONE]"}
        except Exception as error:  # noqa: BLE001  the status is sent: the error can only be an event
            yield _event(report(error).body())

    def _last(self, answer: Answer, *, usage: bool) -> Iterator[dict[str, str]]:
        extra = {"assistant": {"grounded": answer.grounded}}
        yield self._chunk({"annotations": file_citations(answer)}, finish=self._finish(answer), extra=extra)
        if usage:
            yield _event({**self._envelope("chat.completion.chunk"), "choices": [], "usage": _usage(answer.usage)})

    def _chunk(
        self, delta: dict[str, Any], *, finish: str | None = None, extra: dict[str, Any] | None = None
    ) -> dict[str, str]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**self._envelope("chat.completion.chunk"), "choices": [choice], **(extra or {})})

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _finish(self, answer: Answer) -> str:
        return "length" if answer.usage.completion_tokens >= self.max_tokens else "stop"


def file_citations(answer: Answer) -> list[dict[str, Any]]:
    """A `file_citation` for every `[n]` in the text, in its order; `start_index` and `end_index` count characters."""
    found = [(match.start(), match.end(), c) for c in answer.citations for match in _marks(c, answer.text)]
    unmarked = {c.number for c in answer.citations} - {c.number for _, _, c in found}
    end = len(answer.text)
    found += [(end, end, c) for c in answer.citations if c.number in unmarked]
    return [_annotation(*where) for where in sorted(found, key=lambda where: where[:2])]


def _marks(citation: Citation, text: str) -> Iterator[re.Match[str]]:
    return re.finditer(re.escape(f"[{citation.number}]"), text)


def _annotation(start: int, end: int, citation: Citation) -> dict[str, Any]:
    return {
        "type": "file_citation",
        "text": f"[{citation.number}]",
        "start_index": start,
        "end_index": end,
        "file_citation": {"file_id": citation.source, **asdict(citation)},
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _event(data: dict[str, Any]) -> dict[str, str]:
    return {"data": json.dumps(data, ensure_ascii=False, separators=(",", ":"))}


def _model(parts: Parts) -> dict[str, Any]:
    return {"id": parts.model, "object": "model", "created": parts.created, "owned_by": "llama-assistant-sdk"}
