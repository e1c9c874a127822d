"""The Amazon SageMaker container contract, so that the whole assistant can be an endpoint.

`GET /ping` and `POST /invocations` on port 8080 (SageMaker developer guide, "Use your own inference code with hosting
services"). An invocation is protected like `/v1`: inside SageMaker, where AWS has checked the caller already and no
bearer token arrives, the container is configured with `server.trusted_network` and without keys.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.server.access import of_caller
from assistant.server.openai_api import complete
from assistant.server.openai_schema import ChatRequest
from assistant.server.parts import Parts, PartsOf
from assistant.server.problems import BadRequest
from assistant.server.turns import Ask, while_connected

router = APIRouter(tags=["SageMaker"])


class Question(BaseModel):
    """The short form of an invocation; `conversation` names what is remembered between calls."""

    model_config = ConfigDict(extra="forbid")

    question: str
    conversation: str | None = Field(None, min_length=1, max_length=500)
    access: list[str] = Field(default_factory=list, description="labels of who asks, for callers with an API key")


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        Question.model_json_schema(),
                        {"$ref": "#/components/schemas/ChatRequest"},
                    ]
                }
            }
        },
    }
}


@router.get("/ping")
async def ping(parts: PartsOf) -> Response:
    """200 when the assistant can answer, 503 before."""
    return Response(status_code=200 if parts.startup.ready else 503)


@router.post("/invocations", openapi_extra=BODY)
async def invocations(request: Request, parts: PartsOf) -> Response:
    """The body of `/v1/chat/completions`, or `{"question", "conversation"?, "access"?}`, which is answered like `ask --json`."""
    try:
        body = await request.json()
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    try:
        if "question" in body:
            return await _ask(Question.model_validate(body), request, parts)
        return await complete(ChatRequest.model_validate(body), request, parts)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from None


async def _ask(body: Question, request: Request, parts: Parts) -> Response:
    history: dict[str, Any] = {} if body.conversation else {"history": []}
    held = of_caller(parts, body.access, trusted=parts.settings.server.trusted_network)
    turn = parts.turns.begin(Ask(body.question, body.conversation, access=held, **history))
    try:
        answer = await while_connected(request, turn.answer())
    finally:
        await turn.aclose()
    return JSONResponse(answer.to_dict())
