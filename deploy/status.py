"""How an endpoint is: its state, instances, components, scaling, alarms, and why it failed where it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assistant.errors import AssistantError
from deploy import logs, tidying
from deploy.account import Account
from deploy.calls import PLAN_TAG
from deploy.causes import Cause, explain
from deploy.live import Live

TAIL = 200
"""Lines of the log that are searched for a cause."""


@dataclass(frozen=True, slots=True)
class Instances:
    """The instances of a variant."""

    variant: str
    type: str
    current: int
    desired: int


@dataclass(frozen=True, slots=True)
class Component:
    """An inference component: its status, copies that run, and AWS's reason where it failed."""

    name: str
    status: str
    current: int
    desired: int
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """An endpoint as it is now; `scaling` is the least and most it scales to, `alarms` are states by name."""

    name: str
    region: str
    status: str
    since: datetime
    config: str
    model: str
    plan: str
    instances: tuple[Instances, ...]
    components: tuple[Component, ...]
    scaling: tuple[int, int] | None
    alarms: dict[str, str]
    reason: str
    cause: Cause | None

    @property
    def serving(self) -> bool:
        """Whether it answers: in service, with a copy of the model."""
        copies = not self.components or any(one.current for one in self.components)
        return self.status == "InService" and copies and any(one.current for one in self.instances)

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `assistant-deploy status NAME --json`."""
        return {
            "endpoint": self.name,
            "region": self.region,
            "status": self.status,
            "serving": self.serving,
            "since": self.since.isoformat(),
            "config": self.config,
            "model": self.model,
            "plan": self.plan,
            "instances": [_fields(one) for one in self.instances],
            "components": [_fields(one) for one in self.components],
            "scaling": None if self.scaling is None else {"min": self.scaling[0], "max": self.scaling[1]},
            "alarms": self.alarms,
            "reason": self.reason,
            "cause": self.cause.to_dict() if self.cause else None,
        }


def status(account: Account, name: str) -> Status | None:
    """The endpoint `name`, None where there is none.

    Raises:
        AssistantError: AWS refuses, or cannot be asked.
    """
    live = Live.read(account, name)
    if live is None:
        return None
    components = tuple(_component(one) for one in live.components.values())
    reason = str(live.endpoint.get("FailureReason", "")) or next((one.reason for one in components if one.reason), "")
    scaled = tidying.targets(account, name)
    return Status(
        name=name,
        region=account.region,
        status=live.status,
        since=live.endpoint["LastModifiedTime"],
        config=live.config_name,
        model=live.model_name or "",
        plan=live.tags.get(PLAN_TAG, ""),
        instances=tuple(_instances(live)),
        components=components,
        scaling=(scaled[0]["MinCapacity"], scaled[0]["MaxCapacity"]) if scaled else None,
        alarms=_alarms(account, name),
        reason=reason,
        cause=_cause(account, live, reason) if reason else None,
    )


def _instances(live: Live) -> list[Instances]:
    types = {one["VariantName"]: one.get("InstanceType", "") for one in live.config.get("ProductionVariants", ())}
    return [
        Instances(
            one["VariantName"],
            types.get(one["VariantName"], ""),
            one.get("CurrentInstanceCount", 0),
            one.get("DesiredInstanceCount", 0),
        )
        for one in live.endpoint.get("ProductionVariants", ())
    ]


def _component(found: Any) -> Component:
    counts = found.get("RuntimeConfig", {})
    return Component(
        found["InferenceComponentName"],
        found["InferenceComponentStatus"],
        counts.get("CurrentCopyCount", 0),
        counts.get("DesiredCopyCount", 0),
        found.get("FailureReason", ""),
    )


def _alarms(account: Account, name: str) -> dict[str, str]:
    found = account.pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{name}-")
    own = {one.name for one in tidying.belongings(account, endpoint=name) if one.kind == "alarm"}
    return {one["AlarmName"]: one.get("StateValue", "") for one in found if one["AlarmName"] in own}


def _cause(account: Account, live: Live, reason: str) -> Cause | None:
    name, facts = live.endpoint["EndpointName"], {**live.facts, "region": account.region}
    try:
        lines = [line.text for line in logs.tail(account, name, components=tuple(live.components), lines=TAIL)]
    except AssistantError:
        return explain(reason, None, facts=facts)
    return explain(reason, lines, facts=facts)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
