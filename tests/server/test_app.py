from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from assistant.errors import ConfigurationError
from assistant.sections import Engine
from assistant.server.app import create_app
from assistant.server.parts import model_name
from assistant.settings import Settings

Open = Callable[..., TestClient]


def test_a_connector_that_is_not_installed_is_a_configuration_error() -> None:
    settings = Settings.model_validate({"connectors": {"pigeon": {"token": "hunter2"}}})
    with pytest.raises(ConfigurationError, match=r"connectors\.pigeon") as refused:
        create_app(settings)
    assert "hunter2" not in str(refused.value)


def test_webhooks_of_no_connector_do_not_exist(client: TestClient) -> None:
    assert 404 == client.post("/webhooks/telegram", json={}).status_code


def test_listening_beyond_this_machine_without_keys_makes_no_app() -> None:
    with pytest.raises(ConfigurationError, match=r"server\.api_keys"):
        create_app(Settings.model_validate({"server": {"host": "0.0.0.0"}}))


def test_every_route_of_the_design_is_described(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    expected = {
        "/v1/chat/completions": {"post"},
        "/v1/models": {"get"},
        "/v1/knowledge/documents": {"post", "get"},
        "/v1/knowledge/search": {"post"},
        "/v1/inbox": {"get"},
        "/v1/inbox/{id}": {"get", "delete"},
        "/v1/inbox/{id}/retry": {"post"},
        "/health": {"get"},
        "/ready": {"get"},
        "/metrics": {"get"},
        "/ping": {"get"},
        "/invocations": {"post"},
    }
    assert {path: methods for path, methods in expected.items() if not methods <= set(paths.get(path, ()))} == {}


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_loads_nothing_from_another_host(client: TestClient, path: str) -> None:
    page = client.get(path)

    links = re.findall(r"""(?:src|href|spec-url)="([^"]*)""", page.text)
    assert links
    for link in links:
        assert link == "data:," or 200 == client.get(f"/{link}").status_code
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy


def test_the_title_is_shown_as_text(open_app: Open) -> None:
    page = open_app(title="<script>alert(1)</script>").get("/").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_every_answer_carries_security_headers(client: TestClient) -> None:
    for path in ("/", "/v1/models", "/nothing", "/static/page.js"):
        assert "nosniff" == client.get(path).headers["x-content-type-options"]


def test_metrics_count_requests_by_route_and_answers(client: TestClient) -> None:
    client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "pump?"}], "stream": True})
    client.get("/v1/models/a")
    client.get("/some/endless/path")
    for method in ("INVENTED1", "INVENTED2"):
        client.request(method, "/")

    lines = client.get("/metrics").text.splitlines()

    assert 'assistant_answers_total{grounded="yes"} 1.0' in lines
    assert "assistant_first_token_seconds_count 1.0" in lines
    assert 'assistant_http_requests_total{method="GET",route="/v1/models/{name:path}",status="404"} 1.0' in lines
    assert 'assistant_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in lines
    assert 'assistant_http_requests_total{method="other",route="/",status="405"} 2.0' in lines
    assert any(line.startswith('assistant_tokens_total{kind="completion"}') for line in lines)
    assert "endless" not in "".join(lines)


def test_each_app_counts_for_itself(settings: Settings) -> None:
    first, second = (TestClient(create_app(settings), base_url="http://127.0.0.1:8000") for _ in range(2))
    first.get("/v1/models")
    assert 'route="/v1/models"' not in second.get("/metrics").text


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (Engine(), "smollm2-135m-instruct"),
        (Engine(model="meta-llama/Llama-3.1-8B-Instruct"), "meta-llama/Llama-3.1-8B-Instruct"),
        (Engine(model="/models/llama-3"), "llama-3"),
        (Engine(kind="some.package:Model"), "some.package:Model"),
    ],
)
def test_a_model_is_named_without_the_folder_it_lies_in(engine: Engine, expected: str) -> None:
    assert expected == model_name(engine)
