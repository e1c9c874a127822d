"""Refusals in the shape that Meta gives them; codes and wording from Meta's pages on errors, 2026-03 to 2026-11.

developers.facebook.com/docs: graph-api/guides/error-handling, whatsapp/cloud-api/support/error-codes,
messenger-platform/error-codes, graph-api/reference/page/messages (10900, 10903).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRACE = "AfakeTraceOfTheGraph0"
"""`fbtrace_id` of every refusal; Meta's differ."""


class Refusal(Exception):
    """A call that is answered with an error and not carried out."""

    def __init__(self, status: int, code: int, message: str, *, subcode: int | None = None, details: str = "",
                 kind: str = "OAuthException", transient: bool = False,
                 headers: Mapping[str, str] | None = None) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.code, self.subcode, self.details = status, code, subcode, details
        self.kind, self.transient, self.headers = kind, transient, dict(headers or {})

    def to_dict(self) -> dict[str, Any]:
        """The body of the answer."""
        error: dict[str, Any] = {"message": str(self), "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.transient:
            error["is_transient"] = True
        return {"error": {**error, "fbtrace_id": TRACE}}


def invalid(message: str, *, subcode: int | None = None) -> Refusal:
    """A parameter that is wrong."""
    return Refusal(400, 100, f"(#100) {message}", subcode=subcode)


def unknown(path: str, method: str = "get") -> Refusal:
    """An object or an edge that this token does not reach."""
    message = (f"Unsupported {method} request. Object with ID '{path}' does not exist, cannot be loaded due to missing "
               "permissions, or does not support this operation")  # fmt: skip
    return Refusal(400, 100, message, subcode=33, kind="GraphMethodException")


def whatsapp(code: int, title: str, details: str, *, status: int = 400, retry_after: float | None = None) -> Refusal:
    """An error of the Cloud API: code, title and details."""
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return Refusal(status, code, f"(#{code}) {title}", details=details, headers=headers)


RE_ENGAGEMENT = (
    "Message failed to send because more than 24 hours have passed since the customer last replied to this number."
)
"""Details of 131047."""


def window_closed(surface: str) -> Refusal:
    """The person did nothing for 24 hours."""
    if surface == "whatsapp":
        return whatsapp(131047, "Re-engagement message", RE_ENGAGEMENT)
    subcode = 2534022 if surface == "instagram" else 2018278
    return Refusal(400, 10, "(#10) This message is sent outside of allowed window.", subcode=subcode)


def blocked(surface: str) -> Refusal:
    """The person wants no messages from this account."""
    if surface == "whatsapp":
        return whatsapp(131026, "Message undeliverable", "Message Undeliverable.")
    if surface == "comments":
        return Refusal(400, 10903, "(#10903) This user cant reply to this activity")
    return Refusal(400, 551, "(#551) This person isn't available right now.", subcode=1545041)


def nobody(surface: str) -> Refusal:
    """Who is written to is not known to this account."""
    if surface == "whatsapp":
        return whatsapp(
            131030, "Recipient phone number not in allowed list", "Recipient phone number not in allowed list"
        )
    return Refusal(400, 100, "(#100) No matching user found", subcode=2018001)


def too_fast(surface: str, *, retry_after: float | None = None, whole_account: bool = False) -> Refusal:
    """Too many messages; Meta names no time, a test may (`retry_after`, a header)."""
    if surface == "whatsapp" and whole_account:
        return whatsapp(130429, "Rate limit hit", "Message failed to send because there were too many messages sent from this phone number in a short period of time", status=429, retry_after=retry_after)  # fmt: skip
    if surface == "whatsapp":
        return whatsapp(131056, "(Business Account, Consumer Account) pair rate limit hit", "Message failed to send because there were too many messages sent from this phone number to the same recipient phone number in a short period of time", status=429, retry_after=retry_after)  # fmt: skip
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    code, message = (4, "(#4) Application request limit reached") if whole_account else (613, "(#613) Calls to this api have exceeded the rate limit.")  # fmt: skip
    return Refusal(400, code, message, headers=headers)


def unavailable(surface: str) -> Refusal:
    """Meta has a bad moment."""
    if surface == "whatsapp":
        return whatsapp(131016, "Service unavailable", "A service is temporarily unavailable.", status=503)
    message = "An unexpected error has occurred. Please retry your request later."
    return Refusal(503, 2, message, transient=True)
