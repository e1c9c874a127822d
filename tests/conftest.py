"""What several test modules share: a clean environment, and a real PostgreSQL server of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from services import missing


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith("ASSISTANT_"):
            monkeypatch.delenv(name)


def binaries() -> Path | None:
    """The folder of the newest installed PostgreSQL server (Debian keeps it off the path)."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of an empty database on a PostgreSQL server that listens on a socket in a folder of its own."""
    found = binaries()
    if found is None:
        missing("PostgreSQL")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
    with tempfile.TemporaryDirectory() as folder:
        if as_user:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        run = [*as_user, str(found / "pg_ctl"), "-D", data, "-s", "-w"]
        subprocess.run([*as_user, str(found / "initdb"), "-D", data, "-U", "test", "-A", "trust", "--no-sync"],
                       check=True, capture_output=True, cwd="/")  # fmt: skip
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        subprocess.run([*run, "-o", options, "-l", f"{folder}/log", "start"], check=True, cwd="/")
        try:
            yield f"postgresql+psycopg://test@/postgres?host={folder}"
        finally:
            subprocess.run([*run, "-m", "immediate", "stop"], check=True, cwd="/")
