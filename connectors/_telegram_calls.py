"""Calls of Telegram's Bot API: python-telegram-bot as a typed client, with errors that tell whether a request left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import httpx
from telegram import Bot
from telegram.error import NetworkError, TelegramError
from telegram.request import BaseRequest, HTTPXRequest, RequestData

from assistant.errors import AssistantError, RateLimited, Rejected, TransientError

CONNECTIONS = 64
"""Requests on their way at once; a call that finds none free waits."""

SECONDS = 20.0
"""Patience with Telegram, which answers most calls within a second."""

UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
"""What httpx raises before the first byte of a request has left. www.python-httpx.org/exceptions, 2026-06."""


class Refused(TelegramError):
    """Telegram's answer that it did not do what it was asked."""

    def __init__(self, status: int, description: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(description)
        self.status = status
        self.retry_after: float | None = parameters.get("retry_after")
        self.migrated_to: int | None = parameters.get("migrate_to_chat_id")

    def says(self, *words: str) -> bool:
        """Whether its description has one of these words, which is how Telegram tells reasons apart."""
        return self.status == HTTPStatus.BAD_REQUEST and any(word in str(self).lower() for word in words)


class Unsent(TelegramError):
    """No connection: nothing has left."""


class Lost(TelegramError):
    """The connection ended, or a gateway gave up, after the request had left: only Telegram knows what became of it."""


class Wire(HTTPXRequest):
    """HTTP to the Bot API; whatever goes wrong is one of the three errors above."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Status and body of a success. Raises Refused, Unsent, Lost."""
        try:
            status, body = await super().do_request(
                url, method, request_data, read_timeout, write_timeout, connect_timeout, pool_timeout
            )
        except NetworkError as error:
            reason = f"{type(error.__cause__).__name__}: {error.__cause__}"
            raise (Unsent if isinstance(error.__cause__, UNSENT) else Lost)(reason) from None
        answer = _json(body)
        if status < 300 and answer.get("ok") is True and "result" in answer:
            return status, body
        if status < 300 or status == HTTPStatus.GATEWAY_TIMEOUT or (status == HTTPStatus.BAD_GATEWAY and not answer):
            raise Lost(f"HTTP {status} without an answer of the Bot API")
        raise Refused(status, answer.get("description") or f"HTTP {status}", answer.get("parameters") or {})


def _wire(connections: int) -> Wire:
    return Wire(
        connections,
        read_timeout=SECONDS,
        write_timeout=SECONDS,
        connect_timeout=SECONDS / 2,
        pool_timeout=SECONDS,
        media_write_timeout=3 * SECONDS,
    )


class Api(Bot):
    """The typed calls, and updates as they come: with what this version of the library does not know."""

    def __init__(self, token: str, url: str) -> None:
        super().__init__(
            token,
            base_url=f"{url}/bot",
            base_file_url=f"{url}/file/bot",
            request=_wire(CONNECTIONS),
            get_updates_request=_wire(2),
        )

    def __repr__(self) -> str:  # the library's shows the token
        return f"Api({self.token.partition(':')[0]})"

    async def updates(self, offset: int | None, seconds: int, kinds: Sequence[str]) -> list[dict[str, Any]]:
        """Updates from `offset` on, at most 100; waits up to `seconds` for the first."""
        found: list[dict[str, Any]] = await self._post(
            "getUpdates",
            {"offset": offset, "timeout": seconds, "allowed_updates": list(kinds)},
            read_timeout=seconds + SECONDS,
        )
        return found

    async def file(self, file_id: str) -> tuple[str, int]:
        """Path of a file at Telegram, and its size in bytes (0: not told)."""
        found = await self._post("getFile", {"file_id": file_id})
        return str(found.get("file_path", "")), int(found.get("file_size") or 0)

    async def aclose(self) -> None:
        """Close connections."""
        for request in self._request:
            await request.shutdown()


def explained(error: TelegramError, name: str) -> AssistantError:
    """What the contract of connectors calls an error; `name` is the connector's section.

    `Lost` is a TransientError here: right for a call that does no harm the second time, or did nothing.
    """
    if not isinstance(error, Refused):
        return TransientError(f"{name}: Telegram cannot be reached: {error}")
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(f"{name}: Telegram asks for patience: {error}", retry_after=error.retry_after)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{name}: Telegram has a fault: {error}")
    if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        remedy = "set it to the token that @BotFather shows for the bot"
        return Rejected(f"connectors.{name}.token: Telegram does not know it ({error}): {remedy}")
    return Rejected(f"{name}: Telegram refuses: {error}")


@contextmanager
def explaining(name: str) -> Iterator[None]:
    """Raise what goes wrong inside as `explained`."""
    try:
        yield
    except TelegramError as error:
        raise explained(error, name) from None


def _json(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
