from __future__ import annotations

import asyncio
import http.server
import importlib.util
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assistant import hardware
from assistant.doctor import Check, examine
from assistant.errors import Rejected
from assistant.inbox import Inbox, Reply, Turn
from assistant.knowledge import Knowledge
from assistant.settings import Settings
from assistant.testing.memory_connector import MemoryConnector
from assistant.testing.memory_platform import body, event
from assistant.types import Webhook

SECRET = "sk-never-shown-0123456789"
ECHO = {"kind": "assistant.testing.echo:EchoChat"}
needs_vllm = pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
WORDS = {"embedding_model": "assistant.testing.words:WordEmbeddings"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours is set, and the working directory is empty."""
    import os

    for name in [name for name in os.environ if name.startswith("ASSISTANT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def configure(**sections: dict[str, Any]) -> Path:
    """A configuration file; JSON's values are TOML's."""
    lines = []
    for name, values in {"engine": ECHO, "knowledge": WORDS, **sections}.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    path = Path("assistant.toml")
    path.write_text("\n".join(lines))
    return path


def check(name: str, **sections: dict[str, Any]) -> Check:
    checks = {found.name: found for found in examine(configure(**sections))}
    assert name in checks, checks
    return checks[name]


@contextmanager
def model_server(status: int = 200) -> Iterator[str]:
    """An OpenAI-compatible server of one model; wants a key where `status` is 401."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"data": [{"id": "served"}]}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://user:{SECRET}@127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_sound_installation_has_no_failure() -> None:
    assert not [found for found in examine(configure()) if found.state == "fail"]


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    path = configure()
    examine(path)
    assert [path.name] == [found.name for found in tmp_path.iterdir()]


def test_a_wrong_configuration_fails_by_its_key() -> None:
    Path("assistant.toml").write_text("[server]\nprot = 1\n")
    *_, last = examine()
    assert ("configuration", "fail") == (last.name, last.state)
    assert "server.port" in last.detail


def test_a_folder_that_cannot_be_written_fails() -> None:
    Path("file").write_text("")
    path = configure()
    path.write_text('data_dir = "file/data"\n' + path.read_text())
    [found] = [found for found in examine(path) if found.name == "data_dir"]
    assert "fail" == found.state


def test_an_empty_knowledge_is_a_warning_that_says_how_to_fill_it() -> None:
    found = check("knowledge")
    assert ("warn", True) == (found.state, "assistant ingest" in found.remedy)


def test_a_knowledge_with_documents_is_counted() -> None:
    Path("a.md").write_text("# One\n\nThe first document.\n")
    with Knowledge(Settings.load(configure())) as knowledge:
        knowledge.add("a.md")
    assert check("knowledge").detail.startswith("1 documents")


def test_a_knowledge_of_another_embedding_model_fails_with_the_remedy() -> None:
    with Knowledge(Settings.load(configure())):
        pass
    found = check("knowledge", knowledge={**WORDS, "chunk_tokens": 64})
    assert "fail" == found.state
    assert "ingest the documents again" in found.detail


def test_a_state_database_is_asked_when_it_exists() -> None:
    Path("data").mkdir()
    Path("data/state.db").write_bytes(b"this is no database, but long enough to be one" * 10)
    assert "fail" == check("state").state


def test_a_state_database_that_does_not_answer_fails_without_its_password() -> None:
    url = f"postgresql+nodriver://user:{SECRET}@127.0.0.1:{closed_port()}/name"
    found = check("state", state={"url": url})
    assert "fail" == found.state
    assert SECRET not in f"{found}"


def test_a_server_of_the_model_is_asked_what_it_serves() -> None:
    with model_server() as url:
        found = check("engine", engine={"kind": "openai", "base_url": url, "model": "served", "api_key": SECRET})
    assert "ok" == found.state
    assert SECRET not in f"{found}"


def test_a_server_of_other_models_fails_with_their_names() -> None:
    with model_server() as url:
        found = check("engine", engine={"kind": "openai", "base_url": url, "model": "wanted"})
    assert ("fail", True) == (found.state, "['served']" in found.remedy)


def test_a_server_that_refuses_the_key_fails_with_the_key_to_set() -> None:
    with model_server(401) as url:
        found = check("engine", engine={"kind": "openai", "base_url": url, "api_key": SECRET})
    assert ("fail", "set engine.api_key") == (found.state, found.remedy)
    assert SECRET not in f"{found}"


def test_a_server_that_is_down_fails() -> None:
    url = f"http://127.0.0.1:{closed_port()}/v1"
    assert "fail" == check("engine", engine={"kind": "openai", "base_url": url}).state


def test_a_server_without_a_url_fails() -> None:
    assert "engine.base_url is not set" == check("engine", engine={"kind": "openai"}).detail


def test_a_model_class_that_is_not_installed_fails() -> None:
    assert "fail" == check("engine", engine={"kind": "no_such_package.models:Chat"}).state


@needs_vllm
@pytest.mark.parametrize(
    ("model", "state"),
    [("smollm2-135m-instruct", "ok"), ("Llama-3.1-405B-Instruct", "fail"), ("someone/unknown", "warn")],
)
def test_the_memory_is_held_against_the_model(model: str, state: str) -> None:
    assert state == check("memory", engine={"kind": "vllm", "model": model}).state


@needs_vllm
def test_a_base_model_is_a_warning() -> None:
    assert "warn" == check("model", engine={"kind": "vllm", "model": "SmolLM2-135M"}).state


@needs_vllm
def test_a_model_in_a_folder_is_measured_by_its_config() -> None:
    Path("model").mkdir()
    Path("model/config.json").write_text("{}")
    assert "num_attention_heads" in check("engine", engine={"kind": "vllm", "model": "model"}).detail


def test_listening_beyond_this_machine_without_keys_fails() -> None:
    assert "fail" == check("exposure", server={"host": "0.0.0.0"}).state
    assert "ok" == check("exposure", server={"host": "0.0.0.0", "api_keys": [SECRET]}).state


def test_a_connector_that_is_not_installed_fails() -> None:
    assert "fail" == check("connectors", **{"connectors.pigeon": {"token": SECRET}}).state


MEMORY = {"class": "assistant.testing.memory_connector:MemoryConnector", "secret": SECRET}


def test_a_wrong_key_of_a_connector_fails_by_its_name() -> None:
    found = check("connectors", **{"connectors.memory": {**MEMORY, "secrit": SECRET}})
    assert ("fail", True) == (found.state, "connectors.memory.secrit" in found.detail)
    assert SECRET not in f"{found}"


def test_every_connector_is_looked_at() -> None:
    wrong: dict[str, dict[str, Any]] = {"connectors.one": {}, "connectors.two": MEMORY, "connectors.three": {}}
    found = [found.state for found in examine(configure(**wrong)) if found.name == "connectors"]
    assert ["fail", "ok", "fail"] == found


@pytest.mark.parametrize(
    ("public_url", "mode", "state"),
    [
        ("https://bot.example", "webhook", "ok"),
        ("http://bot.example", "webhook", "warn"),
        ("", "webhook", "fail"),
        ("", "polling", "ok"),
        ("", None, "ok"),
        ("http://bot.example", "polling", "ok"),
    ],
)
def test_a_webhook_needs_a_public_url(public_url: str, mode: str | None, state: str) -> None:
    connector = {"class": "doctor_fakes:Either", "secret": SECRET, **({"mode": mode} if mode else {})}
    assert state == check("connectors", server={"public_url": public_url}, **{"connectors.memory": connector}).state


def inbox_checks() -> list[tuple[str, str]]:
    return [(found.state, found.detail) for found in examine(configure()) if found.name == "inbox"]


def test_an_inbox_that_is_not_there_yet_is_empty() -> None:
    assert [("ok", "0 messages wait, 0 are being answered")] == inbox_checks()


def test_an_inbox_that_cannot_be_read_fails() -> None:
    Path("data").mkdir()
    Path("data/state-inbox.db").write_bytes(b"this is no database, but long enough to be one" * 10)
    assert ["fail"] == [state for state, _ in inbox_checks()]


async def test_what_waits_for_a_person_is_a_warning() -> None:
    settings = Settings.load(configure())
    connector = MemoryConnector(secret=SECRET)

    async def respond(turn: Turn) -> Reply:
        raise Rejected("the person blocked the bot")

    inbox = Inbox(settings.state_url, {"memory": connector}, respond, settings=settings.inbox)
    await inbox.start()
    await inbox.accept(connector.parse(Webhook("POST", body=body(event("1", "hello")))))
    while not (await inbox.desk.acounts())["dead"]:  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(0.01)
    await inbox.aclose()
    await inbox.desk.aclose()

    assert ("warn", "dead letters: 1, parked: 0; a person has to decide") in await asyncio.to_thread(inbox_checks)


def test_the_memory_of_the_gpus_is_added_up() -> None:
    memory = hardware.parse_gpus("NVIDIA L4, 23034, 22563\nNVIDIA L4, 23034, 22000\n")
    assert memory is not None
    assert ("gpu", "2 x NVIDIA L4", 46068 << 20, 44563 << 20) == (
        memory.kind,
        memory.name,
        memory.total,
        memory.available,
    )
    assert memory.usable < memory.total


@pytest.mark.parametrize("listed", ["", "No devices were found\n", "NVIDIA Jetson, [N/A], [N/A]\n"])
def test_no_gpu_is_found_in_other_output(listed: str) -> None:
    assert hardware.parse_gpus(listed) is None


def test_main_memory_is_no_more_than_there_is() -> None:
    memory = hardware.main_memory()
    assert 0 < memory.available <= memory.total
