"""A block of code that must not reach the network, held by the interpreter's own audit events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

FORBIDDEN = ("socket.connect", "socket.sendto", "socket.bind", "socket.getaddrinfo", "subprocess.Popen")
"""Audit events (Python's "Audit events table") that are refused."""

_offline: ContextVar[bool] = ContextVar("offline", default=False)


@contextmanager
def offline() -> Iterator[None]:
    """Within it, in this thread, a connection or a process is an AssertionError that names it."""
    _watch()
    token = _offline.set(True)
    try:
        yield
    finally:
        _offline.reset(token)


@cache  # a hook stays for as long as the process lives
def _watch() -> None:
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in FORBIDDEN and _offline.get():
        raise AssertionError(f"{event} where nothing may reach the network: {arguments[1:]!r}")
