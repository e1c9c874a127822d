"""What Meta answers in place of a success, as the errors that the contract of connectors knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from assistant.errors import AssistantError, RateLimited, Rejected, TransientError
from connectors._hidden import HIDDEN
from connectors._meta_codes import MINUTE, Known, known

USAGE = ("x-business-use-case-usage", "x-app-usage", "x-page-usage")
"""Headers that tell how much of a limit is used, and the minutes until calls go through again.

developers.facebook.com/docs/graph-api/overview/rate-limiting, 2026-11.
"""

LONGEST_WAIT = 24 * 3600.0
"""Seconds; no limit of Meta's lasts longer, so that nothing else in a header makes a message wait for ever."""

LONGEST_MESSAGE = 300
"""Characters of Meta's own words that are shown."""

PROOF = "appsecret_proof"
COPY = "copy both from the same app's dashboard at developers.facebook.com"
"""Code 100 is of many errors; the one of a proof that does not fit is known by its words."""

TOKEN_LIKE = re.compile(r"\b(?:EAA|IG)[A-Za-z0-9_-]{20,}")
"""Tokens of any account: Meta repeats some in its errors."""


class Refused(Exception):
    """Meta's answer that it did not do what it was asked; `code` None: it was none of the Graph API's."""

    def __init__(
        self, message: str, *, status: int, code: int | None = None, subcode: int | None = None, trace: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.subcode = subcode
        self.trace = trace


class WindowClosed(Rejected):
    """The time in which the person may be written to is over: only a template goes through, if anything."""


class TokenRefused(Rejected):
    """The token is not, or no longer, accepted: a person must act."""


class PermissionMissing(Rejected):
    """The token may not do this: a person must act."""


class Unclear(Exception):
    """Meta answers with an error although what it was asked may have been done."""


def refusal(status: int, body: bytes) -> Refused:
    """What an answer says, without secrets."""
    error = _error(body)
    if error is None:
        return Refused(f"HTTP {status} without an answer of the Graph API", status=status)
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, Mapping) else None
    words = [_text(error.get("message")), _text(details), _text(error.get("error_user_msg"))]
    message = ": ".join(dict.fromkeys(word for word in words if word)) or f"HTTP {status}"
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    return Refused(
        shown(message), status=status, code=code, subcode=subcode, trace=shown(_text(error.get("fbtrace_id")))
    )


def explained(
    refused: Refused, headers: Mapping[str, str], *, name: str, credential: str = "access_token"
) -> AssistantError | Unclear:
    """The error to raise; `name` is the connector's section, `credential` its key that has the token. `code_of` finds the code
    in it where it is raised from `refused`."""
    found = known(refused.code, refused.subcode)
    sort = found.sort if found else _sort(refused.status)
    text = f"{name}: {_sentence(refused, found)}"
    if PROOF in str(refused):
        return TokenRefused(
            f"connectors.{name}.app_secret is not that of the app that the token is of ({refused}): {COPY}"
        )
    if sort == "token":
        return TokenRefused(f"connectors.{name}.{credential}: {_sentence(refused, found)}")
    if sort == "permission":
        return PermissionMissing(text)
    if sort == "window":
        return WindowClosed(text)
    if sort == "rate":
        waits = wait(headers)
        return RateLimited(text, retry_after=waits if waits is not None else found.wait if found else None)
    if sort == "transient":
        return TransientError(text)
    return Unclear(text) if sort == "unknown" else Rejected(text)


def code_of(error: BaseException) -> tuple[int | None, int | None]:
    """Code and subcode that Meta gave for an error raised by `Graph`; (None, None): none."""
    cause = error.__cause__
    return (cause.code, cause.subcode) if isinstance(cause, Refused) else (None, None)


def reported(error: Mapping[str, Any]) -> str:
    """An error in a webhook as "code: what it means (Meta's own words): what to do": what became of a message that Meta had taken."""
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    data = error.get("error_data")
    details = _text(data.get("details")) if isinstance(data, Mapping) else ""
    words = shown(details or _text(error.get("title")) or _text(error.get("message"))).rstrip(". ")
    found = known(code, subcode)
    meaning = f"{found.means} ({words})" if found and words else found.means if found else words
    parts = [str(code) if code is not None else "", meaning, found.remedy if found else ""]
    return ": ".join(part for part in parts if part) or "no reason given"


def wait(headers: Mapping[str, str]) -> float | None:
    """Seconds until calls go through again, as the headers of an answer have it; None: they do not."""
    found = [_retry_after(headers.get("retry-after", "")), *(_usage(headers.get(name, "")) for name in USAGE)]
    seconds = [each for each in found if each is not None]
    return min(max(seconds), LONGEST_WAIT) if seconds else None


def shown(text: str) -> str:
    """Words of Meta's as they may be shown: on one line, not too long, without anything that is a token."""
    line = " ".join(HIDDEN.clean(text).split())
    line = TOKEN_LIKE.sub("…", line)
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def _sentence(refused: Refused, found: Known | None) -> str:
    numbers = [str(number) for number in (refused.code, refused.subcode) if number is not None]
    said = f"code {'/'.join(numbers)}" if numbers else f"HTTP {refused.status}"
    trace = f", fbtrace_id {refused.trace}" if refused.trace else ""
    meaning = f"{found.means} ({said}: {refused}{trace})" if found else f"Meta refuses ({said}: {refused}{trace})"
    return f"{meaning}: {found.remedy}" if found else meaning


def _sort(status: int) -> str:
    """How an error with a code that is not known is treated."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "transient"
    return "token" if status == HTTPStatus.UNAUTHORIZED else "rejected"


def _error(body: bytes) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value) else None


def _retry_after(value: str) -> float | None:
    """Seconds, or the date until when (RFC 9110, section 10.2.3)."""
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((until - datetime.now(UTC)).total_seconds(), 0.0)


def _usage(value: str) -> float | None:
    """The longest `estimated_time_to_regain_access`, which is in minutes; 0 is no limit."""
    try:
        found = json.loads(value) if value else None
    except (ValueError, RecursionError):
        return None
    minutes = list(_minutes(found))
    return max(minutes) * MINUTE if minutes else None


def _minutes(value: object, depth: int = 0) -> Iterator[float]:
    if depth > 3:  # id, list, use case
        return
    if isinstance(value, dict):
        given = value.get("estimated_time_to_regain_access")
        if isinstance(given, int | float) and not isinstance(given, bool) and given > 0:
            yield float(min(given, LONGEST_WAIT))  # also of what no float holds
        for each in value.values():
            yield from _minutes(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _minutes(each, depth + 1)
