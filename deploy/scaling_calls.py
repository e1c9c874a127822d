"""The calls of autoscaling and of the alarms: more copies under load, none when idle, back from none on demand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.calls import VARIANT, Call, Parts

KV_NAMESPACE, KV_METRIC = "LlamaAssistant", "KVCacheUsage"
"""The CloudWatch metric that `scale_on = "kv"` tracks, in percent. SageMaker publishes vLLM's metrics as OpenTelemetry only,
which target tracking cannot read (CloudWatch guide, SageMaker AI Insights metrics): something must publish this one."""

REQUESTS_SHARE = 0.7
"""Scale out when an instance answers this part of what it holds at once."""

KV_TARGET = 70.0
SCALE_OUT_COOLDOWN, SCALE_IN_COOLDOWN = 60, 600
"""Seconds; a new instance takes many minutes to start, so one that is idle is kept for ten."""

WAKE_COOLDOWN = 60


def scaling(parts: Parts) -> Iterator[Call]:
    """register_scalable_target and the policies; nothing where `scale_max` was not given."""
    choices = parts.choices
    if choices.scale_max is None:
        return
    least = 1 if choices.scale_min is None else choices.scale_min
    target = _target(parts)
    bounds = {"MinCapacity": least, "MaxCapacity": choices.scale_max}
    yield Call("application-autoscaling", "register_scalable_target", {**target, **bounds})
    tracking = {
        "PolicyName": f"{parts.name}-tracking",
        **target,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": _tracking(parts),
    }
    yield Call("application-autoscaling", "put_scaling_policy", tracking)
    if least == 0:
        yield _wake_policy(parts, target)


def alarms(parts: Parts) -> Iterator[Call]:
    """The alarm that rolls an update back, and the one that wakes an endpoint from zero."""
    component = {"InferenceComponentName": parts.name}
    yield _alarm(
        parts,
        rollback_alarm(parts.name),
        "Invocation5XXErrors",
        description="Errors of the endpoint; an update that raises it is rolled back",
        dimensions=component if parts.choices.with_components else {"EndpointName": parts.name, "VariantName": VARIANT},
        Threshold=5.0,
    )
    if parts.choices.scale_min != 0:
        return
    waits = parts.choices.async_output is not None
    yield _alarm(
        parts,
        f"{parts.name}-wake",
        "HasBacklogWithoutCapacity" if waits else "NoCapacityInvocationFailures",
        description="A request came while the endpoint was scaled to zero; the policy starts one copy",
        dimensions={"EndpointName": parts.name} if waits else component,
        Statistic="Maximum",
        Period=60 if waits else 30,
        TreatMissingData="missing",
        AlarmActions=["{{policy:" + wake_policy(parts.name) + "}}"],
    )


def rollback_alarm(name: str) -> str:
    """The alarm that ends an update of the endpoint `name`."""
    return f"{name}-errors"


def wake_policy(name: str) -> str:
    """The step policy that brings the endpoint `name` back from zero."""
    return f"{name}-wake"


def _target(parts: Parts) -> dict[str, str]:
    if parts.choices.with_components:
        resource, dimension = f"inference-component/{parts.name}", "inference-component:DesiredCopyCount"
    else:
        resource, dimension = f"endpoint/{parts.name}/variant/{VARIANT}", "variant:DesiredInstanceCount"
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": f"sagemaker:{dimension}"}


def _tracking(parts: Parts) -> dict[str, Any]:
    choices = parts.choices
    cooldowns = {"ScaleOutCooldown": SCALE_OUT_COOLDOWN, "ScaleInCooldown": SCALE_IN_COOLDOWN}
    if choices.scale_on == "kv":
        metric = {
            "Namespace": KV_NAMESPACE,
            "MetricName": KV_METRIC,
            "Dimensions": _dimensions({"EndpointName": parts.name}),
            "Statistic": "Average",
        }
        return {"TargetValue": choices.scale_target or KV_TARGET, "CustomizedMetricSpecification": metric, **cooldowns}
    if choices.async_output:  # nothing is concurrent there: what waits is counted
        backlog = {
            "Namespace": "AWS/SageMaker",
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Dimensions": _dimensions({"EndpointName": parts.name}),
            "Statistic": "Average",
        }
        target = choices.scale_target or float(parts.fit.max_concurrency)
        return {"TargetValue": target, "CustomizedMetricSpecification": backlog, **cooldowns}
    kind = (
        "InferenceComponentConcurrentRequestsPerCopy"
        if choices.with_components
        else "VariantConcurrentRequestsPerModel"
    )
    target = choices.scale_target or max(1.0, round(parts.fit.max_concurrency * REQUESTS_SHARE, 1))
    predefined = {"PredefinedMetricType": f"SageMaker{kind}HighResolution"}
    return {"TargetValue": target, "PredefinedMetricSpecification": predefined, **cooldowns}


def _wake_policy(parts: Parts, target: dict[str, str]) -> Call:
    step = {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Maximum",
        "Cooldown": WAKE_COOLDOWN,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    }
    parameters = {"PolicyName": wake_policy(parts.name), **target, "PolicyType": "StepScaling"}
    return Call("application-autoscaling", "put_scaling_policy", {**parameters, "StepScalingPolicyConfiguration": step})


def _alarm(parts: Parts, name: str, metric: str, *, description: str, dimensions: dict[str, str], **more: Any) -> Call:
    parameters = {
        "AlarmName": name,
        "AlarmDescription": description,
        "Namespace": "AWS/SageMaker",
        "MetricName": metric,
        "Dimensions": _dimensions(dimensions),
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "Tags": parts.tags,
    }
    return Call("cloudwatch", "put_metric_alarm", parameters | more)


def _dimensions(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]
