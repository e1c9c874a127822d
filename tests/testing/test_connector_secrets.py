"""Options of a connector that are secret stay secret, also where one option has several."""

from __future__ import annotations

import pytest

from assistant.errors import ConfigurationError
from assistant.registry import open_connectors
from assistant.settings import Settings
from assistant.testing.memory_connector import MemoryConnector


class Keyed(MemoryConnector):
    def __init__(self, tokens: list[str]) -> None:
        raise ValueError(f"of {tokens} only {tokens[0]} is one of ours")


def test_each_of_several_secrets_is_hidden() -> None:
    section = {"class": "test_connector_secrets:Keyed", "tokens": ["hunter-1", "hunter-2"]}
    with pytest.raises(ConfigurationError, match="only … is one of ours") as refused:
        open_connectors(Settings.model_validate({"connectors": {"post": section}}))
    assert "hunter" not in str(refused.value)
