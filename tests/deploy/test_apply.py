"""A plan made real against moto with its gaps filled; every call goes through the strict check of both sides."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_server import Aws, running, say
from aws_setup import POOR_LOG, PROMPT, TOKEN, account_of, make_ready, plan_of, set_credentials, told

from assistant.errors import ConfigurationError, Rejected, TransientError
from deploy.apply import NotApplied, apply
from deploy.calls import PLAN_TAG, TAG
from deploy.live import Live
from deploy.status import status
from deploy.waiting import Patience, settle


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


def test_a_plan_is_created_in_order_and_waited_for(aws: Aws) -> None:
    lines: list[str] = []

    done = apply(plan_of(scale_max=3), account_of(aws), tell=lines.append, patience=PROMPT)

    made = ["create_model", "create_endpoint_config", "create_endpoint"]
    assert made == aws.fleet.operations("create", "update", "delete")
    assert ["scalable target endpoint/llama/variant/main", "scaling policy llama-tracking", "alarm llama-errors"] == [
        line.removeprefix("created ") for line in done.changes[3:]
    ]
    assert told(lines, "Creating for", "planned for about") == 1
    assert told(lines, "InService after") == 1
    assert "InService" == aws.fleet.endpoints["llama"]["EndpointStatus"]


def test_a_second_apply_of_the_same_plan_does_nothing(aws: Aws) -> None:
    plan = plan_of(scale_max=3)
    apply(plan, account_of(aws), patience=PROMPT)
    aws.fleet.calls.clear()

    done = apply(plan, account_of(aws), patience=PROMPT)

    assert () == done.changes
    assert [] == aws.fleet.operations("create", "update", "delete", "add")


def test_another_token_in_the_secret_is_told_and_a_changed_plan_takes_it(aws: Aws) -> None:
    apply(plan_of(), account_of(aws), patience=PROMPT)
    aws.client("secretsmanager").put_secret_value(SecretId="hub", SecretString="hf_the_new_token_of_the_hub")

    done = apply(plan_of(), account_of(aws), patience=PROMPT)
    assert () == done.changes
    assert "another token" in done.notes[0]
    environment = {"HF_ENDPOINT": "http://127.0.0.1:9", "TOKEN_RENEWED": "2"}
    apply(plan_of(environment=environment), account_of(aws), patience=PROMPT)

    (model,) = aws.fleet.models.values()
    assert "hf_the_new_token_of_the_hub" == model["PrimaryContainer"]["Environment"]["HF_TOKEN"]


def test_a_changed_plan_updates_in_place_with_its_strategy_and_removes_the_old_version(aws: Aws) -> None:
    before, after = plan_of(instances=2), plan_of(instances=2, context=4096, strategy="rolling")
    apply(before, account_of(aws), patience=PROMPT)

    done = apply(after, account_of(aws), patience=PROMPT)

    update = next(given for name, given in aws.fleet.calls if name == "update_endpoint")
    assert after.options["deployment"] == update["DeploymentConfig"]
    assert "RollingUpdatePolicy" in update["DeploymentConfig"]
    assert [f"llama-{after.digest[:8]}"] == list(aws.fleet.models)
    assert [f"llama-{after.digest[:8]}"] == list(aws.fleet.configs)
    assert {TAG: "llama", PLAN_TAG: after.digest} == aws.fleet.tags[aws.fleet.endpoints["llama"]["EndpointArn"]]
    assert f"removed model llama-{before.digest[:8]}" in done.changes


def test_another_tag_needs_no_new_fleet(aws: Aws) -> None:
    apply(plan_of(), account_of(aws), patience=PROMPT)

    apply(plan_of(tags={"team": "legal"}), account_of(aws), patience=PROMPT)

    assert "legal" == aws.fleet.tags[aws.fleet.endpoints["llama"]["EndpointArn"]]["team"]
    assert [] == aws.fleet.operations("update")


def test_only_scaling_changes_without_a_new_fleet(aws: Aws) -> None:
    apply(plan_of(scale_max=3), account_of(aws), patience=PROMPT)

    done = apply(plan_of(scale_max=5), account_of(aws), patience=PROMPT)

    assert ("changed scalable target endpoint/llama/variant/main",) == done.changes
    assert (1, 5) == found(aws).scaling


def test_scaling_that_a_plan_no_longer_has_is_removed(aws: Aws) -> None:
    apply(plan_of(scale_max=3), account_of(aws), patience=PROMPT)

    done = apply(plan_of(), account_of(aws), patience=PROMPT)

    assert None is found(aws).scaling
    assert done.changes == () or all("removed" in line for line in done.changes)


def test_an_update_keeps_the_number_of_instances_that_autoscaling_chose(aws: Aws) -> None:
    apply(plan_of(scale_max=4), account_of(aws), patience=PROMPT)
    aws.fleet.endpoints["llama"]["ProductionVariants"][0].update(CurrentInstanceCount=3, DesiredInstanceCount=3)

    apply(plan_of(scale_max=4, context=4096), account_of(aws), patience=PROMPT)

    assert 3 == found(aws).instances[0].current


def test_an_update_that_fails_leaves_the_old_version_and_removes_the_new_one(aws: Aws) -> None:
    before = plan_of()
    apply(before, account_of(aws), patience=PROMPT)
    aws.fleet.failures.append(("did not pass the ping health check", POOR_LOG))

    with pytest.raises(NotApplied, match="goes on with llama-") as failure:
        apply(plan_of(context=4096), account_of(aws), patience=PROMPT)

    assert failure.value.cause
    assert "kv-cache" == failure.value.cause.name
    assert [f"llama-{before.digest[:8]}"] == list(aws.fleet.models)
    assert [f"llama-{before.digest[:8]}"] == list(aws.fleet.configs)
    assert "InService" == aws.fleet.endpoints["llama"]["EndpointStatus"]


def test_an_update_that_an_alarm_rolls_back_says_so(aws: Aws) -> None:
    apply(plan_of(), account_of(aws), patience=PROMPT)
    aws.fleet.failures.append(("Rolled back: alarm llama-errors was triggered during baking", ["INFO all is well"]))

    with pytest.raises(NotApplied) as failure:
        apply(plan_of(context=4096), account_of(aws), patience=PROMPT)

    assert failure.value.cause
    assert "rolled-back" == failure.value.cause.name


def test_a_failed_creation_is_explained_by_the_log_and_taken_back(aws: Aws) -> None:
    aws.fleet.failures.append(("The primary container did not pass the ping health check.", POOR_LOG))
    lines: list[str] = []

    with pytest.raises(NotApplied) as failure:
        apply(plan_of(), account_of(aws), tell=lines.append, patience=PROMPT)

    message = str(failure.value)
    assert "did not pass the ping health check" in message
    assert "tokens that fit by the log: 5120" in message
    assert "ValueError: To serve at least one request" in message
    assert () == failure.value.kept
    assert [] == aws.fleet.names()
    assert 1 == told(lines, "the log already says")


def test_keep_failed_leaves_everything_and_the_next_apply_begins_anew(aws: Aws) -> None:
    aws.fleet.failures.append(("CannotStartContainerError", []))
    plan = plan_of()

    with pytest.raises(NotApplied, match=r"Still there: model .*destroy llama") as failure:
        apply(plan, account_of(aws), keep_failed=True, patience=PROMPT)

    assert failure.value.cause
    assert "image-start" == failure.value.cause.name
    assert "Failed" == aws.fleet.endpoints["llama"]["EndpointStatus"]
    apply(plan, account_of(aws), patience=PROMPT)
    assert "InService" == aws.fleet.endpoints["llama"]["EndpointStatus"]


def test_a_call_that_is_refused_takes_back_what_came_before_it(aws: Aws) -> None:
    aws.fleet.refusals["create_endpoint"] = (
        "ResourceLimitExceeded",
        "The account-level service limit … is 0 Instances",
    )

    with pytest.raises(NotApplied, match="Service Quotas") as failure:
        apply(plan_of(), account_of(aws), patience=PROMPT)

    assert failure.value.cause
    assert "quota" == failure.value.cause.name
    assert [] == aws.fleet.names()


def test_what_never_settles_is_given_up_and_what_cannot_be_removed_is_named(aws: Aws) -> None:
    aws.fleet.steps = 10_000

    with pytest.raises(NotApplied, match="still Creating") as failure:
        apply(plan_of(), account_of(aws), patience=Patience(poll=0.01, limit=0.1))

    assert failure.value.cause
    assert "no-log" == failure.value.cause.name
    assert "endpoint llama" in failure.value.kept


def test_an_interrupted_apply_is_finished_by_the_next(aws: Aws) -> None:
    plan, account = plan_of(), account_of(aws)

    def interrupt(line: str) -> None:
        if "Creating" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(plan, account, tell=interrupt, patience=PROMPT)
    aws.fleet.calls.clear()
    done = apply(plan, account, patience=PROMPT)

    assert ("created alarm llama-errors",) == done.changes
    assert [] == aws.fleet.operations("create", "update", "delete")


def test_a_creation_that_failed_while_nobody_looked_is_explained_and_begun_anew(aws: Aws) -> None:
    plan, account, lines = plan_of(), account_of(aws), list[str]()
    aws.fleet.failures.append(("did not pass the ping health check", POOR_LOG))

    def interrupt(line: str) -> None:
        if "Creating" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(plan, account, tell=interrupt, patience=PROMPT)
    apply(plan, account, tell=lines.append, patience=PROMPT)

    assert 1 == told(lines, "created anew", "ping health check", "tokens that fit by the log: 5120")
    assert 0 == told(lines, "the log already says")
    assert "InService" == aws.fleet.endpoints["llama"]["EndpointStatus"]


def test_components_scale_to_zero_and_are_updated_in_place(aws: Aws) -> None:
    before, after = plan_of(scale_min=0, scale_max=2), plan_of(scale_min=0, scale_max=2, context=4096)
    apply(before, account_of(aws), patience=PROMPT)
    assert () == apply(before, account_of(aws), patience=PROMPT).changes
    aws.fleet.calls.clear()

    apply(after, account_of(aws), patience=PROMPT)

    alarm = aws.client("cloudwatch").describe_alarms(AlarmNames=["llama-wake"])["MetricAlarms"][0]
    assert alarm["AlarmActions"][0].startswith("arn:aws:autoscaling:")
    assert [] == aws.fleet.operations("update_endpoint")
    assert 1 == len(aws.fleet.operations("update_inference_component"))
    assert f"llama-{after.digest[:8]}" == aws.fleet.components["llama"]["Specification"]["ModelName"]
    assert [f"llama-{after.digest[:8]}"] == list(aws.fleet.models)


def test_copies_of_a_component_follow_the_plan(aws: Aws) -> None:
    one, two = plan_of(components=True), plan_of(components=True, instances=2)
    apply(one, account_of(aws), patience=PROMPT)
    assert () == apply(one, account_of(aws), patience=PROMPT).changes

    apply(two, account_of(aws), patience=PROMPT)

    assert 2 == aws.fleet.components["llama"]["RuntimeConfig"]["DesiredCopyCount"]
    assert found(aws).serving
    assert () == apply(two, account_of(aws), patience=PROMPT).changes


def test_adapters_come_and_go(aws: Aws) -> None:
    adapter = {"legal": "s3://bucket/legal.tar.gz"}
    apply(plan_of(adapters=adapter), account_of(aws), check=False, patience=PROMPT)
    assert {"llama", "llama-legal"} == set(aws.fleet.components)

    apply(plan_of(components=True), account_of(aws), check=False, patience=PROMPT)

    assert {"llama"} == set(aws.fleet.components)


def test_a_component_that_fails_takes_the_endpoint_with_it(aws: Aws) -> None:
    plan, account = plan_of(components=True), account_of(aws)

    def fail(line: str) -> None:
        if line == "created endpoint llama":
            aws.fleet.failures.append(("Inference component did not pass the ping health check", POOR_LOG))

    with pytest.raises(NotApplied, match="inference component llama did not come up"):
        apply(plan, account, tell=fail, patience=PROMPT)

    assert [] == aws.fleet.names()


def test_a_plan_cannot_turn_an_endpoint_into_one_with_components(aws: Aws) -> None:
    apply(plan_of(), account_of(aws), patience=PROMPT)

    with pytest.raises(Rejected, match=r"inference components.*destroy"):
        apply(plan_of(components=True), account_of(aws), patience=PROMPT)


def test_an_endpoint_of_somebody_else_is_left_alone(aws: Aws) -> None:
    plan = plan_of()
    apply(plan, account_of(aws), patience=PROMPT)
    aws.fleet.tags.clear()

    with pytest.raises(Rejected, match="was not made by a plan"):
        apply(plan_of(context=4096), account_of(aws), patience=PROMPT)


def test_the_token_of_the_hub_reaches_the_model_and_nothing_else(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    plan = plan_of()

    apply(plan, account_of(aws), tell=lines.append, patience=PROMPT)

    model = next(iter(aws.fleet.models.values()))
    assert TOKEN == model["PrimaryContainer"]["Environment"]["HF_TOKEN"]
    assert TOKEN not in "\n".join([*lines, caplog.text, str(plan.to_dict())])


def test_a_lost_connection_while_waiting_is_no_failure() -> None:
    answers: list[Any] = [{"State": "Creating"}, TransientError("AWS cannot be reached"), {"State": "InService"}]
    lines: list[str] = []

    def read() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    found = settle("endpoint llama", read, "State", tell=lines.append, patience=PROMPT, limit=20)

    assert {"State": "InService"} == found
    assert 1 == told(lines, "cannot be reached", "asking again")


def test_the_log_of_the_old_version_does_not_explain_the_new_one(aws: Aws) -> None:
    apply(plan_of(), account_of(aws), patience=PROMPT)
    say(aws.url, "/aws/sagemaker/Endpoints/llama", ["CUDA out of memory"], ago=3600)
    aws.fleet.failures.append(("did not pass the ping health check", ["INFO loading"]))

    with pytest.raises(NotApplied) as failure:
        apply(plan_of(context=4096), account_of(aws), patience=PROMPT)

    assert failure.value.cause
    assert "start-timeout" == failure.value.cause.name
    assert "out of memory" not in str(failure.value)


def test_a_call_that_aws_would_refuse_never_leaves(aws: Aws) -> None:
    with pytest.raises(ConfigurationError, match="would be refused"):
        account_of(aws).call("sagemaker", "describe_endpoint", EndpointName="not_a_name")

    assert [] == aws.fleet.calls


def found(aws: Aws) -> Any:
    """The status of the endpoint."""
    read = status(account_of(aws), "llama")
    assert read is not None
    assert Live.read(account_of(aws), "llama")
    return read
