from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import assistant

HEAVY = {
    "vllm",
    "torch",
    "transformers",
    "chromadb",
    "langchain_core",
    "langchain_community",
    "pydantic",
    "numpy",
    "sqlalchemy",
}


def test_the_public_names_are_these() -> None:
    assert ["Answer", "Assistant", "Citation", "Knowledge", "Passage", "Settings"] == sorted(assistant.__all__)


@pytest.mark.parametrize("name", assistant.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert name == getattr(assistant, name).__name__


def test_every_public_name_is_listed() -> None:
    assert set(assistant.__all__) <= set(dir(assistant))


def test_another_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="'Assistent'"):
        assistant.Assistent  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, assistant; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    shown = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )

    assert set() == HEAVY & set(shown.stdout.split())
