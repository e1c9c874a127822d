from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from assistant.errors import ConfigurationError
from assistant.server.app import check_listen, create_app
from assistant.settings import Settings

Open = Callable[..., TestClient]
ASKED = {"messages": [{"role": "user", "content": "How often is the pump oiled?"}]}


def with_server(**server: Any) -> Settings:
    return Settings.model_validate({"server": server})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_needs_no_key(host: str) -> None:
    check_listen(with_server(), host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_listening_beyond_this_machine_needs_a_key(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"server\.api_keys"):
        check_listen(with_server(), host)
    check_listen(with_server(api_keys=["k"]), host)
    check_listen(with_server(trusted_network=True), host)


def test_an_empty_key_is_no_key() -> None:
    with pytest.raises(ConfigurationError, match="empty key"):
        create_app(with_server(api_keys=["good", " "]))


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic s3cret-1", "s3cret-1", "Bearer s3cret-1 x"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/knowledge/documents"),
        ("POST", "/invocations"),
        ("GET", "/v1/nothing"),
    ],
)
def test_without_a_valid_key_nothing_is_answered(open_app: Open, method: str, path: str, authorization: str) -> None:
    client = open_app(api_keys=["s3cret-1", "s3cret-2"])

    response = client.request(method, path, headers={"Authorization": authorization}, content=b"not even JSON")

    assert (401, "Bearer") == (response.status_code, response.headers["www-authenticate"])
    assert "invalid_api_key" == response.json()["error"]["code"]
    assert "s3cret" not in response.text


@pytest.mark.parametrize("root_path", ["/", "/v", "/api"])
def test_a_root_path_opens_no_way_around_the_key(settings: Settings, root_path: str) -> None:
    keyed = Settings.model_validate({**settings.model_dump(), "server": {"api_keys": ["k"]}})
    client = TestClient(create_app(keyed), base_url="http://127.0.0.1:8000", root_path=root_path)

    for path in ("/v1/models", f"{root_path.rstrip('/')}/v1/models"):
        assert 401 == client.get(path).status_code


@pytest.mark.parametrize("key", ["s3cret-1", "schlüssel"])
def test_any_of_the_keys_opens(open_app: Open, key: str) -> None:
    client = open_app(api_keys=["s3cret-1", "schlüssel"])
    headers = {b"Authorization": f"bearer {key}".encode()}
    assert 200 == client.post("/v1/chat/completions", json=ASKED, headers=headers).status_code


@pytest.mark.parametrize("path", ["/", "/docs", "/health", "/ready", "/metrics", "/ping", "/openapi.json"])
def test_the_page_and_health_need_no_key(open_app: Open, path: str) -> None:
    assert 200 == open_app(api_keys=["k"]).get(path).status_code


def test_keys_are_never_logged_or_shown(open_app: Open, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client = open_app(api_keys=["hunter2"])
        client.get("/v1/models", headers={"Authorization": "Bearer hunter3"})
    assert "hunter" not in caplog.text
    assert "hunter2" not in client.get("/openapi.json").text + client.get("/metrics").text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1"])
def test_a_rebound_name_reaches_nothing(client: TestClient, host: str) -> None:
    for path in ("/", "/v1/models", "/ready"):
        response = client.get(path, headers={"Host": host})
        assert (403, "unknown_host") == (response.status_code, response.json()["error"]["code"])


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "bot.example"])
def test_this_machine_and_the_public_url_are_known(open_app: Open, host: str) -> None:
    client = open_app(public_url="https://bot.example")
    assert 200 == client.get("/v1/models", headers={"Host": host}).status_code


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://["])
def test_a_page_of_another_site_cannot_drive_a_local_assistant(client: TestClient, origin: str) -> None:
    response = client.post("/v1/chat/completions", json=ASKED, headers={"Origin": origin, "Content-Type": "text/plain"})
    assert (403, "unknown_origin") == (response.status_code, response.json()["error"]["code"])


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "https://site.example", "https://bot.example"])
def test_its_own_page_and_listed_sites_can(open_app: Open, origin: str) -> None:
    client = open_app(cors_origins=["https://site.example"], public_url="https://bot.example")
    assert 200 == client.post("/v1/chat/completions", json=ASKED, headers={"Origin": origin}).status_code


def test_a_listed_site_may_ask_before_it_has_a_key(open_app: Open) -> None:
    client = open_app(api_keys=["k"], cors_origins=["https://site.example"])
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}

    listed = client.options("/v1/chat/completions", headers={"Origin": "https://site.example", **ask})
    other = client.options("/v1/chat/completions", headers={"Origin": "https://evil.example", **ask})
    refused = client.get("/v1/models", headers={"Origin": "https://site.example"})

    assert (200, "https://site.example") == (listed.status_code, listed.headers["access-control-allow-origin"])
    assert "access-control-allow-origin" not in other.headers
    assert (401, "https://site.example") == (refused.status_code, refused.headers["access-control-allow-origin"])


def test_no_site_is_listed_by_default(client: TestClient) -> None:
    response = client.get("/v1/models", headers={"Origin": "https://site.example"})
    assert "access-control-allow-origin" not in response.headers


def test_a_trusted_network_is_asked_for_nothing(open_app: Open) -> None:
    client = open_app(host="0.0.0.0", trusted_network=True)
    response = client.post("/invocations", json={"question": "How often?"}, headers={"Host": "10.0.0.7:8080"})
    assert 200 == response.status_code


def test_why_something_failed_is_told_to_holders_of_a_key(open_app: Open) -> None:
    reason = "failed: postgresql://db.internal/assistant does not answer"
    client = open_app(api_keys=["k"])
    parts: Any = client.app.state.parts  # type: ignore[attr-defined]
    parts.inbox.state = reason
    parts.startup.parts["engine"] = "failed: /srv/models/private is no model"
    parts.inbox.links["post"] = SimpleNamespace(state=reason, failed=True)

    for wrong in ({}, {"Authorization": "Bearer wrong"}):
        response = client.get("/ready", headers=wrong)
        assert (503, "failed") == (response.status_code, response.json()["status"])
        assert {"engine": "failed", "inbox": "failed"}.items() <= response.json()["parts"].items()
        assert {"post": "failed"} == response.json()["connectors"]
    told = client.get("/ready", headers={"Authorization": "Bearer k"}).json()
    assert (reason, reason) == (told["parts"]["inbox"], told["connectors"]["post"])
    del parts.inbox.links["post"]
    parts.inbox.state = "ready"
