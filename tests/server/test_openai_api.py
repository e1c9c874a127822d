from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from langchain_core.messages import AIMessage, HumanMessage
from server_fakes import Failing, Recording

from assistant.errors import (
    AssistantError,
    ConfigurationError,
    EngineUnavailable,
    PromptTooLong,
    RateLimited,
    Rejected,
)

URL = "/v1/chat/completions"
Open = Callable[..., TestClient]


def asked(question: Any = "How often is the pump oiled?", **parameters: Any) -> dict[str, Any]:
    return {"model": "any", "messages": [{"role": "user", "content": question}], **parameters}


def events(text: str) -> list[Any]:
    data = [block.removeprefix("data: ") for block in text.split("\n\n") if block.startswith("data: ")]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def test_an_answer_names_the_real_model_its_citations_and_its_tokens(client: TestClient) -> None:
    body = client.post(URL, json=asked()).json()

    message = body["choices"][0]["message"]
    assert "smollm2-135m-instruct" == body["model"]
    assert "The pump is oiled every 200 hours of operation. [1]" == message["content"]
    assert "stop" == body["choices"][0]["finish_reason"]
    assert "yes" == body["assistant"]["grounded"]
    assert body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"] == body["usage"]["total_tokens"] > 0
    assert {"cached_tokens": 0} == body["usage"]["prompt_tokens_details"]


def test_an_annotation_points_at_its_mark_in_the_text_and_at_the_passage(client: TestClient) -> None:
    message = client.post(URL, json=asked()).json()["choices"][0]["message"]

    [annotation] = message["annotations"]
    cited = annotation["file_citation"]
    assert "file_citation" == annotation["type"]
    assert "[1]" == message["content"][annotation["start_index"] : annotation["end_index"]] == annotation["text"]
    assert ("/srv/manual.md", "Pump manual", 3) == (cited["source"], cited["title"], cited["page"])
    assert cited["file_id"] == cited["source"]
    assert cited["quote"] in "The pump is oiled every 200 hours of operation. Use mineral oil only."


@pytest.mark.parametrize(("grounding", "least"), [("strict", 2), ("prefer", 5)])
def test_a_stream_says_the_same_as_the_whole_answer(open_app: Open, grounding: str, least: int) -> None:
    client = open_app(grounding=grounding)
    whole = client.post(URL, json=asked()).json()["choices"][0]

    response = client.post(URL, json=asked(stream=True))

    *chunks, end = events(response.text)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "[DONE]" == end
    assert len(deltas) >= least
    assert whole["message"]["content"] == "".join(delta.get("content", "") for delta in deltas)
    assert whole["message"]["annotations"] == deltas[-1]["annotations"]
    assert "stop" == chunks[-1]["choices"][0]["finish_reason"]
    assert {"grounded": "yes"} == chunks[-1]["assistant"]


def test_a_stream_counts_tokens_only_when_asked_to(client: TestClient) -> None:
    plain = events(client.post(URL, json=asked(stream=True)).text)
    counted = events(client.post(URL, json=asked(stream=True, stream_options={"include_usage": True})).text)

    assert not any("usage" in chunk for chunk in plain[:-1])
    assert [] == counted[-2]["choices"]
    assert counted[-2]["usage"]["completion_tokens"] > 0


def test_the_answer_is_cut_at_max_tokens_and_says_so(open_app: Open) -> None:
    client = open_app()
    assert "length" == client.post(URL, json=asked(max_tokens=1)).json()["choices"][0]["finish_reason"]


def test_earlier_messages_are_history_system_messages_instructions_and_parameters_reach_the_model(
    open_app: Open,
) -> None:
    model = Recording()
    messages = [
        {"role": "system", "content": "Speak like a pirate."},
        {"role": "user", "content": "What is a pump?"},
        {"role": "assistant", "content": "A machine."},
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "How often is it"}, {"type": "text", "text": "oiled?"}]},
    ]
    parameters = {"temperature": 0.5, "top_p": 0.9, "max_completion_tokens": 40, "seed": 7, "stop": "END"}

    response = open_app(model).post(URL, json={"messages": messages, **parameters})

    assert 200 == response.status_code, response.text
    prompt, options = model.asked[-1]
    said = "\n".join(message.text for message in prompt)
    assert "Speak like a pirate." in said
    assert "Be brief." in said
    assert [HumanMessage, AIMessage] == [type(message) for message in prompt if message.type != "system"][:2]
    assert "oiled?" in prompt[-1].text
    assert (0.5, 0.9, 40, 7) == tuple(options[name] for name in ("temperature", "top_p", "max_tokens", "seed"))
    assert ["END"] == options["stop"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("tools", [{"type": "function", "function": {"name": "f"}}]),
        ("response_format", {"type": "json_object"}),
        ("n", 2),
        ("logprobs", True),
        ("presence_penalty", 0.5),
        ("tool_choice", "required"),
    ],
)
def test_an_unsupported_parameter_is_refused_by_name(client: TestClient, parameter: str, value: Any) -> None:
    response = client.post(URL, json=asked(**{parameter: value}))

    assert (400, parameter) == (response.status_code, response.json()["error"]["param"])
    assert "unsupported_parameter" == response.json()["error"]["code"]


