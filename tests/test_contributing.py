"""The connector that CONTRIBUTING.md shows is built outside the repository, proven by its suite, and answers."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from assistant.registry import open_connectors
from assistant.sections import InboxSettings
from assistant.settings import Settings
from assistant.testing.connector_subject import until
from assistant.types import Outgoing

ROOT = Path(__file__).parent.parent
FILES = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the section shows."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Add a connector")[2]
    folder = tmp_path_factory.mktemp("gull")
    for name, content in FILES.findall(text):
        (folder / name).write_text(content, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed, built without the network, and nothing else."""
    site = tmp_path_factory.mktemp("site")
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    install = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(site), str(folder)]
    subprocess.run(install, check=True, capture_output=True)
    return site


@pytest.fixture
async def platform(site: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The stand-in of its tests, with the package installed."""
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.syspath_prepend(str(site))
    tests = importlib.import_module("test_gull")
    assert site == Path(sys.modules["gull"].__file__ or "").parent
    async with tests.GullPlatform() as platform:
        yield platform
    for name in ("gull", "test_gull"):
        sys.modules.pop(name)


def settings(platform: Any) -> Settings:
    """A section for the entry point, and one that names the class."""
    keys = {"token": "token-of-the-bot", "secret": "secret-of-the-webhook", "base_url": platform.url}
    return Settings.model_validate(
        {"connectors": {"gull": {**keys, "bot": "harbour"}, "sales": {**keys, "class": "gull:Gull", "bot": "sales"}}}
    )


def webhook() -> Any:
    """A text of Ada's, as Gull sends it."""
    tests = sys.modules["test_gull"]
    return tests.signed(tests.body(tests.TEXT), "secret-of-the-webhook")


def test_the_connector_has_fewer_than_100_lines_and_is_well_typed(folder: Path) -> None:
    assert len((folder / "gull.py").read_text(encoding="utf-8").splitlines()) < 100
    lint = [sys.executable, "-m", "mypy", str(folder / "gull.py")]  # with the repository's settings and its cache
    checked = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == checked.returncode, checked.stdout + checked.stderr


def test_its_contract_suite_passes_outside_the_repository(folder: Path, site: Path, tmp_path: Path) -> None:
    (tmp_path / "test_gull.py").write_bytes((folder / "test_gull.py").read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((folder / "pyproject.toml").read_bytes())
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_gull.py"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    shown = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert 0 == shown.returncode, shown.stdout[-5000:] + shown.stderr[-2000:]
    passed = re.search(r"(\d+) passed", shown.stdout)
    assert passed
    assert int(passed[1]) > 50


@pytest.mark.parametrize("name", ["gull", "sales"])
async def test_it_answers_a_message_by_entry_point_and_by_class(platform: Any, name: str) -> None:
    connector: Any = open_connectors(settings(platform))[name]
    connector.verify(webhook())
    (event,) = connector.parse(webhook())
    receipt = await connector.send(Outgoing(event.address, f"**{event.text}** to you", reply_to=event.id))
    await connector.aclose()
    assert [("Hello to you", receipt.ids[0])] == [(sent.text, sent.id) for sent in platform.messages(event.address)]


async def test_it_answers_through_the_durable_inbox(platform: Any, tmp_path: Path) -> None:
    from assistant.inbox import Inbox, Reply, Turn

    connectors = open_connectors(settings(platform))

    async def respond(turn: Turn) -> Reply:
        return Reply((Outgoing(turn.address, f"You said: {turn.text}"),))

    inbox = Inbox(f"sqlite:///{tmp_path}/state.db", connectors, respond, settings=InboxSettings())
    await inbox.start()
    try:
        events = connectors["gull"].parse(webhook())
        for _ in range(3):
            await inbox.accept(events)
        await until(lambda: platform.messages(events[0].address), "no answer arrived")
    finally:
        await inbox.aclose()
        for connector in connectors.values():
            await connector.aclose()  # type: ignore[attr-defined]
    assert ["You said: Hello"] == [sent.text for sent in platform.messages(events[0].address)]
