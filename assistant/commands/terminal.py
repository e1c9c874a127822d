"""Standard output kept for what a command is for: anything else that prints, also in child processes, goes to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console

log = Console(stderr=True, highlight=False, soft_wrap=True)
"""For progress, notices and questions."""


@contextmanager
def reserved() -> Iterator[TextIO]:
    """The real standard output; until the end, file descriptor 1 and `sys.stdout` lead to stderr.

    Libraries print, vLLM's processes print to the descriptor itself, and `--json` promises one document and nothing else.
    """
    out = sys.stdout
    out.flush()
    if not _is_descriptor(out):  # captured in this process by a test runner or a notebook
        sys.stdout = sys.stderr
        try:
            yield out
        finally:
            sys.stdout = out
        return
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(saved), "w", encoding=out.encoding, errors=out.errors) as real:
            sys.stdout = sys.stderr
            yield real
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        sys.stdout = out


def write_json(out: TextIO, value: Any) -> None:
    """One JSON document and a newline; characters outside ASCII as they are."""
    json.dump(value, out, ensure_ascii=False, indent=2, default=str)
    out.write("\n")
    out.flush()


def _is_descriptor(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, ValueError, AttributeError):
        return False
