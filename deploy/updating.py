"""How an update replaces the old version: the deployment configuration of `update_endpoint`, with its alarms."""

from __future__ import annotations

from typing import Any

from deploy.calls import Parts
from deploy.scaling_calls import rollback_alarm

BAKE = 300
"""Seconds the new version must stay without an alarm before the old one goes."""


def deployment(parts: Parts) -> dict[str, Any]:
    """`DeploymentConfig` of update_endpoint: blue/green at once, by canary or in steps, or rolling; rolled back by alarm.

    With inference components it is that of update_inference_component, which knows rolling updates only.
    """
    limit = min(28800, max(3600, 2 * parts.timeouts.startup + 1800))
    rollback = {"Alarms": [{"AlarmName": rollback_alarm(parts.name)}]}
    if parts.choices.with_components:
        return {"RollingUpdatePolicy": _rolling("COPY_COUNT", limit), "AutoRollbackConfiguration": rollback}
    if parts.choices.strategy == "rolling":
        return {"RollingUpdatePolicy": _rolling("INSTANCE_COUNT", limit), "AutoRollbackConfiguration": rollback}
    policy = {
        "TrafficRoutingConfiguration": _traffic(parts),
        "TerminationWaitInSeconds": BAKE,
        "MaximumExecutionTimeoutInSeconds": limit,
    }
    return {"BlueGreenUpdatePolicy": policy, "AutoRollbackConfiguration": rollback}


def _traffic(parts: Parts) -> dict[str, Any]:
    match parts.choices.strategy:
        case "canary":
            return {
                "Type": "CANARY",
                "WaitIntervalInSeconds": BAKE,
                "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            }
        case "linear":
            step = {"Type": "CAPACITY_PERCENT", "Value": 50 if parts.choices.instances < 4 else 25}
            return {"Type": "LINEAR", "WaitIntervalInSeconds": BAKE, "LinearStepSize": step}
    return {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": BAKE}


def _rolling(unit: str, limit: int) -> dict[str, Any]:
    return {
        "MaximumBatchSize": {"Type": unit, "Value": 1},
        "WaitIntervalInSeconds": BAKE,
        "MaximumExecutionTimeoutInSeconds": limit,
    }
