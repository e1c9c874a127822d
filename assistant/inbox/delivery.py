"""Sending one part of an answer, and telling what became of it: sent, to be tried again, refused for good, or unknown."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assistant.backoff import backoff
from assistant.connector import Asking, Connector, Windowed
from assistant.errors import PermanentError, RateLimited, Rejected, TransientError
from assistant.inbox.limits import Limits
from assistant.inbox.meters import InboxMeters
from assistant.inbox.names import ASKED
from assistant.inbox.standing import Outlook, Standing
from assistant.types import Outgoing, Receipt

logger = logging.getLogger("assistant.inbox")

Policy = Literal["resend", "park"]

LONGEST_SECONDS = 60.0
"""Between two attempts at most, for about an hour."""

PATIENT_SECONDS = 300.0
"""And after that: each attempt leaves three records, and a platform may be away for a day."""

PATIENT_ATTEMPTS = 60

SOON_SECONDS = 0.05

SEND_SECONDS = 300.0
"""What one send may take, a large file among them; after that nobody knows whether it arrived."""


def pause(attempt: int) -> float:
    """Seconds before attempt `attempt` + 1."""
    return backoff(attempt, longest=LONGEST_SECONDS if attempt < PATIENT_ATTEMPTS else PATIENT_SECONDS)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt to send a part; recorded before anything follows from it.

    Attributes:
        state: "sent"; "again" after `wait` seconds; "refused" and "spent" end in a dead letter, "parked" waits for a person;
            "held": it is not sent, since somebody else answers there.
        receipt: what the platform said of a part that was sent.
        doubt: nobody knows whether it arrived: the next attempt asks, or is marked as one that may double.
        resent: an attempt before this one may have arrived.
        asked: a person asked for another attempt after this one, which would be the last.
        beyond: it went as what may be sent outside the window, in place of the message.
    """

    state: Literal["sent", "again", "refused", "spent", "parked", "held"]
    ids: tuple[str, ...] = ()
    receipt: str = "sent"
    wait: float = 0.0
    doubt: bool = False
    resent: bool = False
    transient: bool = False
    asked: bool = False
    beyond: bool = False
    error: str | None = None

    def but(self, **changes: Any) -> Attempt:
        """The same with changes."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        record: dict[str, Any] = {"state": self.state}
        if self.state == "sent":
            record |= {"ids": list(self.ids), "receipt": self.receipt}
        flags = {"doubt": self.doubt, "resent": self.resent, "transient": self.transient, "beyond": self.beyond}
        return record | {name: True for name, set_ in flags.items() if set_} | self._rest()

    def _rest(self) -> dict[str, Any]:
        rest = {"wait": round(self.wait, 3), "error": self.error}
        return {name: value for name, value in rest.items() if value}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Attempt:
        """A stored attempt; what a version did not write has its default."""
        return cls(
            state=record.get("state", "refused"),
            ids=tuple(record.get("ids", ())),
            receipt=record.get("receipt", "sent"),
            wait=record.get("wait", 0.0),
            doubt=record.get("doubt", False),
            resent=record.get("resent", False),
            transient=record.get("transient", False),
            asked=record.get(ASKED, False),
            beyond=record.get("beyond", False),
            error=record.get("error"),
        )


@dataclass(frozen=True, slots=True)
class Courier:
    """Sends over one connector, in slots of its own: a platform that hangs keeps none of another's."""

    connector: Connector
    limits: Limits
    meters: InboxMeters
    slots: asyncio.Semaphore
    standing: Standing
    seconds: float = SEND_SECONDS

    async def send(
        self,
        part: Outgoing,
        *,
        turn: str,
        attempt: int,
        doubt: bool,
        policy: Policy,
        aliased: bool = True,
        windowed: bool = True,
        begun: bool = False,
    ) -> Attempt:
        """One attempt; raises nothing but cancellation and what the database raises.

        `doubt`: whether an attempt before this one may have arrived; `begun`: whether the parts before it were sent as they
        are; the others as in `Standing.outlook`.
        """
        if doubt and not self._drops and (ids := await self.standing.arrived(part)) is not None:
            self._count("found")
            return Attempt("sent", ids=ids)
        async with self.slots:
            outlook = await self.standing.outlook(part, aliased=aliased, windowed=windowed)
            if outlook.holder is not None:
                return Attempt("held", doubt=doubt, error=f"not sent: a {outlook.holder} answers in this conversation")
            made = await self._send(part, outlook, attempt=attempt, doubt=doubt, policy=policy, begun=begun)
        if made.state == "sent":
            await self.standing.sent(part, made.ids, turn=turn)
        if made.state == "refused" and part.address == outlook.address != await self.standing.reach(part.address):
            return made.but(state="again", wait=SOON_SECONDS, transient=True)  # its person got another id meanwhile
        return made

    async def _send(
        self, part: Outgoing, outlook: Outlook, *, attempt: int, doubt: bool, policy: Policy, begun: bool
    ) -> Attempt:
        resent = False
        if doubt and not self._drops:
            found = await self._find(part, attempt=attempt, policy=policy)
            if isinstance(found, Attempt):
                return found
            resent = found is None
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.seconds):
                there = dataclasses.replace(part, address=outlook.address)
                receipt = await self._sent(there, outlook.closed, begun=begun)
        except RateLimited as error:
            return self._limited(part, error, attempt=attempt, resent=resent)
        except TransientError as error:
            return Attempt("again", wait=pause(attempt), transient=True, resent=resent, error=str(error))
        except PermanentError as error:
            return Attempt("refused", resent=resent, error=str(error))
        except Exception as error:
            logger.warning("%s raised %s while it sent", self.connector.name, type(error).__name__, exc_info=error)
            why = f"{type(error).__name__} while it was sent"
            return self._unknown(why, attempt=attempt, policy=policy, resent=resent)
        finally:
            self.meters.sent.observe(time.perf_counter() - started)
        if receipt.state == "unknown":
            why = "the connection ended after it was sent"
            return self._unknown(why, attempt=attempt, policy=policy, resent=resent)
        if receipt.state == "failed":
            return Attempt("refused", resent=resent, error="the platform says that it failed")
        beyond = outlook.closed is not None
        return Attempt("sent", ids=receipt.ids, receipt=receipt.state, resent=resent, beyond=beyond)

    async def _sent(self, part: Outgoing, closed: str | None, *, begun: bool) -> Receipt:
        if closed is None or not isinstance(self.connector, Windowed):
            return await self.connector.send(part)
        try:
            receipt = await self.connector.send_beyond(part)
            if begun and not receipt.ids and receipt.state == "sent":  # as behind a template that stands for the whole
                raise Rejected("the rest of an answer cannot be sent outside the window")
            return receipt
        except Rejected as error:
            raise Rejected(f"{error} ({closed}; once the person writes again, retry this)") from error

    @property
    def _asks(self) -> bool:
        """Whether it can be found out what became of a send."""
        return isinstance(self.connector, Asking) or self.connector.capabilities.reports

    @property
    def _drops(self) -> bool:
        return self.connector.capabilities.repeats == "dropped"

    async def _find(self, part: Outgoing, *, attempt: int, policy: Policy) -> Attempt | bool | None:
        """What became of an attempt before; False: it did not arrive, None: nobody knows and it is to be sent again."""
        arrived: bool | None = None
        if isinstance(self.connector, Asking):
            try:
                async with asyncio.timeout(self.seconds):
                    arrived = await self.connector.was_sent(part)
            except PermanentError as error:
                logger.warning("%s cannot tell whether a message arrived: %s", self.connector.name, error)
            except Exception as error:  # noqa: BLE001 - a question does no harm: ask again
                return Attempt("again", wait=pause(attempt), doubt=True, transient=True, error=_said(error))
        if arrived is None and policy == "park":
            self._count("parked")
            return Attempt("parked", error="nobody knows whether this message arrived")
        self._count({True: "found", False: "missing", None: "resent"}[arrived])
        return Attempt("sent") if arrived else arrived

    def _unknown(self, why: str, *, attempt: int, policy: Policy, resent: bool) -> Attempt:
        if policy == "park" and not self._asks and not self._drops:
            self._count("parked")
            return Attempt("parked", resent=resent, error=why)
        return Attempt("again", wait=pause(attempt), doubt=True, resent=resent, error=why)

    def _limited(self, part: Outgoing, error: RateLimited, *, attempt: int, resent: bool) -> Attempt:
        wait = pause(attempt) if error.retry_after is None else error.retry_after
        self.limits.hold(part.address, wait)
        return Attempt("again", wait=wait, transient=True, resent=resent, error=str(error))

    def _count(self, what: str) -> None:
        self.meters.unknown.labels(self.connector.name, what).inc()


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def missing(connector: str) -> str:
    """What is told of a platform that is not configured in this process."""
    return f"{connector!r} is not one of the connectors here: add its section to the configuration and restart"


def unconfigured(connector: str, *, attempt: int, doubt: bool) -> Attempt:
    """A part waits for a platform that is not configured in this process: another one may have it, or the next start."""
    return Attempt("again", wait=pause(attempt), doubt=doubt, transient=True, error=missing(connector))
