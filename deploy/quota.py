"""Whether the account may run the plan's instances: Service Quotas, less what other endpoints use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from deploy.account import Account
from deploy.calls import VARIANT
from deploy.changes import call_of
from deploy.live import Live
from deploy.plan import Plan

MOST = 100
"""Endpoints whose instances are counted; beyond that the quota alone is looked at."""


def quota(plan: Plan, account: Account, live: Live | None) -> Iterator[tuple[Literal["ok", "note", "failed"], str]]:
    """The quota `ml.… for endpoint usage` (Service Quotas, code sagemaker), against what the plan needs on top.

    Raises:
        AssistantError: it cannot be read.
    """
    name = f"{plan.instance_type} for endpoint usage"
    found = next(
        (
            one
            for one in account.pages("service-quotas", "list_service_quotas", "Quotas", ServiceCode="sagemaker")
            if one["QuotaName"] == name
        ),
        None,
    )
    if found is None:
        yield (
            "failed",
            f"Service Quotas has no {name!r} in {plan.region}: the region does not offer it; plan with another",
        )
        return
    limit, need, taken = int(found["Value"]), needed(plan, live), _taken(plan.instance_type, account)
    told = f"{name!r} is {limit}, {taken} in use, {need} more needed"
    if taken + need <= limit:
        yield "ok", told
        if (highest := most(plan)) > limit:
            yield "note", f"autoscaling may go up to {highest} instances, the quota is {limit}: it stops there"
        return
    both = " (a blue/green update runs old and new together: --strategy rolling needs one)" if live else ""
    yield (
        "failed",
        f"{told}{both}: ask for {taken + need} at Service Quotas, Amazon SageMaker, code {found.get('QuotaCode', '?')}, in "
        f"{plan.region}; or plan with another --instance-type or --region",
    )


def needed(plan: Plan, live: Live | None) -> int:
    """Instances beyond those that run now: all at first and for blue/green, a batch where the update rolls."""
    if live is None or live.status == "Failed":
        return plan.instance_count
    if plan.options.get("component"):
        return 0
    batch = (plan.options.get("deployment") or {}).get("RollingUpdatePolicy", {}).get("MaximumBatchSize")
    return int(batch["Value"]) if batch else plan.instance_count


def most(plan: Plan) -> int:
    """Instances that autoscaling may start in all."""
    variant: Mapping[str, Any] = call_of(plan, "create_endpoint_config").parameters["ProductionVariants"][0]
    managed = variant.get("ManagedInstanceScaling", {}).get("MaxInstanceCount", 0)
    scaled = [
        call.parameters["MaxCapacity"]
        for call in plan.calls
        if call.operation == "register_scalable_target" and f"/variant/{VARIANT}" in call.parameters["ResourceId"]
    ]
    return int(max([plan.instance_count, managed, *scaled]))


def _taken(instance_type: str, account: Account) -> int:
    count = 0
    for number, one in enumerate(account.pages("sagemaker", "list_endpoints", "Endpoints")):
        if number < MOST and one["EndpointStatus"] not in ("Failed", "Deleting"):
            count += sum(running(account, one["EndpointName"]).get(instance_type, {}).values())
    return count


def running(account: Account, endpoint: str) -> dict[str, dict[str, int]]:
    """Instances of an endpoint, by type and variant; empty where it is gone."""
    described = account.find("sagemaker", "describe_endpoint", EndpointName=endpoint)
    if described is None:
        return {}
    name = described["EndpointConfigName"]
    config = account.find("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
    types = {one["VariantName"]: one.get("InstanceType", "") for one in (config or {}).get("ProductionVariants", ())}
    found: dict[str, dict[str, int]] = {}
    for variant in described.get("ProductionVariants", ()):
        kind = types.get(variant["VariantName"], "")
        found.setdefault(kind, {})[variant["VariantName"]] = variant.get("CurrentInstanceCount", 0)
    return found
