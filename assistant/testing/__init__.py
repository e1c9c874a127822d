"""Parts for tests, of this project and of yours: small fakes behind the real interfaces, and tiny real models."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.testing.connector_contract import ConnectorContract, Payload
    from assistant.testing.memory_connector import MemoryConnector
    from assistant.testing.memory_platform import MemoryPlatform

__all__ = ["ConnectorContract", "MemoryConnector", "MemoryPlatform", "Payload"]

_WHERE = {
    "ConnectorContract": "connector_contract",
    "MemoryConnector": "memory_connector",
    "MemoryPlatform": "memory_platform",
    "Payload": "connector_contract",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the contract suite needs pytest and hypothesis, the fakes do not."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
