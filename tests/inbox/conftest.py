"""An inbox on each database, closed at the end whatever a test did."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from blockbuster import blockbuster_ctx
from inbox_fakes import Bench
from services import need
from sqlalchemy import URL, create_engine, make_url, text


@pytest.fixture(autouse=True)
def no_blocking_call_on_an_event_loop() -> Iterator[None]:
    with blockbuster_ctx("assistant"):
        yield


async def _closed_again(url: str) -> None:
    async with AsyncExitStack() as closing:
        await Bench(url, closing).open()


@pytest.fixture(scope="session")
def made_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an inbox that is empty: to make one takes more time than to copy it."""
    folder = tmp_path_factory.mktemp("made")
    asyncio.run(_closed_again(f"sqlite:///{folder / 'state.db'}"))
    return folder / "state-inbox.db"


@pytest.fixture(scope="session")
def made_postgres(postgres: str) -> URL:
    """A database with an empty inbox."""
    need("psycopg")
    url = _database(make_url(postgres))
    asyncio.run(_closed_again(url.render_as_string(hide_password=False)))
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path, made_sqlite: Path) -> str:
    shutil.copy(made_sqlite, tmp_path / "state-inbox.db")
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def postgres_url(made_postgres: URL) -> str:
    return _database(made_postgres, f"TEMPLATE {made_postgres.database}").render_as_string(hide_password=False)


def _database(server: URL, how: str = "") -> URL:
    """A new database on the server."""
    name = f"inbox_{uuid4().hex}"
    engine = create_engine(server.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} {how}"))
    engine.dispose()
    return server.set(database=name)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def bench(sqlite_url: str) -> AsyncIterator[Bench]:
    """On SQLite."""
    async with AsyncExitStack() as closing:
        yield Bench(sqlite_url, closing)


@pytest.fixture
async def any_bench(url: str) -> AsyncIterator[Bench]:
    """On SQLite and on PostgreSQL."""
    async with AsyncExitStack() as closing:
        yield Bench(url, closing)
