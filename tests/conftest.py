"""What several test modules share: a clean environment, and a real PostgreSQL server of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import postgres_server
import pytest
from services import missing


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith("ASSISTANT_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of an empty database on a PostgreSQL server of the tests' own."""
    found = postgres_server.binaries()
    if found is None:
        missing("PostgreSQL")
    with postgres_server.running(found) as server:
        yield server.url("postgres")
