"""The knowledge: documents in, passages out. Names are loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.knowledge.knowledge import Knowledge
    from assistant.knowledge.passages import Passage
    from assistant.knowledge.report import DocumentInfo, IngestReport, Progress

__all__ = ["DocumentInfo", "IngestReport", "Knowledge", "Passage", "Progress"]

_HOMES = {
    "DocumentInfo": "assistant.knowledge.report",
    "IngestReport": "assistant.knowledge.report",
    "Knowledge": "assistant.knowledge.knowledge",
    "Passage": "assistant.knowledge.passages",
    "Progress": "assistant.knowledge.report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
