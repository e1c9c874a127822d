"""Who may write: one process owns an embedded Chroma folder, and one thread at a time commits.

Two processes on one Chroma folder raise nothing and lose vectors, and a reader never sees the other's writes until it
reopens (measured: 6-26 % unreachable), so that a second process is refused, whatever it came for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from assistant.errors import ConfigurationError

_commits: dict[str, threading.RLock] = {}


class Held(Protocol):
    """A lock that is held until `release`."""

    def release(self) -> None: ...


def own(folder: Path) -> Held:
    """Take `folder` for this process; taken again here it is shared, and free when each holder released it.

    Raises:
        ConfigurationError: another process has it; the message names the folder and that process.
    """
    path = _beside(folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, thread_local=False, is_singleton=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise ConfigurationError(
            f"the knowledge in {str(folder)!r} is in use by process {_holder(path)}, and embedded Chroma allows one "
            "process: stop that process, or use its HTTP interface, or set knowledge.url to a Chroma server"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"the folder {str(folder.parent)!r} cannot be written: {error}") from None
    with suppress(OSError):  # a full disk: it only tells others who has it
        path.write_text(f"{os.getpid()}\n")
    return lock


@contextmanager
def committing(manifest: Path) -> Iterator[None]:
    """Alone among the threads and the processes that write what `manifest` records; waits for the others."""
    with _commits.setdefault(str(manifest), threading.RLock()), FileLock(_beside(manifest)):
        yield


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _holder(path: Path) -> str:
    try:
        return path.read_text().strip() or "of unknown number"
    except OSError:
        return "of unknown number"
