"""A function of your own that is asked about each comment before it is answered."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pkgutil import resolve_name
from typing import Literal, get_args

from assistant.errors import ConfigurationError
from assistant.types import Incoming
from connectors._meta_options import require

Verdict = Literal["answer", "ignore", "hide"]

Judge = Callable[[Incoming], Verdict | Awaitable[Verdict]]
"""Given a comment, says what becomes of it; may be async. One that is not runs in a thread."""


class Moderation:
    """Asks the function named by `where`, as "package.module:callable".

    Raises:
        ConfigurationError: there is no such function.
    """

    def __init__(self, where: str, *, name: str) -> None:
        self._where = where
        self._key = f"connectors.{name}.moderation"
        self._judge = _found(where, self._key)

    async def verdict(self, event: Incoming) -> Verdict:
        """What becomes of a comment; what the function raises comes through, and the comment is not answered.

        Raises:
            ConfigurationError: the function says something else.
        """
        said = await self._asked(event)
        for verdict in get_args(Verdict):
            if said == verdict:
                found: Verdict = verdict
                return found
        raise ConfigurationError(f"{self._key}: {self._where} says {said!r}, none of {', '.join(get_args(Verdict))}")

    async def _asked(self, event: Incoming) -> object:
        if inspect.iscoroutinefunction(self._judge):
            return await self._judge(event)
        said = await asyncio.to_thread(self._judge, event)
        return await said if inspect.isawaitable(said) else said


def _found(where: str, key: str) -> Judge:
    module, _, attribute = where.partition(":")
    require(bool(module and attribute), f'{key} is {where!r}, and a function is named as "package.module:callable"')
    try:
        judge = resolve_name(where)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"{key}: {where!r} cannot be loaded ({error}): install the package that has it, or correct the name"
        ) from error
    require(callable(judge), f"{key}: {where!r} is no function but {type(judge).__name__}")
    found: Judge = judge
    return found
