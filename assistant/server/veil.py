"""What visitors are told when a part of the server does not answer: to try again, and nothing about the server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from assistant.errors import RateLimited, TransientError

logger = logging.getLogger(__name__)


class Veiled(APIRoute):
    """A route that is open to everyone. Errors of ours name databases, hosts and files; here only the log does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As every route's, but for the words of a TransientError."""
        handle = super().get_route_handler()

        async def veiled(request: Request) -> Response:
            try:
                return await handle(request)
            except RateLimited:
                raise
            except TransientError as error:
                logger.warning("%s: %s", request.scope["path"], error)
                raise TransientError("this cannot be done at the moment; try again") from error

        return veiled
