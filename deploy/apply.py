"""A plan made real: checked first, created or updated in order, waited for, explained and taken back where it fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assistant.errors import AssistantError, PermanentError, Rejected
from deploy import preflight, tidying
from deploy.account import Account, Refused
from deploy.calls import PLAN_TAG
from deploy.causes import Cause, explain
from deploy.changes import Changes, call_of, renewed
from deploy.converging import Converging, Failed
from deploy.live import MOVING, Live
from deploy.logs import Line
from deploy.plan import Plan
from deploy.waiting import Patience, Tell, TooLong, Watch, facts_of

log = logging.getLogger(__name__)

SHOWN = 12
"""Last lines of the log in an error."""


class NotApplied(PermanentError):
    """The plan could not be made real; `cause` is the known one, `kept` what stands in AWS because of it."""

    def __init__(self, text: str, *, cause: Cause | None, tail: tuple[Line, ...], kept: tuple[str, ...]) -> None:
        super().__init__(text)
        self.cause, self.tail, self.kept = cause, tail, kept


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did: one line a change, none where everything stood as planned; `seconds` it took."""

    name: str
    region: str
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `assistant-deploy apply --json`."""
        return {
            "endpoint": self.name,
            "region": self.region,
            "status": "InService",
            "changes": list(self.changes),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 1),
        }


def apply(
    plan: Plan,
    account: Account,
    *,
    keep_failed: bool = False,
    check: bool = True,
    tell: Tell = log.info,
    patience: Patience = Patience(),
) -> Applied:
    """Create what the plan lists, or change what stands under its name; what stands as planned is left alone.

    `keep_failed` leaves what a failed apply created, `check` False leaves the preflight out, `tell` takes progress.

    Raises:
        NotApplied: it failed; the message has AWS's reason, the known cause and remedy, and the end of the log.
        Rejected: the preflight found what would fail, or the endpoint belongs to somebody else.
        AssistantError: AWS cannot be asked.
    """
    began = time.monotonic()
    watch = Watch(account, plan.name, tell=tell, patience=patience, plan=plan)
    live = _settled(plan, account, watch, tell)
    _same_kind(plan, live)
    changes = Changes.between(plan, live, account)
    notes: tuple[str, ...] = ()
    if live is not None and not changes.fleet and (note := renewed(plan, live, account)):
        tell(note)
        notes = (note,)
    elif check and changes.fleet:
        notes = preflight.require(plan, account, live=live, tell=tell)
    watch.begin()
    run = Converging(plan, account, live=live, changes=changes, watch=watch, tell=tell)
    try:
        run.all()
    except KeyboardInterrupt:
        tell("interrupted: AWS goes on by itself; apply the plan again to wait for it, or destroy it")
        raise
    except AssistantError as error:
        raise _failed(plan, run, watch, error, keep=keep_failed) from None
    notes += tuple(_finish(plan, account, run, watch, tell))
    return Applied(plan.name, plan.region, tuple(run.done), notes, time.monotonic() - began)


def _finish(plan: Plan, account: Account, run: Converging, watch: Watch, tell: Tell) -> Iterator[str]:
    """Remove what is no longer used and mark the endpoint with its plan; the endpoint runs, so a failure is a note."""
    live = run.live
    moved = live is not None and live.tags.get(PLAN_TAG) != plan.digest
    try:
        if run.done or moved:
            run.done += tidying.tidy(plan, account, watch=watch, tell=tell)
        if live is not None and moved:
            tags = call_of(plan, "create_endpoint").parameters["Tags"]
            account.call("sagemaker", "add_tags", ResourceArn=live.endpoint["EndpointArn"], Tags=tags)
    except AssistantError as error:
        tell(f"what is no longer used could not be removed, the next apply tries again: {error}")
        yield f"not tidied: {error}"


def _settled(plan: Plan, account: Account, watch: Watch, tell: Tell) -> Live | None:
    """What stands under the plan's name when nothing moves any more; a creation that failed before is cleared away."""
    live = Live.read(account, plan.name)
    if live is None:
        return None
    if not live.ours:
        raise Rejected(
            f"endpoint {plan.name!r} in {plan.region} was not made by a plan: it has no tag of ours. "
            f"Plan with another --name, or delete it yourself"
        )

    if live.status in MOVING:
        watch.endpoint()
        live = Live.read(account, plan.name)
    if live is not None and live.status == "Failed":
        reason = str(live.endpoint.get("FailureReason", ""))
        cause, _ = watch.cause(reason, facts=live.facts)
        tell(
            f"endpoint {plan.name} has failed before and is created anew: {reason or 'AWS gives no reason'}\n{cause or ''}"
        )
        tidying.delete_components(account, live.components, watch)
        account.call("sagemaker", "delete_endpoint", EndpointName=plan.name)
        watch.endpoint()
        return None
    return live


def _same_kind(plan: Plan, live: Live | None) -> None:
    """SageMaker cannot turn an endpoint whose variant runs a model into one with inference components, nor back."""
    variants = live.config.get("ProductionVariants") if live is not None else None
    if variants and ("ModelName" in variants[0]) == bool(plan.options.get("component")):
        there, here = ("without", "with") if plan.options.get("component") else ("with", "without")
        raise Rejected(
            f"endpoint {plan.name!r} runs {there} inference components, the plan is {here} them, which no update can change: "
            f"`assistant-deploy destroy {plan.name}` first, or plan with another --name"
        )


def _failed(plan: Plan, run: Converging, watch: Watch, error: AssistantError, *, keep: bool) -> NotApplied:
    """The error of a failed apply, after what it created has been taken back."""
    cause, tail = _explained(plan, watch, error)
    taken, left = ([], run.created()) if keep else run.take_back()
    lines = [f"plan {plan.name!r} was not applied: {error}"]
    lines += [f"Cause: {cause}"] if cause else ["No cause of a known kind; the log's end may say more."]
    if tail:
        lines += ["The log ends:", *(f"  {line}" for line in tail[-SHOWN:])]
    if taken:
        lines.append(f"Taken back: {', '.join(taken)}")
    if left:
        lines.append(f"Still there: {', '.join(left)}; `assistant-deploy destroy {plan.name}` removes it")
    if run.live is not None:
        lines.append(f"The endpoint goes on with {run.live.config_name}, as before")
    return NotApplied("\n".join(lines), cause=cause, tail=tuple(tail), kept=tuple(left))


def _explained(plan: Plan, watch: Watch, error: AssistantError) -> tuple[Cause | None, list[Line]]:
    match error:
        case Failed():
            return watch.cause(error.reason)
        case TooLong():
            return watch.cause(str(error))
        case Refused():
            return explain(f"{error.code}: {error.reason}", facts=facts_of(plan)), []
    return None, []
