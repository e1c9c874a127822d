"""LangChain's own suites for chat models, run against `ChatSageMaker`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests

import deploy
from deploy import ChatSageMaker


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, deploy; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    here = Path(__file__).parents[2]
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=here)
    assert set() == {"boto3", "botocore", "langchain_core", "pydantic", "urllib3"} & set(shown.stdout.split())


def test_the_public_name_is_there_and_another_is_not() -> None:
    assert "ChatSageMaker" in dir(deploy)
    with pytest.raises(AttributeError, match="'ChatSagemaker'"):
        deploy.ChatSagemaker  # noqa: B018


class TestSageMakerUnit(ChatModelUnitTests):
    """Without an endpoint."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatSageMaker

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"endpoint": "llama", "region": "us-east-1"}

    @property
    def supports_model_override(self) -> bool:
        return False  # an endpoint has one model
