"""LangChain's own suite for chat models, run against `ChatVLLM`."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from tiny_models import SMOLLM

from assistant.llms import ChatVLLM


class TestUnit(ChatModelUnitTests):
    """Without the engine."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatVLLM

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {name: value for name, value in SMOLLM.items() if name != "max_tokens"}

    @property
    def supports_model_override(self) -> bool:
        return False  # an engine has one model


@pytest.mark.engine
@pytest.mark.usefixtures("smollm")
class TestIntegration(ChatModelIntegrationTests):
    """With SmolLM2-135M, which calls tools and says JSON only when it is made to."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatVLLM

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**SMOLLM, "model_kwargs": {"repetition_penalty": 1.1}}  # else it repeats itself until the end

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return False

    @pytest.mark.xfail(reason="waits for a call that 135M parameters do not make by themselves", strict=False)
    def test_agent_loop(self, model: BaseChatModel) -> None:
        super().test_agent_loop(model)

    @pytest.mark.xfail(reason="135M parameters call the tool with another number", strict=False)
    def test_tool_calling(self, model: BaseChatModel) -> None:
        super().test_tool_calling(model)

    @pytest.mark.xfail(reason="135M parameters call the tool with another number", strict=False)
    async def test_tool_calling_async(self, model: BaseChatModel) -> None:
        await super().test_tool_calling_async(model)

    @pytest.mark.xfail(reason="135M parameters know no Japanese", strict=False)
    def test_unicode_tool_call_integration(self, model: BaseChatModel, **options: Any) -> None:
        super().test_unicode_tool_call_integration(model, **options)

    @pytest.mark.xfail(reason="135M parameters tell no joke without being told in which fields", strict=False)
    def test_structured_output_pydantic_2_v1(self, model: BaseChatModel) -> None:
        super().test_structured_output_pydantic_2_v1(model)
