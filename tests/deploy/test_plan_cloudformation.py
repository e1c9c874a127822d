from __future__ import annotations

import json
from typing import Any

import pytest
from plan_kinds import KINDS, ROLE

from deploy.cloudformation import template
from deploy.plan import Plan


def lint(text: str, region: str) -> list[str]:
    from cfnlint.api import lint as check  # type: ignore[import-untyped]
    from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

    return [str(found) for found in check(text, config=ManualArgs(regions=[region]))]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("choices", KINDS.values(), ids=KINDS)
def test_every_kind_of_plan_exports_a_template_that_passes_cfn_lint(choices: dict[str, Any]) -> None:
    made = template(Plan.make("8B", **choices))
    assert [] == lint(json.dumps(made), choices.get("region", "us-east-1"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("role", ["serving", ROLE])
def test_a_template_with_a_role_of_yours_passes_too(role: str) -> None:
    assert [] == lint(json.dumps(template(Plan.make("8B", role=role))), "us-east-1")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_lint_finds_a_planted_fault() -> None:
    made = template(Plan.make("8B"))
    made["Resources"]["EndpointConfig"]["Properties"]["ProductionVariants"][0]["InstanceTyp"] = "ml.g5.2xlarge"
    assert any("InstanceTyp" in found for found in lint(json.dumps(made), "us-east-1"))


def test_a_template_makes_what_the_calls_make_under_the_same_names() -> None:
    plan = Plan.make("8B", role=ROLE, scale_min=0, scale_max=2)
    made = template(plan)["Resources"]
    assert len(plan.calls) == len(made)
    assert f"{plan.name}-{plan.digest[:8]}" == made["Model"]["Properties"]["ModelName"]
    assert plan.environment == made["Model"]["Properties"]["PrimaryContainer"]["Environment"]


def test_a_template_makes_the_role_only_where_none_was_given() -> None:
    assert {"Fn::GetAtt": ["ExecutionRole", "Arn"]} == (
        template(Plan.make("8B"))["Resources"]["Model"]["Properties"]["ExecutionRoleArn"]
    )
    named = template(Plan.make("8B", role="serving"))["Resources"]
    assert "ExecutionRole" not in named
    assert {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/serving"} == (
        named["Model"]["Properties"]["ExecutionRoleArn"]
    )


def test_the_alarm_that_wakes_from_zero_refers_to_its_policy() -> None:
    made = template(Plan.make("8B", name="llama", scale_min=0, scale_max=2))["Resources"]
    assert [{"Ref": "PolicyLlamaWake"}] == made["AlarmLlamaWake"]["Properties"]["AlarmActions"]


def test_an_endpoint_is_updated_as_chosen_and_after_the_alarm_exists() -> None:
    endpoint = template(Plan.make("8B", name="llama", strategy="rolling"))["Resources"]["Endpoint"]
    assert {"EndpointConfig", "AlarmLlamaErrors"} == set(endpoint["DependsOn"])
    assert "RollingUpdatePolicy" in endpoint["Properties"]["DeploymentConfig"]


def test_the_token_stays_a_reference_that_cloudformation_resolves() -> None:
    made = template(Plan.make("8B", secret="hub/token"))["Resources"]["Model"]["Properties"]
    assert "{{resolve:secretsmanager:hub/token:SecretString}}" == made["PrimaryContainer"]["Environment"]["HF_TOKEN"]
