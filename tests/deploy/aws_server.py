"""moto's server on loopback with the gaps filled that a deployment meets: `Fleet`, quotas, permissions of a role."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import boto3
import pytest
from aws_fleet import ACCOUNT, REGION, Fleet
from moto.applicationautoscaling import models as scaling
from moto.applicationautoscaling import responses as scaling_responses
from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse
from moto.moto_api._internal import moto_api_backend
from moto.sagemaker.responses import SageMakerResponse
from moto.server import ThreadedMotoServer
from moto.servicequotas.responses import ServiceQuotasResponse

OPERATIONS = [
    name for name in vars(Fleet) if name.split("_")[0] in ("create", "describe", "update", "delete", "list", "add")
]
KEYS = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "secret-of-the-tests"}
LIMIT = 8


@dataclass
class Aws:
    """The server: where it listens, its fleet, and clients that arrange and look."""

    url: str
    fleet: Fleet

    def client(self, service: str) -> Any:
        """A plain client, without our checks."""
        return client(self.url, service)

    def reset(self) -> None:
        """As it was at first: empty."""
        moto_api_backend.reset()
        vars(self.fleet).update(vars(Fleet(self.fleet.say, self.fleet.alarm_exists)))

    def ready(self, *, role: str = "SageMakerLlamaAssistant", policy: dict[str, Any] | None = None) -> None:
        """What a user has before the first plan: a role SageMaker may take, with `policy`."""
        iam, service = self.client("iam"), {"Service": "sagemaker.amazonaws.com"}
        trust = {"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)
        if policy:
            iam.put_role_policy(RoleName=role, PolicyName="plan", PolicyDocument=json.dumps(policy))

    def image(self, uri: str) -> None:
        """An image in the registry."""
        repository, tag = uri.partition("/")[2].split(":")
        ecr = self.client("ecr")
        ecr.create_repository(repositoryName=repository)
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": {"digest": "sha256:0"}, "layers": []})
        ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)


@cache
def client(url: str, service: str) -> Any:
    """boto3's client of the server at `url`."""
    return boto3.client(service, region_name=REGION, endpoint_url=url, **KEYS)


@contextmanager
def running() -> Iterator[Aws]:
    """The server, empty, until the end."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with ExitStack() as stack:
        server.start()
        stack.callback(server.stop)
        url = "http://{}:{}".format(*server.get_host_and_port())
        aws = Aws(url, Fleet(say=lambda group, lines: say(url, group, lines), alarm_exists=lambda n: alarmed(url, n)))
        _fill(stack.enter_context(pytest.MonkeyPatch.context()), aws.fleet)
        aws.reset()
        yield aws


def say(url: str, group: str, lines: list[str], *, ago: float = 0) -> None:
    """Write lines into a log group, a millisecond apart, as if that had been `ago` seconds earlier."""
    if not lines:
        return
    logs, stream, now = client(url, "logs"), "main/i-0123456789abcdef0", int((time.time() - ago) * 1000)
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    if not logs.describe_log_streams(logGroupName=group)["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def alarmed(url: str, name: str) -> bool:
    """Whether CloudWatch has the alarm."""
    return bool(client(url, "cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"])


def _fill(moto: pytest.MonkeyPatch, fleet: Fleet) -> None:
    """Put our answers in the place of moto's, or where it has none."""
    fill = partial(moto.setattr, raising=False)

    for operation in OPERATIONS:
        fill(SageMakerResponse, operation, _answering(fleet, operation))
    fill(ServiceQuotasResponse, "list_service_quotas", lambda _: json.dumps({"Quotas": list(_quotas(fleet))}))
    fill(IamResponse, "simulate_principal_policy", _simulated)
    fill(scaling, "_target_params_are_valid", lambda *_: True)  # moto has no dimension of inference components
    fill(scaling_responses, "ScalableDimensionValueSet", [*scaling.ScalableDimensionValueSet, _Copies])


class _Copies:
    value = "sagemaker:inference-component:DesiredCopyCount"


def _answering(fleet: Fleet, operation: str) -> Any:
    return lambda response: ActionResult(fleet.answer(operation, dict(response._get_params())))


def _quotas(fleet: Fleet) -> Iterator[dict[str, Any]]:
    from deploy.instances import instances

    for one in instances():
        name = f"{one.name} for endpoint usage"
        yield {
            "QuotaName": name,
            "QuotaCode": f"L-{abs(hash(name)):08X}"[:10],
            "Value": fleet.quotas.get(one.name, LIMIT),
        }


def _simulated(response: Any) -> ActionResult:
    """Whether a statement of the role's own policies names the action."""
    name = response._get_param("PolicySourceArn").rpartition("/")[2]
    role = response.backend.get_role(name)
    allowed = {
        action
        for document in role.policies.values()
        for statement in json.loads(document)["Statement"]
        for action in statement["Action"]
    }
    results = [
        {"EvalActionName": action, "EvalDecision": "allowed" if action in allowed else "implicitDeny"}
        for action in response._get_param("ActionNames")
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


__all__ = ["ACCOUNT", "REGION", "Aws", "running"]
