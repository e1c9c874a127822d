"""Access lists in requests: who may name labels, and which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.knowledge.partitions import MAX_HELD, granted, labels
from assistant.server.problems import BadRequest, bad_request_for

if TYPE_CHECKING:
    from assistant.server.parts import Parts


def of_document(parts: Parts, given: list[str] | None) -> Sequence[str] | None:
    """Who may see what is added; None: everyone, or who may see it already.

    Raises:
        BadRequest: there are no API keys, or a label is wrong.
    """
    if given is not None:
        _ask_for_key(parts)
    with bad_request_for(ValueError, param="access"):
        return granted(given)


def of_caller(parts: Parts, given: Sequence[str], *, trusted: bool = False) -> tuple[str, ...]:
    """The labels of who asks; `trusted` callers were checked before they reached us, and need no key.

    Raises:
        BadRequest: as `of_document`.
    """
    if given and not trusted:
        _ask_for_key(parts)
    with bad_request_for(ValueError, param="access"):
        return labels(given, most=MAX_HELD)


def _ask_for_key(parts: Parts) -> None:
    """With keys, the guard lets nobody in without one; without keys, anybody here could name any label."""
    if not parts.settings.server.api_keys:
        message = "access is honoured only of callers with an API key: set server.api_keys, and send one"
        raise BadRequest(message, param="access", code="access_needs_api_key", status=403)