def test_unknown_and_neutral_parameters_are_ignored(client: TestClient) -> None:
    harmless = {"n": 1, "tools": [], "response_format": {"type": "text"}, "store": True, "metadata": {"a": "b"}}
    assert 200 == client.post(URL, json=asked(user="me", logit_bias=None, **harmless)).status_code


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "a"}] * 10_001}, "messages"),
        ({}, "messages"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        (asked([{"type": "image_url", "image_url": {"url": "data:,"}}]), "messages[0].content"),
        (asked(42), "messages[0].content"),
        (asked(temperature=3), "temperature"),
        (asked(max_tokens=0), "max_tokens"),
    ],
)
def test_an_invalid_request_is_refused_with_the_place_that_is_wrong(
    client: TestClient, body: dict[str, Any], param: str
) -> None:
    response = client.post(URL, json=body)

    assert 400 == response.status_code
    assert {"message", "type", "param", "code"} == response.json()["error"].keys()
    assert (param, "invalid_request_error") == (response.json()["error"]["param"], response.json()["error"]["type"])


@pytest.mark.parametrize("question", ["", "   ", "word " * 2000])
def test_an_empty_or_endless_question_is_refused(client: TestClient, question: str) -> None:
    for stream in (False, True):
        response = client.post(URL, json=asked(question, stream=stream))
        assert (400, "invalid_request_error") == (response.status_code, response.json()["error"]["type"])


def test_a_body_that_is_not_json_is_refused(client: TestClient) -> None:
    response = client.post(URL, content=b"{", headers={"Content-Type": "application/json"})
    assert 400 == response.status_code
    assert "not valid JSON" in response.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PromptTooLong(prompt_tokens=9, max_tokens=5, context_tokens=8), 400, "context_length_exceeded"),
        (RateLimited("slow down", retry_after=2.5), 429, "rate_limit_exceeded"),
        (EngineUnavailable("gone"), 503, "engine_unavailable"),
        (Rejected("bad token"), 502, "upstream_rejected"),
        (ConfigurationError("engine.api_key 'hunter2' is wrong"), 500, "configuration_error"),
    ],
)
def test_an_error_before_the_first_word_is_a_status(
    open_app: Open, error: AssistantError, status: int, code: str, stream: bool
) -> None:
    response = open_app(Failing(error=error)).post(URL, json=asked(stream=stream))

    assert (status, code) == (response.status_code, response.json()["error"]["code"])
    assert "hunter2" not in response.text
    assert {429: "3", 503: "10"}.get(status) == response.headers.get("retry-after")


def test_an_unexpected_error_tells_the_caller_nothing(open_app: Open) -> None:
    response = open_app(Failing(error=RuntimeError("secret"))).post(URL, json=asked())

    assert response.status_code >= 500
    assert "secret" not in response.text
    assert {"message", "type", "param", "code"} == response.json()["error"].keys()


def test_an_error_after_the_first_word_is_the_last_event(open_app: Open) -> None:
    model = Failing(error=EngineUnavailable("the model died"), words=["The ", "pump ", "is ", "oiled "])

    *chunks, last = events(open_app(model, grounding="prefer").post(URL, json=asked(stream=True)).text)

    assert any(chunk["choices"][0]["delta"].get("content") for chunk in chunks)
    assert ("engine_unavailable", "the model died") == (last["error"]["code"], last["error"]["message"])


def test_the_model_is_listed_and_found_by_name(client: TestClient) -> None:
    [model] = client.get("/v1/models").json()["data"]

    assert model == client.get(f"/v1/models/{model['id']}").json()
    missing = client.get("/v1/models/gpt-4")
    assert (404, "model_not_found") == (missing.status_code, missing.json()["error"]["code"])


def test_an_unknown_route_answers_in_the_same_shape(client: TestClient) -> None:
    response = client.get("/v1/nothing")
    assert (404, "invalid_request_error") == (response.status_code, response.json()["error"]["type"])


def test_labels_are_not_honoured_of_callers_without_a_key(open_app: Open) -> None:
    keyless = open_app().post(URL, json={**asked(), "access": ["tenant:a"]})
    assert (403, "access_needs_api_key", "access") == (
        keyless.status_code,
        keyless.json()["error"]["code"],
        keyless.json()["error"]["param"],
    )


def test_labels_are_honoured_of_callers_with_a_key(open_app: Open) -> None:
    keyed = open_app(api_keys=["secret"])
    header = {"Authorization": "Bearer secret"}
    assert 200 == keyed.post(URL, json={**asked(), "access": ["tenant:a"]}, headers=header).status_code
    wrong = keyed.post(URL, json={**asked(), "access": [" "]}, headers=header)
    assert (400, "access") == (wrong.status_code, wrong.json()["error"]["param"])
