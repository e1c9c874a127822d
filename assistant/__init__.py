"""An assistant that answers from your documents, with citations: `Assistant.open().ask("…")`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.answers import Answer, Citation
    from assistant.assistant import Assistant
    from assistant.knowledge import Knowledge
    from assistant.knowledge.passages import Passage
    from assistant.settings import Settings

__all__ = ["Answer", "Assistant", "Citation", "Knowledge", "Passage", "Settings"]

_WHERE = {
    "Answer": "assistant.answers",
    "Assistant": "assistant.assistant",
    "Citation": "assistant.answers",
    "Knowledge": "assistant.knowledge",
    "Passage": "assistant.knowledge.passages",
    "Settings": "assistant.settings",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import assistant` itself costs nothing (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
