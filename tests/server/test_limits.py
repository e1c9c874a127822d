from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

Open = Callable[..., TestClient]


def chunks(count: int) -> Iterator[bytes]:
    yield b'{"messages": [{"role": "user", "content": "'
    for _ in range(count):
        yield b"x" * 1024
    yield b'"}]}'


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/invocations"])
def test_a_body_that_is_too_large_is_refused_whether_declared_or_not(open_app: Open, path: str) -> None:
    client = open_app(max_body_mib=0.01)
    json = {"Content-Type": "application/json"}

    declared = client.post(path, content=b"".join(chunks(20)), headers=json)
    streamed = client.post(path, content=chunks(20), headers=json)

    for response in (declared, streamed):
        assert (413, "invalid_request_error") == (response.status_code, response.json()["error"]["type"])
        assert "server.max_body_mib" in response.json()["error"]["message"]


def test_an_upload_that_is_too_large_is_refused(open_app: Open) -> None:
    client = open_app(max_body_mib=0.01)
    files = {"file": ("big.txt", b"x" * 20_000)}
    assert 413 == client.post("/v1/knowledge/documents", files=files).status_code


def test_a_body_of_the_allowed_size_passes(open_app: Open) -> None:
    client = open_app(max_body_mib=0.01)
    response = client.post("/v1/chat/completions", content=chunks(5), headers={"Content-Type": "application/json"})
    assert 200 == response.status_code
