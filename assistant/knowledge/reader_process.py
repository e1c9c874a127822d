"""The child process of `Reader`: answers one document for one request until its input ends."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
import signal
import stat
import sys
import warnings
from typing import IO, Any
from urllib.parse import unquote, urlsplit

import psutil  # type: ignore[import-untyped, unused-ignore]

from assistant.errors import Unreadable
from assistant.knowledge import wire

MEMORY = 2 * 2**30
"""Bytes of address space the process may use."""
LARGE = 2**30
"""Bytes of resident memory after which the process leaves, since Python seldom gives memory back."""
GRACE = 5.0
"""Seconds beyond the limit after which an orphan, whose parent can no longer kill it, ends itself."""
MAX_NESTING = 3000
"""Python frames; the C stack of the JSON and regular expression modules holds more."""

OTHER_THAN_FILES = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "named pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)


def main() -> None:
    """Serve requests from standard input; nothing but answers reaches standard output."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _settle()
    wire.send(answers, {"ready": True})
    with contextlib.suppress(EOFError, BrokenPipeError):
        while _serve(sys.stdin.buffer, answers):
            pass


def _settle() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(MAX_NESTING)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    with contextlib.suppress(OSError, ValueError):  # macOS does not limit address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _serve(requests: IO[bytes], answers: IO[bytes]) -> bool:
    """Answer one request; False when the process should be replaced."""
    request = wire.receive(requests)
    signal.setitimer(signal.ITIMER_REAL, request["max_seconds"] + GRACE)
    answer, healthy = answer_to(request)
    healthy = healthy and _resident() < LARGE
    wire.send(answers, answer if healthy else {**answer, "leaving": True})
    signal.setitimer(signal.ITIMER_REAL, 0)
    return healthy


def answer_to(request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The answer, and whether the process is still as good as new."""
    try:
        return {"document": load(**request)}, True
    except Unreadable as error:
        return {"refused": str(error)}, True
    except RecursionError:
        return {"refused": "is nested too deeply"}, True
    except MemoryError:
        return {"refused": f"needs more than {MEMORY / 2**30:g} GiB of memory to read"}, False


def load(*, uri: str, max_bytes: int, max_seconds: float, allow_private_urls: bool) -> dict[str, Any]:
    """The fields of a `Loaded` without its source.

    Raises:
        Unreadable: the document is refused; the message is the reason.
    """
    from assistant.knowledge.formats import Raw, convert

    if not uri.startswith(("http://", "https://")):
        return convert(Raw(read_file(uri, max_bytes), os.path.basename(uri)))
    from assistant.knowledge.fetch import fetch

    page = fetch(uri, max_bytes=max_bytes, max_seconds=max_seconds * 0.9, allow_private=allow_private_urls)
    name = unquote(urlsplit(page.url).path.rstrip("/").rpartition("/")[2]) or urlsplit(page.url).hostname or ""
    document = convert(Raw(page.data, name, page.media_type, page.charset))
    document["metadata"].update(page.metadata())
    return document


def read_file(path: str, max_bytes: int) -> bytes:
    """The bytes of a regular file, never waiting on a pipe or a device.

    Raises:
        Unreadable: it is no regular file, too large, gone or forbidden.
    """
    try:
        _check(os.stat(path), max_bytes)
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            _check(os.fstat(file.fileno()), max_bytes)  # it may have been replaced since
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise Unreadable(_reason(error)) from None
    if len(data) > max_bytes:
        raise Unreadable(f"is larger than {max_bytes / 2**20:g} MiB (knowledge.max_file_mib)")
    return data


def _check(info: os.stat_result, max_bytes: int) -> None:
    for is_kind, name in OTHER_THAN_FILES:
        if is_kind(info.st_mode):
            raise Unreadable(f"is a {name}, not a file")
    if info.st_size > max_bytes:
        size, limit = info.st_size / 2**20, max_bytes / 2**20
        raise Unreadable(f"is {size:.1f} MiB large, more than {limit:g} MiB (knowledge.max_file_mib)")


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return "no longer exists"
        case errno.EACCES | errno.EPERM:
            return "permission denied"
        case errno.ELOOP:
            return "is a link that leads back to itself"
        case _:
            return f"cannot be opened: {error.strerror}"


def _resident() -> int:
    """Bytes of memory in use now; `ru_maxrss` would be the parent's, which survives `exec` on Linux."""
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
