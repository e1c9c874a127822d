"""Text that chat endpoints of open models do not read as control, where the protocol can carry text only."""

from __future__ import annotations

import re
from typing import Any

from assistant.llms.plain import mended

CONTROL = re.compile(
    r"<(?=\|[^|<>\s]{1,40}\|>)|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_[A-Z]+)\])"
    r"|<(?=</?SYS>>)|<(?=/?s>)|<(?=(?:start|end)_of_[a-z]+>)|<(?=/?(?:tool_call|tool_response|think|tools)>)"
)
"""First character of what the chat templates of the open models use as control."""

BREAK = "\N{ZERO WIDTH NON-JOINER}"


def defused(content: Any) -> Any:
    """A message's content (text, or OpenAI's list of parts) with an invisible character in whatever looks like control."""
    if isinstance(content, str):
        return CONTROL.sub(lambda found: found.group() + BREAK, mended(content))
    if isinstance(content, list):
        return [{**part, "text": defused(part["text"])} if part.get("type") == "text" else part for part in content]
    return content
