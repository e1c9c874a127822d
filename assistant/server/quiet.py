"""Where an unexpected error came from, without what it says: its text may hold a message, a token or a URL with one."""

from __future__ import annotations

import traceback


def origin(error: BaseException) -> str:
    """The error's type and the lines of code it came through, for a log."""
    return f"{type(error).__qualname__}\n{''.join(traceback.format_tb(error.__traceback__))}".rstrip()
