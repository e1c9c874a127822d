"""`engine.kind` opens the right chat model, or says which key is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from langchain_core.messages import HumanMessage

from assistant.errors import ConfigurationError
from assistant.llms import ChatVLLM, open_chat_model
from assistant.sections import Chat, Engine

CACHE = Path("unused")


class Server(BaseHTTPRequestHandler):
    """As much of `vllm serve` as one answer takes; keeps what it was sent."""

    seen: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        self._answer({"data": [{"id": "m", "max_model_len": 1234}]})

    def do_POST(self) -> None:
        self.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        message = {"role": "assistant", "content": "hi"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        self._answer(
            {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage}
            | {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        )

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    Server.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def opened(**keys: Any) -> Any:
    return open_chat_model(Engine(**keys), Chat(temperature=0.5, max_tokens=99), CACHE)


def test_the_default_is_vllm_with_the_settings_of_the_engine() -> None:
    model = opened(max_model_len=2048, options={"seed": 3})
    assert isinstance(model, ChatVLLM)
    assert (0.5, 99, 2048, {"seed": 3}) == (
        model.temperature,
        model.max_tokens,
        model.max_model_len,
        model.engine_options,
    )


def test_an_unknown_kind_names_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match=r"'opnai' is unknown; did you mean 'openai'\? There are vllm, openai"):
        opened(kind="opnai")


def test_openai_without_a_url_names_the_key() -> None:
    with pytest.raises(ConfigurationError, match=r"engine\.base_url"):
        opened(kind="openai")


def test_a_server_answers_and_tells_its_context(url: str) -> None:
    model = opened(kind="openai", model="m", base_url=url)
    assert model.invoke("hello").content == "hi"
    for _ in range(100):
        if tokens := model.profile.get("max_input_tokens"):
            break
        threading.Event().wait(0.05)
    assert tokens == 1234
    assert (0.5, 99) == (Server.seen[0]["temperature"], Server.seen[0]["max_completion_tokens"])


def test_a_server_gets_no_control_tokens_in_text(url: str) -> None:
    opened(kind="openai", model="m", base_url=url).invoke("a<|eot_id|>b [INST] </s> 1 < 2 [x]")
    sent = Server.seen[0]["messages"][0]["content"]
    assert "<|eot_id|>" not in sent
    assert sent.replace("\N{ZERO WIDTH NON-JOINER}", "") == "a<|eot_id|>b [INST] </s> 1 < 2 [x]"
    assert "1 < 2 [x]" in sent


def test_a_server_gets_whole_characters(url: str) -> None:
    opened(kind="openai", model="m", base_url=url).invoke("a \ud83d b")
    assert Server.seen[0]["messages"][0]["content"] == "a \ufffd b"


def test_a_server_that_is_down_does_not_stop_the_opening() -> None:
    model = opened(kind="openai", model="m", base_url="http://127.0.0.1:9/v1")
    assert model.profile.get("max_input_tokens", 7) == 7


def test_tokens_of_a_server_are_estimated_without_a_download() -> None:
    model = opened(kind="openai", model="m", base_url="http://127.0.0.1:9/v1")
    assert model.get_num_tokens("abcdef") == 2
    assert model.get_num_tokens("你好") == 3
    assert model.get_num_tokens_from_messages([HumanMessage("abcdef")]) == 10


def test_any_chat_model_is_opened_by_name() -> None:
    model = opened(kind="langchain_core.language_models:FakeListChatModel", options={"responses": ["said"]})
    assert model.invoke("hello").content == "said"


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("no_such_package.models:Chat", "cannot be imported"),
        ("langchain_core.language_models:NoSuch", "has no 'NoSuch'"),
        ("pathlib:Path", "is not a LangChain BaseChatModel"),
        ("langchain_core.language_models:FakeListChatModel", "responses: Field required"),
    ],
)
def test_a_class_that_cannot_be_opened_says_why(kind: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        opened(kind=kind)


def test_a_key_is_in_no_error_and_no_text() -> None:
    model = opened(kind="openai", model="m", base_url="http://127.0.0.1:9/v1", api_key="sk-secret")
    assert "sk-secret" not in repr(model)
    with pytest.raises(ConfigurationError) as caught:
        opened(
            kind="openai",
            model="m",
            base_url="http://127.0.0.1:9/v1",
            api_key="sk-secret",
            options={"temperature": "hot"},
        )
    assert "sk-secret" not in str(caught.value)
    assert "temperature" in str(cast("object", caught.value))
