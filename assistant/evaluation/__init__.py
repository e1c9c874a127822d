"""Evaluation: how well a system finds and answers what a dataset asks. Names are loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.evaluation.bootstrap import Difference, Estimate
    from assistant.evaluation.comparison import Comparison, compare
    from assistant.evaluation.dataset import Dataset, Query
    from assistant.evaluation.report import Report
    from assistant.evaluation.run import evaluate
    from assistant.evaluation.system import Answered, Answering, System
    from assistant.evaluation.systems.langchain import LangChain
    from assistant.evaluation.systems.ours import Ours
    from assistant.evaluation.systems.retriever import Retriever

_HOMES = {
    "Answered": "system",
    "Answering": "system",
    "Comparison": "comparison",
    "Dataset": "dataset",
    "Difference": "bootstrap",
    "Estimate": "bootstrap",
    "LangChain": "systems.langchain",
    "Ours": "systems.ours",
    "Query": "dataset",
    "Report": "report",
    "Retriever": "systems.retriever",
    "System": "system",
    "compare": "comparison",
    "evaluate": "run",
}

__all__ = [
    "Answered",
    "Answering",
    "Comparison",
    "Dataset",
    "Difference",
    "Estimate",
    "LangChain",
    "Ours",
    "Query",
    "Report",
    "Retriever",
    "System",
    "compare",
    "evaluate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
