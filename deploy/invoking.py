"""One endpoint called through boto3: the client, and a streamed call that any thread can end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """Which endpoint, and how it is reached; times are seconds, None leaves it to boto3's own configuration."""

    endpoint: str
    component: str | None = None
    variant: str | None = None
    attributes: str | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    connect_timeout: float = 10.0
    timeout: float = 70.0
    connections: int = 32

    def parameters(self) -> dict[str, str]:
        """Of the call, without the body."""
        named = {
            "EndpointName": self.endpoint,
            "InferenceComponentName": self.component,
            "TargetVariant": self.variant,
            "CustomAttributes": self.attributes,
        }
        return {"ContentType": "application/json"} | {name: value for name, value in named.items() if value}


class Exchange:
    """One call from the request to the last byte of its answer."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._raw: Any = None

    @property
    def ended(self) -> bool:
        """Whether `cut` was called."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep; true as soon as `cut` is called."""
        return self._ended.wait(seconds)

    def cut(self) -> None:
        """End the call, from any thread and without waiting: a blocked read sees the end of its connection at once."""
        with self._lock:
            self._ended.set()
            if self._raw is not None:
                with contextlib.suppress(Exception):  # it has ended by itself meanwhile
                    self._raw.shutdown()  # not close, which waits for the reading thread

    def parts(self, client: Any, target: Target, body: bytes) -> Iterator[bytes]:
        """The bytes of the answer as they come; raises what boto3, botocore and urllib3 raise."""
        response = client.invoke_endpoint_with_response_stream(**target.parameters(), Body=body)
        stream = response["Body"]
        with self._lock:
            self._raw = getattr(stream, "_raw_stream", None)  # botocore offers no way to end a read
        try:
            for event in () if self.ended else stream:
                yield event["PayloadPart"]["Bytes"]
        finally:
            with self._lock:
                self._raw = None
            stream.close()


class Line:
    """The client of one model, made when it is needed, and its slots; a copy or a pickle starts without any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Any = None
        self._slots: threading.Semaphore | None = None

    def __reduce__(self) -> tuple[type[Line], tuple[()]]:
        return Line, ()

    def client(self, target: Target) -> Any:
        """The runtime's client; raises what boto3 raises where there is no region or no such profile."""
        with self._lock:
            if self._client is None:
                self._client = make_client("sagemaker-runtime", target, endpoint_url=target.endpoint_url)
            return self._client

    def slots(self, target: Target) -> threading.Semaphore:
        """As many as there are connections: one carries one stream."""
        with self._lock:
            if self._slots is None:
                self._slots = threading.BoundedSemaphore(target.connections)
            return self._slots

    def close(self) -> None:
        """Close the connections; a later call makes new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()


def make_client(service: str, target: Target, *, endpoint_url: str | None = None) -> Any:
    """A client that never repeats a call by itself: boto3 does not know whether the answer had begun."""
    import boto3  # type: ignore[import-untyped, unused-ignore]
    from botocore.config import Config  # type: ignore[import-untyped, unused-ignore]

    config = Config(
        connect_timeout=target.connect_timeout,
        read_timeout=target.timeout,
        max_pool_connections=target.connections,
        retries={"total_max_attempts": 1, "mode": "standard"},
        tcp_keepalive=True,  # a model that thinks says nothing, and gateways drop silent connections
    )
    session = boto3.Session(region_name=target.region, profile_name=target.profile)
    make = partial(session.client, service, config=config)
    return make(endpoint_url=endpoint_url) if endpoint_url else make()


def state_of(target: Target) -> tuple[str, str] | None:
    """Status and failure reason of the endpoint as SageMaker tells them, `("", "")` where there is no such endpoint.

    None where it does not say: calling an endpoint needs no permission to describe it.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped, unused-ignore]

    try:
        client = make_client("sagemaker", target)
        try:
            told = client.describe_endpoint(EndpointName=target.endpoint)
        finally:
            client.close()
    except ClientError as error:
        return ("", "") if error.response.get("Error", {}).get("Code") == "ValidationException" else None
    except BotoCoreError:
        return None
    return str(told.get("EndpointStatus", "")), str(told.get("FailureReason", ""))
