"""From a fitted model to the exact AWS calls that create its endpoint, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.choices import Choices
from deploy.fitting import Fit
from deploy.images import partition
from deploy.startup import Timeouts

TAG = "llama-assistant-sdk:endpoint"
"""Tag on everything a plan creates; its value is the endpoint's name."""

PLAN_TAG = "llama-assistant-sdk:plan"
"""Tag whose value is the plan's digest."""

VARIANT = "main"

ACCOUNT = "000000000000"
"""Stands in the ARN of a role given by name; `apply` puts the account of its credentials there."""

ROLE = "SageMakerLlamaAssistant"
"""Name of the execution role where none was given."""

SECRET = re.compile(r"\{\{resolve:secretsmanager:(.+):SecretString\}\}")
"""A value that `apply` reads from Secrets Manager just before the call; CloudFormation resolves the same text itself."""

POLICY = re.compile(r"\{\{policy:(.+)\}\}")
"""Stands for the ARN of a scaling policy, which put_scaling_policy returns."""

COMPONENT_MEMORY_MIB = 8192
"""Main memory an inference component asks for at least; the rest of the host is the page cache of its weights."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of boto3: client name, operation in snake_case, exact keyword arguments."""

    service: str
    operation: str
    parameters: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"service": self.service, "operation": self.operation, "parameters": dict(self.parameters)}


@dataclass(frozen=True, slots=True)
class Parts:
    """All that the calls are made of; `digest` is empty while the digest itself is computed."""

    name: str
    choices: Choices
    fit: Fit
    image: str
    ami: str
    environment: Mapping[str, str]
    timeouts: Timeouts
    digest: str = ""

    @property
    def versioned(self) -> str:
        """Name of what belongs to one version of the plan: model and endpoint config."""
        return f"{self.name}-{self.digest[:8] or '0' * 8}"

    @property
    def copies_per_instance(self) -> int:
        """How many copies of the model the GPUs of one instance hold, each on its own."""
        return self.fit.instance.gpus // self.fit.tensor_parallel

    @property
    def role(self) -> str:
        """The ARN of the execution role."""
        given = self.choices.role or ROLE
        return (
            given if given.startswith("arn:") else f"arn:{partition(self.choices.region)}:iam::{ACCOUNT}:role/{given}"
        )

    @property
    def tags(self) -> list[dict[str, str]]:
        """The user's tags and ours."""
        every = {**self.choices.tags, TAG: self.name, PLAN_TAG: self.digest}
        return [{"Key": key, "Value": value} for key, value in every.items()]


def calls_of(parts: Parts) -> tuple[Call, ...]:
    """The calls, in the order in which they must be made."""
    from deploy.scaling_calls import alarms, scaling  # they build on Call

    return (
        _model(parts),
        _endpoint_config(parts),
        Call(
            "sagemaker",
            "create_endpoint",
            {"EndpointName": parts.name, "EndpointConfigName": parts.versioned, "Tags": parts.tags},
        ),
        *_components(parts),
        *scaling(parts),
        *alarms(parts),
    )


def _model(parts: Parts) -> Call:
    choices = parts.choices
    container: dict[str, Any] = {"Image": parts.image, "Environment": dict(parts.environment)}
    if choices.source:
        uri = choices.source.rstrip("/") + "/"
        place: dict[str, Any] = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
        container["ModelDataSource"] = {"S3DataSource": place}
    parameters: dict[str, Any] = {
        "ModelName": parts.versioned,
        "ExecutionRoleArn": parts.role,
        "PrimaryContainer": container,
        "Tags": parts.tags,
    }
    if choices.subnets:
        parameters["VpcConfig"] = _vpc(choices)
    return Call("sagemaker", "create_model", parameters)


def _vpc(choices: Choices) -> dict[str, list[str]]:
    return {"SecurityGroupIds": list(choices.security_groups), "Subnets": list(choices.subnets)}


def _endpoint_config(parts: Parts) -> Call:
    choices = parts.choices
    parameters: dict[str, Any] = {
        "EndpointConfigName": parts.versioned,
        "ProductionVariants": [_variant(parts)],
        "Tags": parts.tags,
    }
    if choices.with_components:
        parameters["ExecutionRoleArn"] = parts.role
        if choices.subnets:
            parameters["VpcConfig"] = _vpc(choices)
    if choices.kms:
        parameters["KmsKeyId"] = choices.kms
    if choices.async_output:
        output = {"S3OutputPath": choices.async_output, **({"KmsKeyId": choices.kms} if choices.kms else {})}
        concurrency = {"MaxConcurrentInvocationsPerInstance": parts.fit.max_concurrency}
        parameters["AsyncInferenceConfig"] = {"ClientConfig": concurrency, "OutputConfig": output}
    return Call("sagemaker", "create_endpoint_config", parameters)


def _variant(parts: Parts) -> dict[str, Any]:
    choices = parts.choices
    variant: dict[str, Any] = {
        "VariantName": VARIANT,
        "InstanceType": parts.fit.instance.name,
        "InitialInstanceCount": choices.instances,
        "InferenceAmiVersion": parts.ami,
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    if not choices.with_components:
        timeouts = {"ModelDataDownloadTimeoutInSeconds": parts.timeouts.download} if choices.source else {}
        startup = {"ContainerStartupHealthCheckTimeoutInSeconds": parts.timeouts.startup}
        return {**variant, "ModelName": parts.versioned, "InitialVariantWeight": 1.0, **timeouts, **startup}
    variant["ManagedInstanceScaling"] = {
        "Status": "ENABLED",
        "MinInstanceCount": choices.instances if choices.scale_min is None else choices.scale_min,
        "MaxInstanceCount": max(choices.instances, -(-(choices.scale_max or 1) // parts.copies_per_instance)),
    }
    return variant


def _components(parts: Parts) -> Iterator[Call]:
    choices = parts.choices
    if not choices.with_components:
        return
    specification = {
        "ModelName": parts.versioned,
        "StartupParameters": {
            "ModelDataDownloadTimeoutInSeconds": parts.timeouts.download,
            "ContainerStartupHealthCheckTimeoutInSeconds": parts.timeouts.startup,
        },
        "ComputeResourceRequirements": {
            "NumberOfAcceleratorDevicesRequired": float(parts.fit.tensor_parallel),
            "MinMemoryRequiredInMb": COMPONENT_MEMORY_MIB,
        },
    }
    copies = {"CopyCount": choices.instances * parts.copies_per_instance}
    yield _component(parts, parts.name, specification, VariantName=VARIANT, RuntimeConfig=copies)
    for name, uri in choices.adapters.items():
        adapter = {"BaseInferenceComponentName": parts.name, "Container": {"ArtifactUrl": uri}}
        yield _component(parts, f"{parts.name[: 63 - len(name) - 1]}-{name}", adapter)


def _component(parts: Parts, name: str, specification: Mapping[str, Any], **more: Any) -> Call:
    parameters = {
        "InferenceComponentName": name,
        "EndpointName": parts.name,
        "Specification": dict(specification),
        "Tags": parts.tags,
        **more,
    }
    return Call("sagemaker", "create_inference_component", parameters)
