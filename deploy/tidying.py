"""What a plan has made by name and tag, what of it is in use, and how it is removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.account import Account
from deploy.calls import PLAN_TAG, TAG, VARIANT, Call
from deploy.live import Live, tags_of
from deploy.plan import Plan
from deploy.waiting import Tell, Watch


@dataclass(frozen=True, slots=True)
class Belonging:
    """Something in AWS with our tag: `kind` (`endpoint`, `endpoint config`, `model`, `alarm`), name, and whose it is."""

    kind: str
    name: str
    endpoint: str
    plan: str
    created: datetime | None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def removal(self) -> Call:
        """The call that removes it."""
        service, operation, key = REMOVALS[self.kind]
        return Call(service, operation, {key: [self.name] if key == "AlarmNames" else self.name})


REMOVALS = {
    "endpoint": ("sagemaker", "delete_endpoint", "EndpointName"),
    "endpoint config": ("sagemaker", "delete_endpoint_config", "EndpointConfigName"),
    "model": ("sagemaker", "delete_model", "ModelName"),
    "alarm": ("cloudwatch", "delete_alarms", "AlarmNames"),
}

LISTS = (
    ("endpoint", "list_endpoints", "Endpoints", "Endpoint"),
    ("endpoint config", "list_endpoint_configs", "EndpointConfigs", "EndpointConfig"),
    ("model", "list_models", "Models", "Model"),
)

NAMESPACES = frozenset({"AWS/SageMaker"})


def belongings(account: Account, *, endpoint: str | None = None) -> Iterator[Belonging]:
    """Everything with our tag in the region, or what belongs to one endpoint; raises what `Account.call` raises.

    SageMaker's own lists are read and the tags of each entry asked for: that needs no further permission.
    """
    for kind, operation, key, field in LISTS:
        narrowed = {"NameContains": endpoint} if endpoint else {}
        for one in account.pages("sagemaker", operation, key, **narrowed):
            name = one[f"{field}Name"]
            if endpoint is None or name == endpoint or name.startswith(f"{endpoint}-"):
                yield from _tagged(kind, name, tags_of(account, one[f"{field}Arn"]), one["CreationTime"], endpoint)
    yield from _alarms(account, endpoint)


def _alarms(account: Account, endpoint: str | None) -> Iterator[Belonging]:
    narrowed = {"AlarmNamePrefix": f"{endpoint}-"} if endpoint else {}
    for one in account.pages("cloudwatch", "describe_alarms", "MetricAlarms", **narrowed):
        if one.get("Namespace") in NAMESPACES:
            answer = account.call("cloudwatch", "list_tags_for_resource", ResourceARN=one["AlarmArn"])
            tags = {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
            yield from _tagged("alarm", one["AlarmName"], tags, None, endpoint)


def _tagged(
    kind: str, name: str, tags: Mapping[str, str], created: datetime | None, endpoint: str | None
) -> Iterator[Belonging]:
    owner = tags.get(TAG)
    if owner and endpoint in (None, owner):
        yield Belonging(kind, name, owner, tags.get(PLAN_TAG, ""), created)


def used(live: Live | None) -> set[tuple[str, str]]:
    """Kind and name of the models and endpoint configs that an endpoint runs with; both kinds share names."""
    if live is None:
        return set()
    variants = {variant.get("ModelName", "") for variant in live.config.get("ProductionVariants", ())}
    components = {one["Specification"].get("ModelName", "") for one in live.components.values()}
    return {("endpoint config", live.config_name)} | {("model", name) for name in variants | components}


def tidy(plan: Plan, account: Account, *, watch: Watch, tell: Tell) -> list[str]:
    """Remove what the plan's endpoint no longer uses: older models and configs, alarms, scaling, adapters it had."""
    live = Live.read(account, plan.name)
    keep = used(live) | {
        ("alarm", call.parameters["AlarmName"]) for call in plan.calls if call.operation == "put_metric_alarm"
    }
    lines = []
    for one in belongings(account, endpoint=plan.name):
        if one.kind != "endpoint" and (one.kind, one.name) not in keep:
            account.call(one.removal.service, one.removal.operation, **one.removal.parameters)
            lines.append(f"removed {one}")
    scaled = {call.parameters["ResourceId"] for call in plan.calls if call.operation == "register_scalable_target"}
    lines += [f"removed scalable target {name}" for name in unscale(account, plan.name, keep=scaled)]
    lines += [f"removed {one}" for one in delete_components(account, _unplanned(plan, live), watch)]
    for line in lines:
        tell(line)
    return lines


def _unplanned(plan: Plan, live: Live | None) -> dict[str, Mapping[str, Any]]:
    planned = {call.parameters.get("InferenceComponentName") for call in plan.calls}
    return {name: one for name, one in (live.components if live else {}).items() if name not in planned}


def delete_components(account: Account, components: Mapping[str, Mapping[str, Any]], watch: Watch) -> list[str]:
    """Remove inference components and wait until they are gone, adapters before what they are loaded into."""
    order = sorted(components, key=lambda name: "BaseInferenceComponentName" not in components[name]["Specification"])
    for name in order:
        account.call("sagemaker", "delete_inference_component", InferenceComponentName=name)
        watch.component(name)
    return [f"inference component {name}" for name in order]


def unscale(account: Account, endpoint: str, *, keep: set[str] | None = None) -> list[str]:
    """End the autoscaling of an endpoint, with its policies; which targets that were."""
    removed = []
    for target in targets(account, endpoint):
        if target["ResourceId"] not in (keep or ()):
            fields = {key: target[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
            account.call("application-autoscaling", "deregister_scalable_target", **fields)
            removed.append(str(target["ResourceId"]))
    return removed


def targets(account: Account, endpoint: str) -> list[Mapping[str, Any]]:
    """What scales in an endpoint: its variant, or its base inference component."""
    names = [f"endpoint/{endpoint}/variant/{VARIANT}", f"inference-component/{endpoint}"]
    answer = account.call(
        "application-autoscaling", "describe_scalable_targets", ServiceNamespace="sagemaker", ResourceIds=names
    )
    return list(answer["ScalableTargets"])
