from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import postgres_server
import pytest
from services import missing

sys.path.append(str(Path(__file__).parents[1] / "meta"))  # the fake Graph server is for several folders


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[postgres_server.Postgres]:
    """A PostgreSQL server that a test may take away, as long as it brings it back."""
    installed = postgres_server.binaries()
    if installed is None:
        missing("PostgreSQL")
    with postgres_server.running(installed) as postgres:
        yield postgres
