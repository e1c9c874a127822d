"""What writes down a recording that was sent to the bot: `bot.transcriber = "package.module:Class"`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Transcriber(Protocol):
    """Made without arguments, once."""

    async def transcribe(self, data: bytes, *, mime_type: str | None, language: str) -> str:
        """What is said in a recording, empty where nothing is; `language` (BCP 47) is what the user seems to speak.

        Raises:
            TransientError: try again.
            PermanentError: it is no recording that can be understood.
        """
