"""A plan as a CloudFormation template: the same resources under the same names, in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deploy.calls import ACCOUNT, POLICY, Call
from deploy.choices import Choices
from deploy.making import options_of
from deploy.plan import Plan

TYPES = {
    "create_model": "AWS::SageMaker::Model",
    "create_endpoint_config": "AWS::SageMaker::EndpointConfig",
    "create_endpoint": "AWS::SageMaker::Endpoint",
    "create_inference_component": "AWS::SageMaker::InferenceComponent",
    "register_scalable_target": "AWS::ApplicationAutoScaling::ScalableTarget",
    "put_scaling_policy": "AWS::ApplicationAutoScaling::ScalingPolicy",
    "put_metric_alarm": "AWS::CloudWatch::Alarm",
}
"""The resource that each call makes; its properties have the parameters' names."""

LOGICAL = {
    "create_model": "Model",
    "create_endpoint_config": "EndpointConfig",
    "create_endpoint": "Endpoint",
    "register_scalable_target": "ScalableTarget",
}

ROLE_ID = "ExecutionRole"


def template(plan: Plan) -> dict[str, Any]:
    """The template; it creates the execution role where the plan was given none.

    The hub's token is a dynamic reference to Secrets Manager, which CloudFormation resolves itself.
    """
    choices = options_of(plan.options)
    resources: dict[str, Any] = {}
    if choices.role is None:
        resources[ROLE_ID] = _role(plan)
    for call in plan.calls:
        resources[_logical(call)] = _resource(call, plan, choices, list(resources))
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"{plan.model} on SageMaker, endpoint {plan.name}"[:1024],
        "Resources": resources,
        "Outputs": {"EndpointName": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}}},
    }


def _resource(call: Call, plan: Plan, choices: Choices, before: list[str]) -> dict[str, Any]:
    properties = _filled(dict(call.parameters), choices)
    if call.operation == "create_endpoint":
        properties |= _deployment(plan)
    needs = list(_needs(call, plan, before))
    return {"Type": TYPES[call.operation], **({"DependsOn": needs} if needs else {}), "Properties": properties}


def _needs(call: Call, plan: Plan, before: list[str]) -> Iterator[str]:
    """What must exist first; alarms need nothing, and an endpoint needs the alarm that rolls it back."""
    match call.operation:
        case "create_endpoint_config":
            yield "Model"
        case "create_endpoint":
            yield "EndpointConfig"
            if _deployment(plan):
                yield from (_logical(one) for one in plan.calls if _rolls_back(one, plan))
        case "create_inference_component":
            base = "BaseInferenceComponentName" in call.parameters["Specification"]
            yield _component_id(plan.options["component"]) if base else "Endpoint"
        case "register_scalable_target":
            yield next((name for name in before if name.startswith("Component")), "Endpoint")
        case "put_scaling_policy":
            yield "ScalableTarget"


def _deployment(plan: Plan) -> dict[str, Any]:
    """Of an endpoint with inference components each component is updated by itself."""
    return {} if plan.options["component"] else {"DeploymentConfig": plan.options["deployment"]}


def _rolls_back(call: Call, plan: Plan) -> bool:
    alarms = plan.options["deployment"]["AutoRollbackConfiguration"]["Alarms"]
    return call.operation == "put_metric_alarm" and {"AlarmName": call.parameters["AlarmName"]} in alarms


def _filled(value: Any, choices: Choices) -> Any:
    """References in the place of what `apply` would fill in: the role's account, the ARN of a scaling policy."""
    if isinstance(value, Mapping):
        return {key: _filled(inner, choices) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, choices) for inner in value]
    if isinstance(value, str) and f"iam::{ACCOUNT}:role/" in value:
        if choices.role is None:
            return {"Fn::GetAtt": [ROLE_ID, "Arn"]}
        return {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{choices.role}"}
    if isinstance(value, str) and (match := POLICY.fullmatch(value)):
        return {"Ref": _policy_id(match[1])}
    return value


def _role(plan: Plan) -> dict[str, Any]:
    document = {"PolicyName": "endpoint", "PolicyDocument": plan.options["role_policy"]}
    properties = {"AssumeRolePolicyDocument": plan.options["role_trust"], "Policies": [document]}
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _logical(call: Call) -> str:
    match call.operation:
        case "create_inference_component":
            return _component_id(call.parameters["InferenceComponentName"])
        case "put_scaling_policy":
            return _policy_id(call.parameters["PolicyName"])
        case "put_metric_alarm":
            return f"Alarm{_plain(call.parameters['AlarmName'])}"
    return LOGICAL[call.operation]


def _component_id(name: str) -> str:
    return f"Component{_plain(name)}"


def _policy_id(name: str) -> str:
    return f"Policy{_plain(name)}"


def _plain(name: str) -> str:
    """Logical ids are letters and digits."""
    return "".join(word.capitalize() for word in name.split("-"))
