"""Endpoints removed with all that is theirs, and what earlier ones left over found by its tag."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from aws_server import Aws, running
from aws_setup import POOR_LOG, PROMPT, account_of, make_ready, plan_of, set_credentials

from assistant.errors import Rejected
from deploy.apply import NotApplied, apply
from deploy.destroy import destroy, remove_orphans, survey
from deploy.plan import Plan


@pytest.fixture(scope="module")
def server() -> Iterator[Aws]:
    with running() as started:
        yield started


@pytest.fixture
def aws(server: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Aws:
    """An account that is ready for the first plan."""
    set_credentials(monkeypatch, tmp_path)
    make_ready(server)
    return server


def make(aws: Aws, plan: Plan) -> None:
    """Apply, without preflight."""
    apply(plan, account_of(aws), check=False, patience=PROMPT)


def alarms(aws: Aws) -> list[str]:
    """Names of all alarms."""
    return [one["AlarmName"] for one in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]]


def targets(aws: Aws) -> list[str]:
    """What scales."""
    found = aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    return [one["ResourceId"] for one in found["ScalableTargets"]]


@pytest.mark.parametrize(
    "choices", [{"scale_max": 3}, {"scale_min": 0, "scale_max": 2}, {"adapters": {"a": "s3://bucket/a.tar.gz"}}]
)
def test_nothing_of_an_endpoint_is_left(aws: Aws, choices: dict[str, object]) -> None:
    make(aws, plan_of(**choices))

    removed = destroy(account_of(aws), "llama", patience=PROMPT)

    assert [] == aws.fleet.names()
    assert [] == alarms(aws)
    assert [] == targets(aws)
    assert "endpoint llama" in removed
    assert [] == destroy(account_of(aws), "llama", patience=PROMPT)


def test_another_endpoint_whose_name_begins_alike_is_left_alone(aws: Aws) -> None:
    make(aws, plan_of(scale_max=2))
    make(aws, plan_of(name="llama-2", scale_max=2))

    destroy(account_of(aws), "llama", patience=PROMPT)

    assert ["llama-2"] == list(aws.fleet.endpoints)
    assert 1 == len(aws.fleet.models)
    assert ["llama-2-errors"] == alarms(aws)
    assert ["endpoint/llama-2/variant/main"] == targets(aws)


def test_an_endpoint_without_our_tag_is_not_removed(aws: Aws) -> None:
    make(aws, plan_of())
    aws.fleet.tags.clear()

    with pytest.raises(Rejected, match="was not made by a plan"):
        destroy(account_of(aws), "llama", patience=PROMPT)

    assert ["llama"] == list(aws.fleet.endpoints)


def test_an_endpoint_that_is_still_being_created_is_waited_for(aws: Aws) -> None:
    lines: list[str] = []
    make(aws, plan_of())
    aws.fleet.steps = 5
    aws.fleet.update_endpoint("llama", aws.fleet.endpoints["llama"]["EndpointConfigName"])

    destroy(account_of(aws), "llama", tell=lines.append, patience=PROMPT)

    assert any("Updating" in line for line in lines)
    assert [] == aws.fleet.names()


def test_what_runs_is_told_in_instance_hours(aws: Aws) -> None:
    aws.fleet.age = timedelta(hours=10)
    make(aws, plan_of(instances=2))

    found = survey(account_of(aws))

    assert () == found.orphans
    (one,) = found.running
    assert (48, 20) == (one.to_dict()["instance_hours_a_day"], round(one.hours))
    assert "2 x ml.g5.2xlarge" in str(one)


def test_leftovers_are_found_by_tag_and_removed(aws: Aws) -> None:
    make(aws, plan_of())
    aws.client("sagemaker").delete_endpoint(EndpointName="llama")
    aws.fleet.endpoints.clear()
    make(aws, plan_of(name="other"))

    found = survey(account_of(aws))
    removed = remove_orphans(account_of(aws), found.orphans, patience=PROMPT)

    assert {"endpoint config", "model", "alarm"} == {one.belonging.kind for one in found.orphans}
    assert all("endpoint llama is gone" in one.why for one in found.orphans)
    assert 3 == len(removed)
    assert ["other"] == list(aws.fleet.endpoints)
    assert 1 == len(aws.fleet.models)
    assert ["other-errors"] == alarms(aws)


def test_a_failed_endpoint_is_an_orphan_with_all_that_is_its(aws: Aws) -> None:
    aws.fleet.failures.append(("did not pass the ping health check", POOR_LOG))
    with pytest.raises(NotApplied):
        apply(plan_of(), account_of(aws), check=False, keep_failed=True, patience=PROMPT)

    found = survey(account_of(aws))
    remove_orphans(account_of(aws), found.orphans, patience=PROMPT)

    assert () == found.running
    assert any("failed and answers nothing" in str(one) for one in found.orphans)
    assert [] == aws.fleet.names()


def test_instances_without_a_component_are_told_with_what_they_cost(aws: Aws) -> None:
    make(aws, plan_of(components=True))
    aws.fleet.components.clear()

    (orphan,) = survey(account_of(aws)).orphans

    assert 24 == orphan.hours_a_day
    assert "no inference component is left" in orphan.why


def test_things_of_other_people_are_no_orphans(aws: Aws) -> None:
    make(aws, plan_of())
    aws.fleet.create_model("theirs", ExecutionRoleArn="arn:aws:iam::123456789012:role/x")
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="llama-theirs",
        Namespace="AWS/SageMaker",
        MetricName="Invocations",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )

    assert () == survey(account_of(aws)).orphans
    destroy(account_of(aws), "llama", patience=PROMPT)
    assert ["theirs"] == aws.fleet.names()
    assert ["llama-theirs"] == alarms(aws)
