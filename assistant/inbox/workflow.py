"""A turn, step by step: gather, answer, send each part.

Steps are a contract with what waits in the database (ADR 11): neither their names nor their order change while a row of
`names.VERSION` may be left.

    [gather [absorb]]  (answer sleep)* answer  for each part: [claim] send ([sleep] claim send)*

`gather` where the stored message asks for a burst; `claim` before each send where the policy is `park`, so that only what
was on the wire is parked, and before each attempt after the first; without `sleep` where a person asked for it. What a
stopped answer has not sent yet is not sent: the turn ends there; nor is what comes after somebody else took the conversation
over, and the send that met with that records it. The last send of a turn that ran here from its answer on
has no record of its own where it succeeds: the turn's outcome is one. Where it fails it has, as it would have had anyway.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from assistant.errors import TransientError
from assistant.inbox.burst import Burst
from assistant.inbox.delivery import Attempt, Courier, Policy, unconfigured
from assistant.inbox.intake import JUDGE, MOVED
from assistant.inbox.journal import Journal
from assistant.inbox.names import ASKED, WORKFLOW, lane_of
from assistant.inbox.records import incoming_from_json, outgoing_from_json, readable
from assistant.inbox.running import Outcome, Running
from assistant.inbox.standing import Standing
from assistant.inbox.turns import Turn, turn_id
from assistant.inbox.writing import PATIENCE_SECONDS, Writer
from assistant.sections import InboxSettings
from assistant.types import Incoming, Outgoing

if TYPE_CHECKING:
    from dbos import DBOS

RECOVERIES = 100
"""Processes that may die over one turn before it is a dead letter: it may be what kills them."""

Json = dict[str, Any]


class Dead(Outcome):
    """The turn ends in the dead letters; `data` is kept with it."""

    def __init__(self, message: str, *, data: Json) -> None:
        super().__init__(message)
        self.data = data


class Parked(Dead):
    """The turn waits for a person: nobody knows whether a part arrived."""


@dataclass(slots=True)
class Run:
    """One execution of a turn.

    Attributes:
        live: the step before was run by this execution, not read from the database.
        whole: so was the answer; then no send was tried before this execution.
    """

    stored: Json
    turn: Turn
    lane: str
    live: bool = True
    whole: bool = False
    attempts: int = 0
    stopped: bool = False
    details: Json = field(default_factory=dict)
    sent: list[Json] = field(default_factory=list)
    parts: int = 0
    began: float = field(default_factory=time.time)
    writing: float = 0.0

    @property
    def aliased(self) -> bool:
        """Whether its person is known by several identities."""
        return bool(self.stored.get(MOVED)) or any(message.aliases for message in self.turn.messages)

    def outcome(self) -> Json:
        """What is kept with the turn."""
        return {"parts": self.sent, "attempts": self.attempts} | ({"stopped": True} if self.stopped else {})


@dataclass(slots=True)
class Tries:
    """What was tried for one answer or one part; failures since a person last asked for it."""

    number: int = 0
    failures: int = 0
    waited: float = 0.0

    def note(self, wait: float, *, counts: bool) -> None:
        """Add a failure."""
        self.failures += counts
        self.waited += 0.0 if counts else wait

    def forget(self) -> None:
        """Begin anew, but for the number."""
        self.failures, self.waited = 0, 0.0


class TurnWorkflow:
    """The workflow and its steps; made once for each launch of DBOS, before it."""

    def __init__(
        self,
        dbos: type[DBOS],
        *,
        writer: Writer,
        couriers: Mapping[str, Courier],
        running: Running,
        burst: Burst,
        journal: Journal,
        standing: Standing,
        settings: InboxSettings,
    ) -> None:
        from dbos import error

        self._theirs = error.DBOSException
        self._dbos = dbos
        self._writer = writer
        self._couriers = couriers
        self._running = running
        self._burst = burst
        self._journal = journal
        self._standing = standing
        self._attempts = settings.attempts
        self._gather = self._step("gather")
        self._absorb = self._step("absorb")
        self._answer = self._step("answer")
        self._claim = self._step("claim")
        self._send = self._step("send")

        @dbos.workflow(name=WORKFLOW, max_recovery_attempts=RECOVERIES)
        async def turn(stored: Json) -> Json:
            return await self._execute(stored)

    def _step(self, name: str) -> Callable[[Run, Callable[[], Awaitable[Json]]], Awaitable[Json]]:
        """A step that does what it is given, unless its record is there already; tells the run which of the two it was."""

        async def step(run: Run, do: Callable[[], Awaitable[Json]]) -> Json:
            run.live = True
            try:
                return await do()
            except SQLAlchemyError as error:  # no outcome of the step: it runs again, once the database is back
                self._journal.interrupted(run, error)
                raise asyncio.CancelledError from error

        recorded = self._dbos.step(name=name)(step)

        async def call(run: Run, do: Callable[[], Awaitable[Json]]) -> Json:
            run.live = False
            return await recorded(run, do)

        return call

    async def _execute(self, stored: Json) -> Json:
        message = readable(stored.get("message"))
        if message is None:
            raise Dead("what was recorded is not a message: it was written by another version", data={})
        run = Run(stored, Turn(turn_id(message), (message,)), lane_of(message))
        if not await self._running.enter(run.turn.id, run.lane):
            raise asyncio.CancelledError  # no outcome: it runs after the restart
        try:
            await self._steps(run)
            self._journal.finished(run, "answered")
            return run.outcome()
        except Dead as error:
            self._journal.finished(run, "parked" if isinstance(error, Parked) else "dead", error=str(error))
            raise
        except (SQLAlchemyError, TransientError) as error:
            self._journal.interrupted(run, error)
            raise asyncio.CancelledError from error  # not an outcome either: upkeep hands it back
        except self._theirs:
            raise  # it is another execution's, or was cancelled
        except Exception as error:
            self._journal.finished(run, "dead", error=type(error).__name__)
            raise
        finally:
            self._running.leave(run.turn.id, run.lane)

    async def _steps(self, run: Run) -> None:
        if run.stored.get("burst"):
            await self._gathered(run)
        answer = await self._answered(run)
        run.whole = run.live
        run.stopped, run.details = bool(answer.get("stopped")), answer.get("details", {})
        run.parts, run.writing = len(answer["parts"]), answer.get("seconds", 0.0)
        for number, part in enumerate(answer["parts"]):
            outgoing = outgoing_from_json(part)
            last = number == run.parts - 1 and "hands_to" not in answer  # then the turn's outcome is the next record
            sent = await self._delivered(run, outgoing, policy=answer["policies"][number], last=last)
            if sent is None:
                run.stopped = True
                return
            run.sent.append(sent.to_json() | {"key": outgoing.key})
        if "hands_to" in answer:
            await self._standing.hand_over(run.turn.address, answer["hands_to"])

    async def _gathered(self, run: Run) -> None:
        async def find() -> Json:
            await self._burst.wait(run.stored)
            return {"messages": await self._burst.followers(run.stored)}

        async def finish() -> Json:
            await self._burst.absorb(followers, by=run.turn.id)
            return {}

        found = await self._gather(run, find)
        followers: list[Incoming] = [incoming_from_json(record) for record in found.get("messages", ())]
        if followers:
            run.turn = Turn(run.turn.id, (*run.turn.messages, *followers))
            await self._absorb(run, finish)

    async def _answered(self, run: Run) -> Json:
        tries = Tries()

        async def write() -> Json:
            if JUDGE in run.stored:
                return await self._judged(run)
            return await self._writer.write(
                run.turn, attempt=tries.number, failures=tries.failures, waited=tries.waited
            )

        while True:
            tries.number += 1
            self._journal.begun(run)
            answer = await self._answer(run, write)
            run.attempts += 1
            if "parts" in answer:
                return answer
            if "wait" in answer:
                tries.note(answer["wait"], counts=bool(answer.get("counts")))
                await self._sleep(answer["wait"])
            elif answer.get(ASKED):
                tries.forget()
            else:
                raise Dead(answer.get("error", "no answer"), data=run.outcome())

    async def _judged(self, run: Run) -> Json:
        """The record of an echo, which nobody is asked to answer."""
        holder = await self._standing.judge(run.turn.messages[-1], certain=not run.stored[JUDGE])
        return {"parts": [], "policies": [], "details": {"held_by": holder} if holder else {"echo": "ours"}}

    async def _sleep(self, seconds: float) -> None:
        with self._running.sleeping():
            await self._dbos.sleep_async(seconds)

    async def _placed(self, part: Outgoing) -> None:
        """Wait for the part's place among those that its platform allows."""
        if courier := self._couriers.get(part.address.connector):
            with self._running.sleeping():
                await courier.limits.wait(part.address)

    async def _delivered(self, run: Run, part: Outgoing, *, policy: Policy, last: bool) -> Attempt | None:
        """The attempt that sent the part; None: its person stopped the answer before it was sent, or another answers."""
        tries, doubt, resent, asked = Tries(), False, False, False

        async def place() -> Json:
            await self._placed(part)
            return {}

        while True:
            if self._running.stopped(run.turn.id):
                return None
            tries.number += 1
            claimed = policy == "park" or tries.number > 1
            if claimed:
                await self._claim(run, place)
            attempt = await self._attempt(
                run,
                part,
                tries,
                doubt=doubt or not run.live,
                policy="resend" if asked else policy,
                claimed=claimed,
                last=last,
            )
            run.attempts += 1
            resent = resent or attempt.resent
            if attempt.state == "sent":
                return attempt.but(resent=resent)
            if attempt.state == "held":
                return None
            if attempt.state == "again":
                tries.note(attempt.wait, counts=not attempt.transient)
                await self._sleep(attempt.wait)
            elif attempt.asked:
                tries.forget()
            else:
                ends = Parked if attempt.state == "parked" else Dead
                raise ends(attempt.error or attempt.state, data=run.outcome())
            asked = attempt.state == "parked"  # a person looked, and wants it to be sent
            doubt = attempt.doubt or asked

    async def _attempt(
        self,
        run: Run,
        part: Outgoing,
        tries: Tries,
        *,
        doubt: bool,
        policy: Policy,
        claimed: bool,
        last: bool,
    ) -> Attempt:
        async def send() -> Json:
            if not claimed:
                await self._placed(part)
            if courier := self._couriers.get(part.address.connector):
                made = await courier.send(
                    part,
                    turn=run.turn.id,
                    attempt=tries.number,
                    doubt=doubt,
                    policy=policy,
                    aliased=run.aliased or tries.number > 1,
                    windowed=run.turn.kind != "comment",
                    begun=bool(run.sent) and not any(sent.get("beyond") for sent in run.sent),
                )
            else:
                made = unconfigured(part.address.connector, attempt=tries.number, doubt=doubt)
            within = self._within(made, tries)
            if within.state == "again":
                self._journal.again(part.address.connector)
            return within.to_json()

        if not (last and run.whole):
            return Attempt.from_json(await self._send(run, send))
        made = await send()

        async def same() -> Json:
            return made

        return Attempt.from_json(made if made["state"] == "sent" else await self._send(run, same))

    def _within(self, attempt: Attempt, tries: Tries) -> Attempt:
        """The attempt, or the end of them where there were enough."""
        if attempt.state != "again":
            return attempt
        wait = max(attempt.wait, 0.05)
        spent = tries.waited + wait > PATIENCE_SECONDS if attempt.transient else tries.failures + 1 >= self._attempts
        return attempt.but(state="spent") if spent else attempt.but(wait=wait)
