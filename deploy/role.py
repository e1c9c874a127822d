"""The execution role: who may take it, and the least it must be allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.calls import Parts
from deploy.images import ECR, partition

VERSION = "2012-10-17"


def trust(region: str) -> dict[str, Any]:
    """The trust policy: SageMaker may take the role."""
    service = "sagemaker.amazonaws.com.cn" if partition(region) == "aws-cn" else "sagemaker.amazonaws.com"
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": VERSION, "Statement": [statement]}


def policy(parts: Parts) -> dict[str, Any]:
    """What the endpoint does with the role: pull this image, read these objects, write its own log; nothing else."""
    return {"Version": VERSION, "Statement": list(_statements(parts))}


def _statements(parts: Parts) -> Iterator[dict[str, Any]]:
    choices = parts.choices
    arn = f"arn:{partition(choices.region)}"
    yield _allow("PullLogin", ["ecr:GetAuthorizationToken"], "*")
    if match := ECR.fullmatch(parts.image):
        repository = f"{arn}:ecr:{match['region']}:{match['account']}:repository/{match['tag'].partition(':')[0]}"
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        yield _allow("PullImage", pull, repository)
    write = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    groups = [f"{arn}:logs:{choices.region}:*:log-group:/aws/sagemaker/{kind}/{parts.name}*" for kind in _groups(parts)]
    yield _allow("WriteLog", write, groups)
    metrics = {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "AWS/SageMaker"]}}
    yield {**_allow("WriteMetrics", ["cloudwatch:PutMetricData"], "*"), "Condition": metrics}
    yield from _storage(parts, arn)
    if choices.kms:
        yield _allow(
            "UseKey", ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], _key(parts)
        )
    if choices.subnets:
        yield _allow("UseNetwork", [f"ec2:{action}" for action in NETWORK], "*")


NETWORK = (
    "CreateNetworkInterface",
    "CreateNetworkInterfacePermission",
    "DeleteNetworkInterface",
    "DeleteNetworkInterfacePermission",
    "DescribeDhcpOptions",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcs",
)
"""For an endpoint in a VPC (SageMaker developer guide, roles: CreateModel API, execution role permissions)."""


def _groups(parts: Parts) -> tuple[str, ...]:
    return ("Endpoints", "InferenceComponents") if parts.choices.with_components else ("Endpoints",)


def _storage(parts: Parts, arn: str) -> Iterator[dict[str, Any]]:
    choices = parts.choices
    read = [uri for uri in (choices.source, *choices.adapters.values()) if uri]
    if read:
        yield _allow("ReadModel", ["s3:GetObject"], [f"{arn}:s3:::{_objects(uri)}" for uri in read])
    if choices.async_output:
        yield _allow("WriteAnswers", ["s3:PutObject"], f"{arn}:s3:::{_objects(choices.async_output)}")
        yield _allow("ReadQuestions", ["s3:GetObject"], f"{arn}:s3:::{_bucket(choices.async_output)}/*")
        read = [*read, choices.async_output]
    if read:
        yield _allow("ListBuckets", ["s3:ListBucket"], sorted({f"{arn}:s3:::{_bucket(uri)}" for uri in read}))


def _key(parts: Parts) -> str:
    key = parts.choices.kms or ""
    if key.startswith("arn:"):
        return key
    name = key if key.startswith("alias/") else f"key/{key}"
    return f"arn:{partition(parts.choices.region)}:kms:{parts.choices.region}:*:{name}"


def _objects(uri: str) -> str:
    path = uri.removeprefix("s3://")
    return path if path.endswith((".tar.gz", ".tgz")) else path.rstrip("/") + "/*"


def _bucket(uri: str) -> str:
    return uri.removeprefix("s3://").partition("/")[0]


def _allow(name: str, actions: list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resource}
