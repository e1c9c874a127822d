"""A PostgreSQL server of one's own that can be taken away and brought back, with a database for whoever asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Postgres:
    """Listens on a socket in a folder of its own; `fsync` as a real one has it, or off for speed."""

    def __init__(self, binaries: Path, folder: Path, *, fsync: bool) -> None:
        self._folder = folder
        self._user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
        self._control = [*self._user, str(binaries / "pg_ctl"), "-D", f"{folder}/data", "-s", "-w"]
        self._options = f"-k {folder} -c listen_addresses= -c fsync={'on' if fsync else 'off'} -c max_connections=200"
        if self._user:
            shutil.chown(folder, "postgres")
        make = [str(binaries / "initdb"), "-D", f"{folder}/data", "-U", "test", "-A", "trust", "--no-sync"]
        subprocess.run([*self._user, *make], check=True, capture_output=True, cwd="/")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = f"{self._folder}/log"
        subprocess.run([*self._control, "-o", self._options, "-l", log, "start"], check=True, cwd="/")

    def stop(self) -> None:
        """Take it away at once: whoever is connected is cut off."""
        subprocess.run([*self._control, "-m", "immediate", "stop"], check=True, cwd="/")

    def database(self, name: str) -> str:
        """URL of a new, empty database."""
        import psycopg  # comes with an extra

        with psycopg.connect(f"host={self._folder} user=test dbname=postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql://test@/{name}?host={self._folder}"

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database that exists."""
        return f"postgresql+psycopg://test@/{database}?host={self._folder}"


def binaries() -> Path | None:
    """The folder of the newest installed PostgreSQL server (Debian keeps it off the path)."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def running(installed: Path, *, fsync: bool = False) -> Iterator[Postgres]:
    """A server that is started, and stopped at the end."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres(installed, Path(folder), fsync=fsync)
        postgres.start()
        try:
            yield postgres
        finally:
            subprocess.run([*postgres._control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")
