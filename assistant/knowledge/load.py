"""Loading documents: `discover` finds them, `Reader` turns each into Markdown in a child process that can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Self, cast

from assistant.errors import ConfigurationError, Unreadable
from assistant.knowledge import wire
from assistant.knowledge.sources import Refusal, Source, discover

__all__ = ["Loaded", "Reader", "Refusal", "Source", "discover"]

PREFIX = "ASSISTANT_"  # as in settings, whose import is not cheap
SECONDS_TO_START = 60.0
Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as Markdown with "\\n" newlines; page i+1 starts at offset `pages[i]` of `text` (empty: not paged)."""

    source: str
    title: str
    text: str = field(repr=False)
    media_type: str
    pages: tuple[int, ...] = ()
    metadata: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))


class Reader:
    """Loads documents one at a time in a child process, so that no document can hang, bloat or crash this one.

    The child may use 2 GiB of address space. It is replaced after a crash, after `max_seconds` on one document, and
    after a document that left it large; the next document is not affected. Safe to share between threads.
    """

    def __init__(self, *, max_file_mib: float, max_seconds: float, allow_private_urls: bool) -> None:
        self._max_seconds = max_seconds
        self._limits = {
            "max_bytes": int(max_file_mib * 2**20),
            "max_seconds": max_seconds,
            "allow_private_urls": allow_private_urls,
        }
        self._child: _Child | None = None
        self._lock = threading.Lock()

    def load(self, source: Source) -> Loaded:
        """The document as text; loading the same bytes again gives the same text.

        Raises:
            Unreadable: the document is refused; the message is the reason.
            ConfigurationError: the child process does not start.
        """
        with self._lock:
            answer = self._ask({"uri": source.uri, **self._limits})
        if "refused" in answer:
            raise Unreadable(answer["refused"])
        document = answer["document"]
        document["pages"] = tuple(document["pages"])
        return Loaded(source=source.uri, **document)

    def close(self) -> None:
        """End the child process; the reader may still be used and then starts another."""
        with self._lock:
            if self._child is not None:
                self._child.end()
                self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        child, self._child = self._child, None
        if child is None or not child.alive():
            child = _Child()
        try:
            answer = child.ask(request, seconds=self._max_seconds)
        except BaseException:  # an interrupted child would answer the next request with this document
            child.kill()
            raise
        if answer.pop("leaving", False):
            child.end()
        else:
            self._child = child
        return answer


class _Child:
    """One running `python -m assistant.knowledge.reader_process`."""

    def __init__(self) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by kill
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "assistant.knowledge.reader_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
        )
        self._requests, self._answers = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        try:
            self._exchange(None, SECONDS_TO_START)
        except (EOFError, TimeoutError):
            self._errors.seek(0)
            last = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            self.kill()
            raise ConfigurationError(f"the document reader does not start: {last or 'it says nothing'}") from None
        except BaseException:
            self.kill()
            raise

    def ask(self, request: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        try:
            return self._exchange(request, seconds)
        except TimeoutError:
            raise Unreadable(f"took longer than {seconds:g} s to read (knowledge.max_seconds)") from None
        except (EOFError, OSError):
            raise Unreadable(f"crashed its reader ({_death(self._process.wait())})") from None

    def _exchange(self, request: dict[str, Any] | None, seconds: float) -> dict[str, Any]:
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            if request is not None:
                wire.send(self._requests, request)
            answer = wire.receive(self._answers)
        except (EOFError, OSError):
            if not late.is_set():
                raise
        finally:
            timer.cancel()
            timer.join()  # or it might still kill the process during the next document
        if late.is_set():
            raise TimeoutError
        return answer

    def alive(self) -> bool:
        """Whether it still runs; what a dead one held is given back."""
        running = self._process.poll() is None
        if not running:
            self.kill()
        return running

    def end(self) -> None:
        """Let it leave by itself, which it does when its input ends."""
        try:
            self._requests.close()
            self._process.wait(timeout=2)
        except (OSError, subprocess.TimeoutExpired):
            pass
        self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._requests, self._answers, self._errors):
            with contextlib.suppress(OSError):  # the unsent rest of a request to a dead child
                stream.close()


def _environment() -> dict[str, str]:
    """Ours without our secrets, with our import path, and no thread pools of numeric libraries: they reserve gigabytes."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    path = os.pathsep.join(str(Path(entry or ".").absolute()) for entry in sys.path)
    quiet = {"PYTHONWARNINGS": "ignore", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**ours, "PYTHONPATH": path, **quiet}


def _death(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    return f"{name}, probably out of memory" if name == "SIGKILL" else name
