"""Deployment of the assistant's model on Amazon SageMaker, and the chat model that runs on the endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy.chat import ChatSageMaker

__all__ = ["ChatSageMaker"]


def __getattr__(name: str) -> Any:
    """`ChatSageMaker`, imported when it is asked for: LangChain takes a second that `assistant-deploy` does not need."""
    if name == "ChatSageMaker":
        from deploy.chat import ChatSageMaker

        return ChatSageMaker
    raise AttributeError(f"module 'deploy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
