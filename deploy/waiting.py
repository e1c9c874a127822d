"""Waiting for what takes minutes: what state, for how long, how long is usual; and what the log already gives away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from assistant.errors import AssistantError, TransientError
from deploy import logs
from deploy.account import Account, Refused
from deploy.causes import Cause, explain
from deploy.live import MOVING
from deploy.plan import Plan
from deploy.startup import SAFETY

Tell = Callable[[str], None]

INSTANCE = 300
"""Seconds until an instance runs and has pulled the image: an assumption, shown as what is usual."""

SKEW = timedelta(minutes=2)
"""How far this clock may be ahead of that of an instance."""

SLACK = 1800
"""Seconds beyond the plan's time-outs before waiting ends: SageMaker reports a failure some minutes late."""

LONGEST = 3 * 3600
"""Seconds until waiting ends where there is no plan to ask."""

TAIL = 200
"""Lines of the log that are searched for a cause."""


class TooLong(TransientError):
    """It is still under way after every time-out has passed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds between two looks, between two lines of progress, and until waiting ends (None: by the plan's time-outs)."""

    poll: float = 15.0
    report: float = 60.0
    limit: float | None = None


def settle(
    what: str,
    read: Callable[[], Mapping[str, Any] | None],
    status: str,
    *,
    tell: Tell,
    patience: Patience,
    limit: float,
    about: Callable[[str], str] = lambda _: "",
) -> Mapping[str, Any] | None:
    """What `read` gives once its field `status` no longer moves; None as soon as it is gone.

    `about` is called with the state before each line of progress, and gives its end; `limit` is in seconds.

    Raises:
        TooLong: it still moves after `limit`.
    """
    began, said, before = time.monotonic(), 0.0, ""
    while True:
        try:
            found = read()
        except (TransientError, Refused) as error:
            if (isinstance(error, Refused) and not error.throttled) or time.monotonic() - began > limit:
                raise
            tell(f"{what}: {error}; asking again")  # AWS goes on by itself, whether or not it can be asked
            time.sleep(patience.poll)
            continue
        state = "" if found is None else str(found[status])
        passed = time.monotonic() - began
        if found is None or state not in MOVING:
            if before:
                tell(f"{what}: {state or 'gone'} after {spoken(passed)}")
            return found
        if state != before or passed - said >= patience.report:
            tell(f"{what}: {state} for {spoken(passed)}{about(state)}")
            said, before = passed, state
        if passed > limit:
            raise TooLong(f"{what} is still {state} after {spoken(passed)}, longer than its time-outs allow")
        time.sleep(patience.poll)


class Watch:
    """Waits for an endpoint and its components to settle, and tells how it goes; with a `plan` also how long is usual."""

    def __init__(
        self, account: Account, name: str, *, tell: Tell, patience: Patience, plan: Plan | None = None
    ) -> None:
        self._account, self._name, self._tell, self._patience, self._plan = account, name, tell, patience, plan
        self._hinted: set[str] = set()
        self.since: datetime | None = None
        """Lines of the log before it belong to an older version."""

    def endpoint(self) -> Mapping[str, Any] | None:
        """The endpoint once it is settled, None once it is gone.

        Raises:
            TooLong: it still moves after the plan's time-outs and the slack.
        """
        read = partial(self._account.find, "sagemaker", "describe_endpoint", EndpointName=self._name)
        return self._settle(f"endpoint {self._name}", read, "EndpointStatus")

    def component(self, name: str) -> Mapping[str, Any] | None:
        """The same for an inference component."""
        find = self._account.find
        read = partial(find, "sagemaker", "describe_inference_component", InferenceComponentName=name)
        return self._settle(f"inference component {name}", read, "InferenceComponentStatus")

    def begin(self) -> None:
        """A new version is under way: what the log holds by now was written by older ones, such as one that failed a minute ago."""
        self.since = datetime.now(UTC) - SKEW
        with contextlib.suppress(AssistantError):  # whoever needs the log later says that it cannot be read
            self.since = max([self.since, *(line.at + timedelta(milliseconds=1) for line in self._log())])

    def cause(self, reason: str, *, facts: Mapping[str, object] | None = None) -> tuple[Cause | None, list[logs.Line]]:
        """What AWS's reason and the log say together, and the log's tail; an unreadable log leaves the reason.

        `facts` fill the remedies in the place of the plan's.
        """
        facts = {**(facts_of(self._plan) if self._plan else {"name": self._name}), **(facts or {})}
        try:
            found = self._log()
        except AssistantError as error:
            self._tell(f"the log cannot be read: {error}")
            return explain(reason, None, facts=facts), []
        return explain(reason, [line.text for line in found], facts=facts), found

    def _settle(self, what: str, read: Callable[[], Any], status: str) -> Mapping[str, Any] | None:
        return settle(
            what, read, status, tell=self._tell, patience=self._patience, limit=self._limit, about=self._about
        )

    def _about(self, state: str) -> str:
        """How long is usual; a container that cannot start is restarted for long, and its log tells why at once."""
        if self._plan is None or state not in ("Creating", "Updating"):
            return ""
        cause, _ = self.cause("")
        if cause and cause.quote and cause.name not in self._hinted:
            self._hinted.add(cause.name)
            self._tell(f"the log already says: {cause.quote}\n{cause}")
        usual = INSTANCE + self._plan.options["timeouts"]["startup"] / SAFETY
        return f" (planned for about {spoken(usual)}, at most {spoken(self._limit)})"

    def _log(self) -> list[logs.Line]:
        component = self._plan.options.get("component") if self._plan else None
        components = (component,) if component else ()
        found = logs.tail(self._account, self._name, components=components, lines=TAIL)
        return [line for line in found if self.since is None or line.at >= self.since]

    @property
    def _limit(self) -> float:
        if self._patience.limit is not None:
            return self._patience.limit
        if self._plan is None:
            return float(LONGEST)
        times = self._plan.options["timeouts"]
        policy = self._plan.options.get("deployment") or {}
        update: Mapping[str, Any] = next((one for key, one in policy.items() if key.endswith("Policy")), {})
        return float(
            max(times["download"] + times["startup"], update.get("MaximumExecutionTimeoutInSeconds", 0)) + SLACK
        )


def facts_of(plan: Plan) -> dict[str, object]:
    """What the remedies of the table of causes mention."""
    return {
        "name": plan.name,
        "region": plan.region,
        "model": plan.model,
        "instance_type": plan.instance_type,
        "max_model_len": plan.max_model_len,
        "image": plan.image,
    }


def spoken(seconds: float) -> str:
    """`75` as `1 min 15 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left} min"
    return f"{minutes} min {rest} s" if minutes and rest else f"{minutes} min" if minutes else f"{rest} s"
