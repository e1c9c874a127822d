from __future__ import annotations

from collections.abc import Iterator

import blackbox_postgres
import pytest
from services import missing


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[blackbox_postgres.Postgres]:
    """A PostgreSQL server that a test may take away, as long as it brings it back."""
    installed = blackbox_postgres.binaries()
    if installed is None:
        missing("PostgreSQL")
    with blackbox_postgres.running(installed) as postgres:
        yield postgres
