"""What stands in AWS under a plan's name, and how it differs from the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from deploy.account import Account
from deploy.calls import TAG, Call

MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
"""States that end by themselves (SageMaker API reference, DescribeEndpoint)."""

OPTIONAL = frozenset(
    {"VpcConfig", "KmsKeyId", "AsyncInferenceConfig", "ModelDataSource", "ManagedInstanceScaling", "AlarmActions"}
)
"""Parts that count as a difference where they stand in AWS and not in the plan; others are defaults that AWS adds."""

WHOLE = frozenset({"Environment"})
"""Mappings of the plan's own, of which AWS adds nothing."""


@dataclass(frozen=True, slots=True)
class Live:
    """An endpoint as AWS describes it, with what it is made of; each part empty where it is gone."""

    endpoint: Mapping[str, Any]
    config: Mapping[str, Any]
    model: Mapping[str, Any]
    components: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, account: Account, name: str) -> Self | None:
        """The endpoint `name`, None where there is none; raises what `Account.call` raises."""
        endpoint = account.find("sagemaker", "describe_endpoint", EndpointName=name)
        if endpoint is None:
            return None
        config = account.find(
            "sagemaker", "describe_endpoint_config", EndpointConfigName=endpoint["EndpointConfigName"]
        )
        variant = ((config or {}).get("ProductionVariants") or [{}])[0]
        components = {} if "ModelName" in variant else components_of(account, name)
        model = variant.get("ModelName") or next(
            (one["Specification"]["ModelName"] for one in components.values() if "ModelName" in one["Specification"]),
            None,
        )
        described = account.find("sagemaker", "describe_model", ModelName=model) if model else None
        tags = tags_of(account, endpoint["EndpointArn"])
        return cls(endpoint, config or {}, described or {}, components, tags)

    @property
    def status(self) -> str:
        """`InService`, `Creating`, `Failed`, …"""
        return str(self.endpoint["EndpointStatus"])

    @property
    def facts(self) -> dict[str, object]:
        """What the remedies of the table of causes mention, of what stands there and not of a plan."""
        environment = (self.model.get("PrimaryContainer") or {}).get("Environment") or {}
        hub = _first(environment, "SM_VLLM_MODEL", "HF_MODEL_ID") or ""  # a path where the weights come from S3
        known = {
            "name": self.endpoint["EndpointName"],
            "model": self.model_name if hub.startswith("/") else hub or self.model_name,
            "instance_type": ((self.config.get("ProductionVariants") or [{}])[0]).get("InstanceType"),
            "max_model_len": _first(environment, "SM_VLLM_MAX_MODEL_LEN", "OPTION_MAX_MODEL_LEN"),
        }
        return {key: value for key, value in known.items() if value}

    @property
    def ours(self) -> bool:
        """Whether a plan of this name made it."""
        return bool(self.tags.get(TAG) == self.endpoint["EndpointName"])

    @property
    def config_name(self) -> str:
        """The endpoint config it runs with."""
        return str(self.endpoint["EndpointConfigName"])

    @property
    def model_name(self) -> str | None:
        """The model it runs, or its base inference component does."""
        return self.model.get("ModelName")


def _first(values: Mapping[str, str], *names: str) -> str | None:
    return next((values[name] for name in names if name in values), None)


def components_of(account: Account, endpoint: str) -> dict[str, dict[str, Any]]:
    """The inference components of an endpoint by name; empty also where the service knows none."""
    found = account.pages("sagemaker", "list_inference_components", "InferenceComponents", EndpointNameEquals=endpoint)
    names = [one["InferenceComponentName"] for one in found]
    described = {
        name: account.find("sagemaker", "describe_inference_component", InferenceComponentName=name) for name in names
    }
    return {name: one for name, one in described.items() if one is not None}


def tags_of(account: Account, arn: str) -> dict[str, str]:
    """The tags of a thing of SageMaker."""
    return {tag["Key"]: tag["Value"] for tag in account.pages("sagemaker", "list_tags", "Tags", ResourceArn=arn)}


def described(account: Account, call: Call) -> Mapping[str, Any] | None:
    """What a creating call would make, as AWS describes it now; None where it is not there."""
    given = call.parameters
    match call.operation:
        case "create_model":
            return account.find("sagemaker", "describe_model", ModelName=given["ModelName"])
        case "create_endpoint_config":
            name = given["EndpointConfigName"]
            return account.find("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
        case "create_inference_component":
            name = given["InferenceComponentName"]
            return account.find("sagemaker", "describe_inference_component", InferenceComponentName=name)
        case "register_scalable_target":
            return _one(account.find(call.service, "describe_scalable_targets", **_target(given)), "ScalableTargets")
        case "put_scaling_policy":
            target = {key: given[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
            names = [given["PolicyName"]]
            return _one(
                account.find(call.service, "describe_scaling_policies", PolicyNames=names, **target),
                "ScalingPolicies",
                PolicyName=given["PolicyName"],
            )
        case "put_metric_alarm":
            return _one(account.find(call.service, "describe_alarms", AlarmNames=[given["AlarmName"]]), "MetricAlarms")
    raise ValueError(f"{call.operation} is not a call of a plan")


def same(wanted: Any, found: Any) -> bool:
    """Whether everything the plan says stands in what AWS describes; what AWS adds by default does not count."""
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            return False
        extra = [key for key, value in found.items() if key in OPTIONAL and value and key not in wanted]
        return not extra and all(
            dict(value) == found.get(key) if key in WHOLE else same(value, found.get(key))
            for key, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        if not isinstance(found, Sequence) or len(wanted) != len(found):
            return False
        pairs = zip(sorted(wanted, key=_order), sorted(found, key=_order), strict=True)
        return all(same(one, other) for one, other in pairs)
    return bool(wanted == found)


def _order(item: Any) -> str:
    """AWS keeps no order of subnets, tags and dimensions."""
    name = item.get("Name") if isinstance(item, Mapping) else item
    return name if isinstance(name, str) else ""


def _target(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ServiceNamespace": given["ServiceNamespace"],
        "ResourceIds": [given["ResourceId"]],
        "ScalableDimension": given["ScalableDimension"],
    }


def _one(answer: Mapping[str, Any] | None, key: str, **fields: str) -> Mapping[str, Any] | None:
    found = [
        one for one in (answer or {}).get(key, ()) if all(one.get(name) == value for name, value in fields.items())
    ]
    return found[0] if found else None
