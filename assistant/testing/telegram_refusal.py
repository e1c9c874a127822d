"""What Telegram's Bot API answers to a call it does not carry out."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An error answer: HTTP status, description, and `parameters` such as retry_after in whole seconds."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.status = status
        self.parameters = parameters

    def to_dict(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {"ok": False, "error_code": self.status, "description": str(self)}
        return body | ({"parameters": self.parameters} if self.parameters else {})


def bad(description: str) -> Refusal:
    """400 with Telegram's prefix."""
    return Refusal(400, f"Bad Request: {description}")


def flooded(seconds: int) -> Refusal:
    """429: nothing more before `seconds` have passed."""
    return Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
