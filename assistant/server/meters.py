"""Prometheus metrics of one app, in a registry of its own."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.answers import Answer

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Meters:
    """Counters and histograms; every time is in seconds."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "assistant_http_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self.latency = Histogram(
            "assistant_http_request_seconds", "Time to the last byte", ["route"], buckets=SECONDS, registry=registry
        )
        self.first_token = Histogram(
            "assistant_first_token_seconds", "Time to an answer's first text", buckets=SECONDS, registry=registry
        )
        self.answers = Counter("assistant_answers", "Answers finished", ["grounded"], registry=registry)
        self.failures = Counter("assistant_answers_failed", "Answers that ended in an error", registry=registry)
        self.aborted = Counter("assistant_answers_aborted", "Answers nobody waited for", registry=registry)
        self.tokens = Counter("assistant_tokens", "Tokens read and written", ["kind"], registry=registry)
        self.running = Gauge("assistant_answers_running", "Answers being generated now", registry=registry)

    def answered(self, answer: Answer) -> None:
        """Count a finished answer and its tokens."""
        self.answers.labels(answer.grounded).inc()
        self.tokens.labels("prompt").inc(answer.usage.prompt_tokens)
        self.tokens.labels("cached").inc(answer.usage.cached_tokens)
        self.tokens.labels("completion").inc(answer.usage.completion_tokens)


class Metered:
    """ASGI middleware that counts and times requests by route template (never by path: paths are endless)."""

    def __init__(self, app: ASGIApp, *, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in METHODS else "other"  # a caller may invent endlessly many
            self._meters.requests.labels(method, route, str(status)).inc()
            self._meters.latency.labels(route).observe(time.perf_counter() - begun)
