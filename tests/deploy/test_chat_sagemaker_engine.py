"""`engine.kind = "sagemaker"` runs the whole assistant: the same prompts, the same answers, the same citations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import convert_to_openai_messages
from sagemaker_container import Container, serving_model, spoken
from sagemaker_site import Site, set_credentials

from assistant import Assistant, Knowledge, Settings
from assistant.errors import ConfigurationError
from assistant.llms import open_chat_model
from assistant.samples import FOLDER, QUESTIONS
from assistant.sections import Chat, Engine
from assistant.testing.echo import EchoChat
from deploy import ChatSageMaker


class Recording(EchoChat):
    """An echo that keeps the prompts."""

    prompts: list[Any] = []  # noqa: RUF012 - a pydantic field, copied for each model

    def _words(self, messages: Any, stop: Any) -> Iterator[str]:
        self.prompts.append(convert_to_openai_messages(messages))
        return super()._words(messages, stop)


class SpeakingContainer(Container):
    """A container whose answers a model of this process writes."""

    def __init__(self, model: EchoChat) -> None:
        super().__init__()
        self._model = model

    @property
    def app(self) -> Any:
        return serving_model(self._model)


@pytest.fixture(scope="module")
def opened() -> Iterator[Site]:
    with Site().opened() as site:
        yield site


@pytest.fixture
def site(opened: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    set_credentials(monkeypatch, tmp_path)
    return opened.reset(Container(parts=spoken(["yes"])))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample documents, ingested."""
    data = tmp_path_factory.mktemp("sagemaker") / "data"
    with Knowledge(settings_of(data)) as knowledge:
        knowledge.add([FOLDER])
    return data


def settings_of(data: Path, **engine: Any) -> Settings:
    words = {"embedding_model": "assistant.testing.words:WordEmbeddings"}
    return Settings.model_validate(
        {"data_dir": data, "engine": engine, "knowledge": words, "chat": {"min_confidence": 0}}
    )


def engine_of(site: Site, **keys: Any) -> ChatSageMaker:
    engine = Engine(**{"kind": "sagemaker", "model": "llama", "base_url": site.url, **keys})
    model = open_chat_model(engine, Chat(temperature=0.5, max_tokens=99), Path("unused"))
    assert isinstance(model, ChatSageMaker)
    return model


def test_the_settings_of_the_engine_reach_the_model(site: Site) -> None:
    model = engine_of(site, max_model_len=2048, max_concurrent=3, options={"region": "eu-west-1", "component": "a"})
    assert ("llama", "a", "eu-west-1") == (model.endpoint, model.component, model.region)
    assert (0.5, 99, 2048, 3) == (model.temperature, model.max_tokens, model.max_model_len, model.max_concurrent)
    assert site.url == model.endpoint_url


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"base_url": None}, "needs engine.model: the name of the endpoint"),
        ({"model": "llama", "api_key": "sk-secret"}, "takes no engine.api_key"),
        ({"model": "no spaces"}, "endpoint: String should match pattern"),
        ({"model": "llama", "options": {"max_retries": "many"}}, "max_retries: Input should be a valid integer"),
    ],
)
def test_a_wrong_setting_is_named(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        open_chat_model(Engine(kind="sagemaker", **keys), Chat(), Path("unused"))
    assert "sk-secret" not in str(caught.value)


def test_the_assistant_says_and_cites_the_same_as_with_the_model_itself(site: Site, folder: Path) -> None:
    near, far = Recording(), Recording()
    site.reset(SpeakingContainer(far))
    options = {"kind": "sagemaker", "model": "llama", "base_url": site.url}

    with (
        Assistant(near, settings=settings_of(folder)) as here,
        Assistant(settings=settings_of(folder, **options)) as there,
    ):
        expected = [here.ask(question) for question in QUESTIONS]
        found = [there.ask(question) for question in QUESTIONS]

    assert [(answer.text, answer.citations, answer.grounded) for answer in expected] == [
        (answer.text, answer.citations, answer.grounded) for answer in found
    ]
    assert any(answer.citations for answer in found)
    assert near.prompts == far.prompts


def test_the_command_line_asks_the_endpoint(site: Site, folder: Path, tmp_path: Path) -> None:
    site.reset(SpeakingContainer(EchoChat()))
    (tmp_path / "assistant.toml").write_text(
        f"""data_dir = {json.dumps(str(folder))}
        [engine]
        kind = "sagemaker"
        model = "llama"
        base_url = "{site.url}"
        [knowledge]
        embedding_model = "assistant.testing.words:WordEmbeddings"
        [chat]
        min_confidence = 0
        """
    )
    command = [sys.executable, "-m", "assistant", "ask", QUESTIONS[0], "--json"]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=here, capture_output=True, text=True, timeout=60, check=False)

    assert 0 == done.returncode, done.stderr
    answer = json.loads(done.stdout)
    assert answer["citations"]
    assert answer["citations"][0]["quote"]
    assert 1 == len(site.door.calls)
