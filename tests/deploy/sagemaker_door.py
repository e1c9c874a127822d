"""SageMaker's runtime as far as one endpoint takes: calls go to a container's URL, answers come back as an event stream.

boto3's own parser, which checks the checksums, is the judge of the stream.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from assistant.testing.serving import CUT

STREAM = "application/vnd.amazon.eventstream"
FORWARDED = ("content-type", "x-amzn-sagemaker-custom-attributes")


@dataclass(frozen=True)
class Refusal:
    """An error of the API before any stream."""

    code: str
    message: str = ""
    status: int = 400
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Break:
    """The stream ends after `after` parts: by an exception of that name in it, or with the connection (`cut`)."""

    after: int
    kind: str = "cut"
    message: str = ""


@dataclass
class Door:
    """`endpoints` are names with their containers' URLs; `planned` is what happens to the next calls, one each.

    `sliced` cuts the container's bytes into parts of so many. `states` is what DescribeEndpoint tells; a name that is
    not in it does not exist, and None refuses to tell.
    """

    endpoints: dict[str, str] = field(default_factory=dict)
    planned: deque[Refusal | Break | None] = field(default_factory=deque)
    sliced: int = 0
    states: dict[str, tuple[str, str]] | None = field(default_factory=dict)
    calls: list[dict[str, str]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        stream = Route("/endpoints/{name}/invocations-response-stream", self._stream, methods=["POST"])
        return Starlette(routes=[stream, Route("/", self._describe, methods=["POST"])])

    async def _describe(self, request: Request) -> Response:
        name = (await request.json())["EndpointName"]
        if self.states is None:
            told = {
                "__type": "AccessDeniedException",
                "Message": "not authorized to perform: sagemaker:DescribeEndpoint",
            }
            return Response(json.dumps(told), 400)
        if name not in self.states:
            return Response(json.dumps({"__type": "ValidationException", "Message": "Could not find endpoint"}), 400)
        status, reason = self.states[name]
        return Response(json.dumps({"EndpointName": name, "EndpointStatus": status, "FailureReason": reason}))

    async def _stream(self, request: Request) -> Response:
        name, headers = request.path_params["name"], request.headers
        self.calls.append({"endpoint": name, **headers})
        plan = self.planned.popleft() if self.planned else None
        if isinstance(plan, Refusal):
            return _refusal(plan)
        if name not in self.endpoints:
            return _refusal(Refusal("ValidationError", f"Endpoint {name} of account 123456789012 not found."))
        client = httpx2.AsyncClient(timeout=60)
        asked = client.build_request(
            "POST",
            self.endpoints[name] + "/invocations",
            content=await request.body(),
            headers={key: headers[key] for key in FORWARDED if key in headers},
        )
        answer = await client.send(asked, stream=True)
        if answer.status_code >= 400:
            said = (await answer.aread()).decode()
            await client.aclose()
            more = {"OriginalStatusCode": answer.status_code, "OriginalMessage": said, "LogStreamArn": "arn:aws:logs:x"}
            return _refusal(Refusal("ModelError", f"Received client error: {said}", 424, more))
        parts = self._parts(client, answer, plan, request.scope["extensions"][CUT])
        told = {"X-Amzn-SageMaker-Content-Type": answer.headers.get("content-type", "")}
        return StreamingResponse(parts, 200, told, STREAM)

    async def _parts(self, client: Any, answer: Any, plan: Break | None, cut: Any) -> AsyncIterator[bytes]:
        sent = 0
        try:
            async for data in answer.aiter_raw():
                for part in self._slices(data):
                    if plan is not None and sent == plan.after:
                        if plan.kind == "cut":
                            cut()
                        else:
                            told = json.dumps({"Message": plan.message}).encode()
                            yield event({":message-type": "exception", ":exception-type": plan.kind}, told)
                        return
                    sent += 1
                    yield event({":message-type": "event", ":event-type": "PayloadPart"}, part)
        finally:
            await answer.aclose()
            await client.aclose()

    def _slices(self, data: bytes) -> Iterator[bytes]:
        size = self.sliced or len(data) or 1
        for start in range(0, len(data), size):
            yield data[start : start + size]


def event(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A message of AWS's event stream encoding (AWS: "Amazon EventStream specification"): lengths, headers, two CRC32s."""
    packed = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    lengths = struct.pack(">II", len(packed) + len(payload) + 16, len(packed))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + packed + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _refusal(refusal: Refusal) -> Response:
    told = {"Message": refusal.message, **refusal.more}
    return Response(json.dumps(told), refusal.status, {"x-amzn-errortype": refusal.code}, "application/json")
