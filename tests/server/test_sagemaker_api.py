from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

Open = Callable[..., TestClient]
ANSWER = "The pump is oiled every 200 hours of operation. [1]"
QUESTION = "How often is the pump oiled?"


def test_a_question_is_answered_like_the_command_line_answers_it(client: TestClient) -> None:
    body = client.post("/invocations", json={"question": QUESTION}).json()

    assert {"text", "grounded", "citations", "usage", "conversation"} == body.keys()
    assert (ANSWER, "yes", None) == (body["text"], body["grounded"], body["conversation"])


def test_a_conversation_is_remembered_between_invocations(client: TestClient) -> None:
    for _ in range(2):
        body = client.post("/invocations", json={"question": QUESTION, "conversation": "c-1"}).json()
    assert "c-1" == body["conversation"]


def test_the_openai_body_is_answered_the_same_as_there(client: TestClient) -> None:
    body = {"messages": [{"role": "user", "content": QUESTION}]}

    here, there = client.post("/invocations", json=body), client.post("/v1/chat/completions", json=body)
    streamed = client.post("/invocations", json={**body, "stream": True})

    assert here.json()["choices"] == there.json()["choices"]
    assert streamed.text.endswith("data: [DONE]\n\n")


def test_the_content_type_does_not_matter(client: TestClient) -> None:
    response = client.post("/invocations", content=b'{"question": "How often?"}', headers={"Content-Type": ""})
    assert 200 == response.status_code


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{}", b"nonsense", b"\xff", b"[" * 100_000),
        *(b'{"question": 1}', b'{"question": "a", "conversation": ""}'),
    ],
)
def test_an_invalid_invocation_is_refused(client: TestClient, body: Any) -> None:
    response = client.post("/invocations", content=body)
    assert (400, "invalid_request_error") == (response.status_code, response.json()["error"]["type"])


def test_ping_is_200_when_ready(client: TestClient) -> None:
    assert (200, b"") == (client.get("/ping").status_code, client.get("/ping").content)
