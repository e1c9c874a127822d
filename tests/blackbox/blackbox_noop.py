"""A chat model in the server's own process that answers at once what the stand-in server would: what is left is ours."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class Noop(BaseChatModel):
    """Repeats the last line it is asked; takes the options of the stand-in's section and needs none."""

    @property
    def _llm_type(self) -> str:
        return "noop"

    def get_num_tokens(self, text: str) -> int:
        """About what a tokenizer says."""
        return len(text) // 4

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _said(messages)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _said(messages)


def _said(messages: list[BaseMessage]) -> ChatResult:
    said = str(messages[-1].content).strip().splitlines()[-1]
    return ChatResult(generations=[ChatGeneration(message=AIMessage(f"re: {said}"))])
