"""What would fail minutes later is refused before anything is created, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_server import Aws, running
from aws_setup import PROMPT, TOKEN, account_of, make_ready, plan_of, set_credentials
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assistant.errors import Rejected
from assistant.testing.serving import served
from deploy.account import Account
from deploy.apply import apply
from deploy.plan import Plan
from deploy.preflight import Finding, preflight


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


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """A hub that gives the gated model to `TOKEN`, and knows another token whose owner has not accepted the licence."""

    def answer(request: Request) -> Response:
        known = {f"Bearer {TOKEN}": 200, "Bearer hf_has_not_accepted_it": 403, "Bearer hf_throttled_one": 429}
        return Response(status_code=known.get(request.headers["authorization"], 401))

    app = Starlette(routes=[Route("/meta-llama/Llama-3.1-8B-Instruct/resolve/main/config.json", answer)])
    with served(app) as url:
        yield url


def look(aws: Aws, plan: Plan) -> dict[str, Finding]:
    """The findings by what was looked at."""
    return {one.check: one for one in preflight(plan, account_of(aws))}


def set_secret(aws: Aws, text: str) -> None:
    """Another text in the secret."""
    aws.client("secretsmanager").put_secret_value(SecretId="hub", SecretString=text)


def test_everything_in_order_is_ok(aws: Aws, hub: str) -> None:
    found = look(aws, plan_of(environment={"HF_ENDPOINT": hub}))

    assert {"identity", "role", "permissions", "quota", "image", "secret", "hub"} == set(found)
    assert {"ok"} == {one.state for one in found.values()}


def test_a_failed_check_creates_nothing_and_all_are_named(aws: Aws) -> None:
    aws.fleet.quotas["ml.g5.2xlarge"] = 0
    set_secret(aws, '{"HF_TOKEN": "hf_x"}')

    with pytest.raises(Rejected, match="nothing was created") as failure:
        apply(plan_of(), account_of(aws), patience=PROMPT)

    assert "Service Quotas" in str(failure.value)
    assert "as plain text" in str(failure.value)
    assert [] == aws.fleet.names()


def test_the_quota_counts_what_other_endpoints_use(aws: Aws) -> None:
    aws.fleet.quotas["ml.g5.2xlarge"] = 3
    apply(plan_of(instances=2), account_of(aws), check=False, patience=PROMPT)

    found = look(aws, plan_of(name="other", instances=2))["quota"]

    assert "failed" == found.state
    assert "is 3, 2 in use, 2 more needed" in found.text
    assert "ask for 4" in found.text
    assert "ok" == look(aws, plan_of(name="other"))["quota"].state


def test_a_blue_green_update_needs_quota_for_both_fleets(aws: Aws) -> None:
    aws.fleet.quotas["ml.g5.2xlarge"] = 3
    apply(plan_of(instances=2), account_of(aws), patience=PROMPT)

    with pytest.raises(Rejected, match="--strategy rolling"):
        apply(plan_of(instances=2, context=4096), account_of(aws), patience=PROMPT)

    rolled = apply(plan_of(instances=2, context=4096, strategy="rolling"), account_of(aws), patience=PROMPT)
    assert any(line.startswith("updated endpoint llama") for line in rolled.changes)


def test_autoscaling_beyond_the_quota_is_a_note(aws: Aws) -> None:
    aws.fleet.quotas["ml.g5.2xlarge"] = 2

    done = apply(plan_of(scale_max=5), account_of(aws), patience=PROMPT)

    assert any("up to 5 instances, the quota is 2" in note for note in done.notes)


def test_a_role_that_is_missing_foreign_or_not_for_sagemaker_is_refused(aws: Aws) -> None:
    trust = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
    aws.client("iam").create_role(RoleName="ForMachines", AssumeRolePolicyDocument=trust)

    missing = look(aws, plan_of(role="Missing"))["role"]
    foreign = look(aws, plan_of(role="arn:aws:iam::210987654321:role/Foreign"))["role"]
    machines = look(aws, plan_of(role="ForMachines"))["role"]

    assert ["failed"] * 3 == [one.state for one in (missing, foreign, machines)]
    assert "options.role_trust and options.role_policy" in missing.text
    assert "210987654321" in foreign.text
    assert "does not let SageMaker take it" in machines.text


def test_a_role_that_lacks_a_permission_is_refused_with_its_name(aws: Aws) -> None:
    aws.client("iam").delete_role_policy(RoleName="SageMakerLlamaAssistant", PolicyName="plan")

    found = look(aws, plan_of())["permissions"]

    assert "failed" == found.state
    assert "ecr:BatchGetImage" in found.text


def test_a_permission_that_a_bucket_may_give_is_a_note(aws: Aws) -> None:
    found = look(aws, plan_of(source="s3://weights/llama", secret=None))["permissions"]

    assert "note" == found.state
    assert "s3:GetObject, s3:ListBucket" in found.text


def test_an_image_tag_that_does_not_exist_is_refused(aws: Aws) -> None:
    plan = plan_of()
    aws.client("ecr").batch_delete_image(repositoryName="vllm", imageIds=[{"imageTag": plan.image.rpartition(":")[2]}])

    found = look(aws, plan)["image"]

    assert "failed" == found.state
    assert "there is no tag" in found.text


def test_a_registry_that_shows_nothing_is_no_failure_for_a_published_image(aws: Aws) -> None:
    aws.client("ecr").delete_repository(repositoryName="vllm", force=True)

    own = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1-cu130"

    assert "note" == look(aws, plan_of())["image"].state
    assert "failed" == look(aws, plan_of(image=own))["image"].state


@pytest.mark.parametrize(
    ("text", "state", "part"),
    [
        ("hf_has_not_accepted_it", "failed", "accept"),
        ("hf_of_nobody_at_all", "failed", "wrong or expired"),
        ("hf_throttled_one", "note", "429"),
    ],
)
def test_the_hub_is_asked_whether_it_gives_a_gated_model(aws: Aws, hub: str, text: str, state: str, part: str) -> None:
    set_secret(aws, text)

    found = look(aws, plan_of(environment={"HF_ENDPOINT": hub}))["hub"]

    assert state == found.state
    assert part in found.text
    assert text not in found.text


def test_a_gated_model_without_a_token_is_refused(aws: Aws) -> None:
    found = look(aws, plan_of(secret=None))["hub"]

    assert "failed" == found.state
    assert "--secret NAME" in found.text


def test_a_secret_that_does_not_exist_is_refused(aws: Aws) -> None:
    looked = look(aws, plan_of(secret="none"))
    found = looked["secret"]

    assert "failed" == found.state
    assert "does not exist" in found.text
    assert ["ok", "ok"] == [looked[check].state for check in ("role", "permissions")]


def test_a_hub_that_cannot_be_reached_is_a_note(aws: Aws) -> None:
    done = apply(plan_of(), account_of(aws), patience=PROMPT)

    assert 1 == len(done.notes)
    assert "does not answer" in done.notes[0]


def fill(aws: Aws, *keys: str, region: str = "us-east-1") -> None:
    """A bucket with these objects."""
    s3 = aws.client("s3")
    place: dict[str, Any] = (
        {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    )
    s3.create_bucket(Bucket="weights", **place)
    for key in keys:
        s3.put_object(Bucket="weights", Key=key, Body=b"{}")


def test_a_model_in_s3_must_be_there_as_vllm_reads_it(aws: Aws) -> None:
    plan = plan_of(source="s3://weights/llama", secret=None)
    no_bucket = look(aws, plan)["model in S3"]
    fill(aws, "llama/model.tar.gz")
    archive = look(aws, plan)["model in S3"]
    for key in ("llama/config.json", "llama/model-00001-of-00001.safetensors"):
        aws.client("s3").put_object(Bucket="weights", Key=key, Body=b"{}")
    right = look(aws, plan)["model in S3"]

    assert ("failed", "there is no bucket 'weights'") == (no_bucket.state, no_bucket.text)
    assert ("failed", True) == (archive.state, "found model.tar.gz" in archive.text)
    assert "ok" == right.state


def test_a_bucket_in_another_region_is_refused(aws: Aws) -> None:
    fill(aws, "llama/config.json", "llama/model.safetensors", region="eu-west-1")

    found = look(aws, plan_of(source="s3://weights/llama", secret=None))["model in S3"]

    assert "failed" == found.state
    assert "eu-west-1" in found.text


def test_without_credentials_that_alone_is_said(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    (found,) = preflight(plan_of(), Account("us-east-1", endpoint_url=aws.url))

    assert "failed" == found.state
    assert "aws configure" in found.text


def test_an_update_whose_alarm_is_raised_already_is_refused(aws: Aws) -> None:
    apply(plan_of(), account_of(aws), patience=PROMPT)
    aws.client("cloudwatch").set_alarm_state(AlarmName="llama-errors", StateValue="ALARM", StateReason="a test")

    with pytest.raises(Rejected, match="llama-errors is raised"):
        apply(plan_of(context=4096), account_of(aws), patience=PROMPT)


def test_a_plan_that_stands_is_not_checked_again(aws: Aws) -> None:
    plan = plan_of()
    apply(plan, account_of(aws), patience=PROMPT)
    aws.fleet.quotas["ml.g5.2xlarge"] = 0

    assert () == apply(plan, account_of(aws), patience=PROMPT).changes
