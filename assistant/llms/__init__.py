"""The models that write the answers: our in-process vLLM chat model, and what else `engine.kind` names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.llms.chat_vllm import ChatVLLM
    from assistant.llms.open import open_chat_model

__all__ = ["ChatVLLM", "open_chat_model"]


def __getattr__(name: str) -> Any:  # both bring langchain-core, which `import assistant` must not pay for
    if name == "ChatVLLM":
        from assistant.llms.chat_vllm import ChatVLLM

        return ChatVLLM
    if name == "open_chat_model":
        from assistant.llms.open import open_chat_model

        return open_chat_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
