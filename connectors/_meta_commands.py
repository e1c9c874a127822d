"""Commands in messages of Meta's surfaces, which have none of their own."""

from __future__ import annotations

import re

from assistant.bot.phrases import COMMANDS

COMMAND = re.compile(r"/(?P<name>[a-z]+)", re.IGNORECASE)
"""People who know the bot from elsewhere type them: one alone is one."""


def command(text: str) -> str | None:
    """The command that a text is, such as "/help"; None: it is none."""
    found = COMMAND.fullmatch(text.strip())
    name = found["name"].lower() if found else ""
    return f"/{name}" if name in COMMANDS else None
