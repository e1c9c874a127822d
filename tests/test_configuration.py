"""The configuration file that `assistant init` writes, and the connectors it names."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from assistant.configuration import CONNECTORS
from assistant.registry import check_connector

CLASSES = {"telegram": "Telegram", "whatsapp": "WhatsApp", "messenger": "Messenger", "instagram": "Instagram",
           "facebook": "Facebook"}  # fmt: skip


def named() -> dict[str, dict[str, Any]]:
    """The sections of connectors, as if their comments were taken away."""
    lines = [line for line in CONNECTORS.splitlines() if re.match(r"# \[connectors\.|#   \w+ = ", line)]
    found: dict[str, dict[str, Any]] = tomllib.loads("\n".join(line.removeprefix("#") for line in lines))["connectors"]
    return found


def test_every_connector_there_is_is_named() -> None:
    assert set(CLASSES) == set(named())


@pytest.mark.parametrize("name", CLASSES)
def test_a_connector_takes_the_keys_that_are_named(name: str) -> None:
    check_connector(name, {**named()[name], "class": f"connectors.{name}:{CLASSES[name]}"})
