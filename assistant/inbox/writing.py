"""Asking the responder: its answer as the parts that will be sent, or when to ask again."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import time
import traceback
from collections.abc import Mapping
from typing import Any

from assistant.backoff import backoff
from assistant.connector import Connector, Splitting
from assistant.errors import ConfigurationError, EngineUnavailable, PermanentError, RateLimited, TransientError
from assistant.inbox.delivery import Policy, missing, pause
from assistant.inbox.meters import InboxMeters
from assistant.inbox.records import outgoing_to_json
from assistant.inbox.running import Running, Stopped
from assistant.inbox.standing import Standing
from assistant.inbox.turns import Reply, Respond, Turn
from assistant.sections import InboxSettings
from assistant.types import Outgoing

logger = logging.getLogger("assistant.inbox")

PATIENCE_SECONDS = 24 * 3600.0
"""How long a failure is waited out that is the moment's and nobody's fault: the model's server, the platform's 5xx. Such
failures do not count as attempts."""

SOON_SECONDS = 2.0
"""Between two attempts at most while the assistant is not ready, for as long as that may be its start."""

START_SECONDS = 120.0

START = "/start"
"""What takes a conversation back from a person, where they were asked for."""

Json = dict[str, Any]


class Writer:
    """Asks for answers, a bounded number at once."""

    def __init__(
        self,
        respond: Respond,
        *,
        connectors: Mapping[str, Connector],
        settings: InboxSettings,
        running: Running,
        meters: InboxMeters,
        standing: Standing,
    ) -> None:
        self._respond = respond
        self._connectors = connectors
        self._settings = settings
        self._running = running
        self._meters = meters
        self._standing = standing
        self._slots = asyncio.Semaphore(settings.concurrency)

    async def write(self, turn: Turn, *, attempt: int, failures: int, waited: float) -> Json:
        """The record of an answer: `parts`, `policies`, `details`, maybe `hands_to`; or of a failure: `error`, and `wait` or not.

        `failures`: attempts before that count; `waited`: seconds waited for those that do not.
        """
        begun = time.perf_counter()
        if turn.address.connector not in self._connectors:  # the model is not asked for what cannot be sent
            record = _again(TransientError(missing(turn.address.connector)), attempt=attempt, waited=waited)
        elif silent := await self._silent(turn):
            record = silent
        else:
            async with self._slots:
                begun = time.perf_counter()
                record = await self._written(turn, attempt=attempt, failures=failures, waited=waited)
            if record.get("stopped"):
                record |= await self._silent(turn) or {}
        seconds = time.perf_counter() - begun
        self._meters.answered.observe(seconds)
        if "wait" in record:
            self._meters.retried.labels(turn.address.connector, "answer").inc()
        return record | {"seconds": round(seconds, 3)}

    async def _silent(self, turn: Turn) -> Json | None:
        """The record of an answer that is none: somebody else answers in the conversation; None: the bot does."""
        holder = await self._standing.holder(turn.address)
        if holder is None or (holder == "person" and _wants_the_bot(turn)):
            return None
        return {"parts": [], "policies": [], "details": {"held_by": holder}}

    async def _written(self, turn: Turn, *, attempt: int, failures: int, waited: float) -> Json:
        try:
            async with asyncio.timeout(self._settings.turn_seconds):
                reply = await self._running.answer(turn.id, lambda: self._ask(turn))
            return await asyncio.to_thread(self._record, turn, reply)  # a long text takes a while to split
        except Stopped:
            return {"parts": [], "policies": [], "stopped": True}
        except TransientError as error:
            return _again(error, attempt=attempt, waited=waited)
        except PermanentError as error:
            return {"error": str(error) or type(error).__name__}
        except Exception as error:  # noqa: BLE001 - whatever it is, its lane must be freed in the end
            return self._failed(turn, error, failures=failures)

    async def _ask(self, turn: Turn) -> Reply:
        return await self._respond(turn)

    def _record(self, turn: Turn, reply: Reply) -> Json:
        parts: list[Outgoing] = []
        for message in reply.messages:
            parts += self._split(message)
        keyed = [dataclasses.replace(part, key=turn.key(number)) for number, part in enumerate(parts)]
        return {
            "parts": [outgoing_to_json(part) for part in keyed],
            "policies": [self._policy(part.address.connector) for part in keyed],
            "details": json.loads(json.dumps(dict(reply.details), default=str)),
            **({"hands_to": reply.hands_to} if reply.hands_to else {}),
        }

    def _split(self, message: Outgoing) -> list[Outgoing]:
        connector = self._connectors.get(message.address.connector)
        if connector is None:
            raise ConfigurationError(
                f"an answer goes to {message.address.connector!r}, which is not one of the connectors "
                f"({', '.join(sorted(self._connectors)) or 'none'}): add its section to the configuration"
            )
        return list(connector.split(message)) if isinstance(connector, Splitting) else [message]

    def _policy(self, connector: str) -> Policy:
        own: Policy | None = getattr(self._connectors[connector], "unknown_sends", None)
        return own or self._settings.unknown_sends

    def _failed(self, turn: Turn, error: Exception, *, failures: int) -> Json:
        where = "".join(traceback.format_tb(error.__traceback__)[-4:])  # not the message: it may hold what was written
        logger.warning("the answer to %s failed with %s\n%s", turn.id, type(error).__name__, where)
        if isinstance(error, TimeoutError) and not str(error):
            error = TimeoutError(f"no answer within {self._settings.turn_seconds:g} s (inbox.turn_seconds)")
        record: Json = {"error": f"{type(error).__name__}: {error}", "counts": True}
        if failures + 1 >= self._settings.attempts or isinstance(error, ConfigurationError):
            return record
        return record | {"wait": round(backoff(failures + 1, first=0.5), 3)}


def _wants_the_bot(turn: Turn) -> bool:
    """Whether it is `/start` alone: who asked for a person may take the bot back, which the responder decides."""
    words = turn.text.split()
    start = bool(words) and words[0].split("@")[0] == START
    return start and (turn.kind == "command" or (turn.kind == "text" and len(words) == 1))


def _again(error: TransientError, *, attempt: int, waited: float) -> Json:
    given = error.retry_after if isinstance(error, RateLimited) else None
    wait = pause(attempt) if given is None else max(0.05, given)
    if isinstance(error, EngineUnavailable) and waited < START_SECONDS:
        wait = min(wait, SOON_SECONDS)
    record: Json = {"error": str(error) or type(error).__name__}
    return record if waited + wait > PATIENCE_SECONDS else record | {"wait": round(wait, 3)}
