"""Every error as an HTTP answer in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from assistant.errors import (
    AssistantError,
    ConfigurationError,
    PermanentError,
    PromptTooLong,
    RateLimited,
    Rejected,
    TransientError,
    Unreadable,
)

logger = logging.getLogger(__name__)

CLIENT_GONE = 499
"""nginx's status for a client that went away; only logs and metrics see it."""


class BadRequest(PermanentError):
    """The request cannot be served as it is; `param` names the part that is wrong."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status


@contextmanager
def bad_request_for(error: type[Exception], *, param: str) -> Iterator[None]:
    """Blame the caller's `param` for an `error` inside."""
    try:
        yield
    except error as problem:
        raise BadRequest(str(problem), param=param) from problem


@dataclass(frozen=True, slots=True)
class Problem:
    """One error answer; `retry_after` is in seconds."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None

    def body(self) -> dict[str, Any]:
        """OpenAI's error object (platform.openai.com, API reference, error codes)."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def response(self, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """The HTTP answer, with Retry-After (whole seconds, at least 1) where it is known."""
        wait = {} if self.retry_after is None else {"Retry-After": str(max(1, math.ceil(self.retry_after)))}
        return JSONResponse(self.body(), self.status, {**wait, **(headers or {})})


def problem_of(error: Exception) -> Problem:
    """What the caller may know of `error`: ours say what to do; of the configuration and all others the log tells."""
    text = str(error)
    match error:
        case BadRequest():
            return Problem(error.status, text, code=error.code, param=error.param)
        case PromptTooLong():
            return Problem(400, text, code="context_length_exceeded", param="messages")
        case Unreadable():
            return Problem(422, text, code="unreadable_document")
        case RateLimited():
            return Problem(429, text, "rate_limit_error", "rate_limit_exceeded", retry_after=error.retry_after or 1)
        case TransientError():
            return Problem(503, text, "server_error", "engine_unavailable", retry_after=10)
        case Rejected():
            return Problem(502, text, "server_error", "upstream_rejected")
        case PermanentError():
            return Problem(400, text)
        case ConfigurationError():
            message = "the server is not configured correctly; its log says what to do"
            return Problem(500, message, "server_error", "configuration_error")
    return Problem(500, "the server failed; its log has the details", "server_error", "internal_error")


def report(error: Exception) -> Problem:
    """The problem to answer with; whatever is the server's own fault goes to the log with its trace."""
    problem = problem_of(error)
    if problem.status == 500:
        logger.error("request failed: %s", error, exc_info=error)
    return problem


def install(app: FastAPI) -> None:
    """Answer every error of `app` in this shape."""

    @app.exception_handler(AssistantError)
    async def ours(request: Request, error: AssistantError) -> Response:
        return report(error).response()

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return problem_of(error).response()  # Starlette raises it again, and the server logs it

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return Problem(error.status_code, str(error.detail)).response(headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return _explain(error).response()

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_GONE)


def _explain(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        reason = first.get("ctx", {}).get("error") or first["msg"].removeprefix("Invalid JSON: ")
        return Problem(400, f"the body is not valid JSON: {reason}")
    where = list(first["loc"])
    if where[:1] in (["body"], ["query"], ["path"]):  # where FastAPI read it; a field of such a name comes after it
        where = where[1:]
    param = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
    message = first["msg"].removeprefix("Value error, ")
    return Problem(400, f"{param}: {message}" if param else message, param=param or None)
