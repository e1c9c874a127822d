from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from plan_kinds import KINDS, ROLE, VPC, ZERO

from assistant.errors import ConfigurationError
from deploy import strict
from deploy.plan import PLAN_TAG, TAG, Plan

ORDER = (
    "create_model",
    "create_endpoint_config",
    "create_endpoint",
    "create_inference_component",
    "register_scalable_target",
    "put_scaling_policy",
    "put_metric_alarm",
)


def made(**choices: Any) -> Plan:
    return Plan.make("8B", **{"name": "llama", "role": ROLE, **choices})


def parameters(plan: Plan, operation: str) -> list[Mapping[str, Any]]:
    return [call.parameters for call in plan.calls if call.operation == operation]


def variant(plan: Plan) -> Mapping[str, Any]:
    found: Mapping[str, Any] = parameters(plan, "create_endpoint_config")[0]["ProductionVariants"][0]
    return found


@pytest.mark.parametrize("choices", KINDS.values(), ids=KINDS)
def test_every_kind_of_plan_makes_calls_in_order_that_aws_would_take(choices: dict[str, Any]) -> None:
    plan = made(**choices)
    places = [ORDER.index(call.operation) for call in plan.calls]
    assert sorted(places) == places
    for call in plan.calls:
        assert [] == strict.faults(call.service, call.operation, call.parameters)


def test_what_a_plan_makes_is_tagged_with_endpoint_and_plan_and_the_users_tags() -> None:
    plan = made(tags={"team": "support"})
    for call in plan.calls:
        tags = {tag["Key"]: tag["Value"] for tag in call.parameters["Tags"]}
        assert {"team": "support", TAG: "llama", PLAN_TAG: plan.digest} == tags


def test_model_and_config_carry_the_digest_and_the_endpoint_does_not() -> None:
    plan = made()
    assert f"llama-{plan.digest[:8]}" == parameters(plan, "create_model")[0]["ModelName"]
    assert f"llama-{plan.digest[:8]}" == variant(plan)["ModelName"]
    assert "llama" == parameters(plan, "create_endpoint")[0]["EndpointName"]


def test_the_same_choices_make_the_same_plan_and_others_another_digest() -> None:
    assert made() == made()
    assert made().digest != made(context=4096).digest
    assert made().digest == made(strategy="rolling").digest  # how an update goes is no part of what is there


def test_an_image_of_cuda_13_gets_the_driver_that_runs_it() -> None:
    assert "al2023-ami-sagemaker-inference-gpu-4-1" == variant(made())["InferenceAmiVersion"]


def test_time_to_start_grows_with_the_weights_and_stays_in_what_sagemaker_allows() -> None:
    key = "ContainerStartupHealthCheckTimeoutInSeconds"
    waits = [variant(Plan.make(model))[key] for model in ("1B", "8B", "70B", "405B")]
    assert sorted(waits) == waits
    assert 900 <= min(waits) < max(waits) <= 3600
    assert "ModelDataDownloadTimeoutInSeconds" not in variant(made())
    assert 60 <= variant(made(source="s3://bucket/x"))["ModelDataDownloadTimeoutInSeconds"] <= 3600


def test_weights_that_cannot_arrive_in_time_are_warned_of() -> None:
    plan = Plan.make("405B", instance_type="ml.p5e.48xlarge", dtype="bfloat16")
    assert any("uncompressed into S3" in warning for warning in plan.warnings)


def test_a_model_in_s3_is_mounted_uncompressed() -> None:
    plan = made(source="s3://bucket/llama")
    place = parameters(plan, "create_model")[0]["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert {"S3Uri": "s3://bucket/llama/", "S3DataType": "S3Prefix", "CompressionType": "None"} == place
    assert "/opt/ml/model" == plan.environment["SM_VLLM_MODEL"]
    assert "HF_TOKEN" not in plan.environment


def test_the_token_of_the_hub_is_named_and_not_written() -> None:
    plan = made(secret="hub/token")
    assert "{{resolve:secretsmanager:hub/token:SecretString}}" == plan.environment["HF_TOKEN"]
    assert any("DescribeModel" in warning for warning in plan.warnings)
    assert any("is gated" in warning for warning in made().warnings)


def test_metas_fp8_checkpoint_is_taken_where_there_is_one_and_counted_as_it_is() -> None:
    plan = Plan.make("405B", instance_type="ml.p5.48xlarge")
    assert ("meta-llama/Llama-3.1-405B-Instruct-FP8", "fp8") == (plan.model, plan.dtype)
    assert "SM_VLLM_QUANTIZATION" not in plan.environment
    assert 449 == pytest.approx(plan.memory.to_dict()["weights_gib"], abs=1)
    assert "fp8" == made(dtype="fp8").environment["SM_VLLM_QUANTIZATION"]


def test_scale_to_zero_has_a_component_a_step_policy_and_the_alarm_that_wakes_it() -> None:
    plan = made(**ZERO)
    assert {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 2} == variant(plan)[
        "ManagedInstanceScaling"
    ]
    assert "ModelName" not in variant(plan)
    assert ROLE == parameters(plan, "create_endpoint_config")[0]["ExecutionRoleArn"]
    target = parameters(plan, "register_scalable_target")[0]
    assert ("sagemaker:inference-component:DesiredCopyCount", 0) == (target["ScalableDimension"], target["MinCapacity"])
    step = parameters(plan, "put_scaling_policy")[1]
    assert ("llama-wake", "StepScaling") == (step["PolicyName"], step["PolicyType"])
    alarm = parameters(plan, "put_metric_alarm")[1]
    assert ("NoCapacityInvocationFailures", ["{{policy:llama-wake}}"]) == (alarm["MetricName"], alarm["AlarmActions"])


def test_an_asynchronous_endpoint_scales_its_variant_by_what_waits() -> None:
    plan = made(**KINDS["asynchronous"])
    assert [] == parameters(plan, "create_inference_component")
    assert "endpoint/llama/variant/main" == parameters(plan, "register_scalable_target")[0]["ResourceId"]
    tracking = parameters(plan, "put_scaling_policy")[0]["TargetTrackingScalingPolicyConfiguration"]
    assert "ApproximateBacklogSizePerInstance" == tracking["CustomizedMetricSpecification"]["MetricName"]
    assert "HasBacklogWithoutCapacity" == parameters(plan, "put_metric_alarm")[1]["MetricName"]


def test_requests_are_tracked_below_what_an_instance_holds() -> None:
    plan = made(scale_max=4)
    tracking = parameters(plan, "put_scaling_policy")[0]["TargetTrackingScalingPolicyConfiguration"]
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert "SageMakerVariantConcurrentRequestsPerModelHighResolution" == metric
    assert 1 <= tracking["TargetValue"] < plan.max_concurrency


def test_scaling_on_kv_use_warns_that_somebody_must_publish_the_metric() -> None:
    assert any("does not publish" in warning for warning in made(**KINDS["on KV use"]).warnings)


def test_gpus_that_stay_idle_are_told_and_components_use_them() -> None:
    small: dict[str, Any] = {"instance_type": "ml.g5.12xlarge", "components": False}
    assert any("3 of 4 GPUs stay idle" in warning for warning in Plan.make("SmolLM2-135M-Instruct", **small).warnings)
    packed = Plan.make("SmolLM2-135M-Instruct", **{**small, "components": True})
    assert not any("idle" in warning for warning in packed.warnings)
    assert {"CopyCount": 4} == parameters(packed, "create_inference_component")[0]["RuntimeConfig"]


def test_an_adapter_is_a_component_on_the_component_of_its_base() -> None:
    base, adapter = parameters(made(adapters={"legal": "s3://bucket/legal.tar.gz"}), "create_inference_component")
    assert "llama" == base["InferenceComponentName"] == adapter["Specification"]["BaseInferenceComponentName"]
    assert {"ArtifactUrl": "s3://bucket/legal.tar.gz"} == adapter["Specification"]["Container"]


@pytest.mark.parametrize(
    ("choices", "policy"),
    [
        ({}, "ALL_AT_ONCE"),
        ({"strategy": "canary", "instances": 2}, "CANARY"),
        ({"strategy": "linear", "instances": 4}, "LINEAR"),
    ],
)
def test_an_update_goes_as_chosen_and_is_rolled_back_by_an_alarm_of_the_plan(
    choices: dict[str, Any], policy: str
) -> None:
    plan = made(**choices)
    update = plan.options["deployment"]
    assert policy == update["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"]
    alarms = [alarm["AlarmName"] for alarm in parameters(plan, "put_metric_alarm")]
    assert {alarm["AlarmName"] for alarm in update["AutoRollbackConfiguration"]["Alarms"]} <= set(alarms)


def test_the_role_may_do_what_the_plan_needs_and_nothing_more() -> None:
    def actions(**choices: Any) -> set[str]:
        return {action for one in made(**choices).options["role_policy"]["Statement"] for action in one["Action"]}

    plain = actions()
    assert not any(action.startswith(("s3:", "kms:", "ec2:", "secretsmanager:", "iam:")) for action in plain)
    assert not any("*" in action for action in plain)
    assert {"s3:GetObject", "s3:ListBucket"} == actions(source="s3://bucket/x") - plain
    assert {"s3:PutObject"} <= actions(async_output="s3://bucket/answers/")
    assert any(action.startswith("ec2:") for action in actions(**VPC))
    assert "kms:Decrypt" in actions(kms="alias/mine")


def test_a_role_is_bound_to_the_image_the_bucket_and_the_log_of_its_endpoint() -> None:
    statements = {one["Sid"]: one for one in made(source="s3://bucket/x").options["role_policy"]["Statement"]}
    assert "arn:aws:ecr:us-east-1:763104351884:repository/vllm" == statements["PullImage"]["Resource"]
    assert ["arn:aws:s3:::bucket/x/*"] == statements["ReadModel"]["Resource"]
    assert ["arn:aws:logs:us-east-1:*:log-group:/aws/sagemaker/Endpoints/llama*"] == statements["WriteLog"]["Resource"]


def test_a_role_given_by_name_waits_for_its_account() -> None:
    assert "arn:aws:iam::000000000000:role/serving" == made(role="serving").options["role"]
    assert "arn:aws-cn:iam::000000000000:role/serving" == made(role="serving", region="cn-north-1").options["role"]


def test_prices_are_what_was_given_and_never_invented() -> None:
    assert made().options["cost_per_hour"] is None
    assert not any("hour" in reason for reason in made().reasons)
    plan = made(prices={"ml.g5.2xlarge": 1.5}, instances=2)
    assert 3.0 == plan.options["cost_per_hour"]


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        ({"name": "a_b"}, "name 'a_b'"),
        ({"name": "a" * 55}, "at most 54"),
        ({"source": "http://x"}, "S3 prefix"),
        ({"role": "arn:aws:iam::1:role/x y"}, "the ARN or the name"),
        ({"subnets": ("subnet-0123abcd",)}, "both subnets"),
        ({**VPC, "security_groups": ("sg-1",)}, "'sg-1' is not an id"),
        ({**VPC, "subnets": ("vpc-0123abcd",)}, "'vpc-0123abcd' is not an id"),
        ({"scale_min": 0}, "needs scale_max"),
        ({"scale_min": 3, "scale_max": 2}, "below scale_min"),
        ({"prices": {"ml.g5.9xlarge": 1.0}}, "near: "),
        ({"scale_min": 3, "scale_max": 4}, "above instances 1"),
        ({"instances": 3, "scale_max": 2}, "more than scale_max"),
        ({"async_output": "s3://bucket/x", "components": True}, "cannot go with"),
        ({"strategy": "canary"}, "instances >= 2"),
        ({"strategy": "yolo"}, "'yolo' "),
        ({"users": 0}, "users 0"),
        ({"prices": {"ml.g5.2xlarge": 0}}, "above 0"),
        ({"adapters": {"a": "/local"}}, "S3 URI"),
        ({"regoin": "x"}, "no choice 'regoin'"),
        ({"region": "eu-west-9"}, "no registry"),
        ({"tags": {"a" * 129: "x"}}, "129 characters, at most 128"),
        ({"tags": {"team": "a|b"}}, "does not match"),
        ({"environment": {"1ST": "x"}}, "does not match"),
        ({"ami": "al2-wrong"}, "is not one of ProductionVariantInferenceAmiVersion"),
        ({"kms": "a b"}, "does not match"),
    ],
)
def test_what_aws_would_refuse_is_refused_before_any_call(choices: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        made(**choices)


@pytest.mark.parametrize(
    ("service", "operation", "wrong", "fault"),
    [
        ("sagemaker", "create_model", {}, 'Missing required parameter in input: "ModelName"'),
        ("sagemaker", "create_model", {"ModelName": "a", "Moddel": 1}, "Unknown parameter"),
        ("sagemaker", "create_model", {"ModelName": 7}, "Invalid type"),
        ("sagemaker", "create_model", {"ModelName": "a" * 64}, "64 characters, at most 63"),
        ("sagemaker", "create_model", {"ModelName": "-a"}, "does not match"),
        ("sagemaker", "create_modell", {}, "no operation 'create_modell'"),
        ("sagemakr", "create_model", {}, "no operation 'create_model'"),
        ("cloudwatch", "put_metric_alarm", {"AlarmName": "a", "ComparisonOperator": ">"}, "is not one of"),
    ],
)
def test_each_kind_of_fault_is_found(service: str, operation: str, wrong: dict[str, Any], fault: str) -> None:
    assert any(fault in found for found in strict.faults(service, operation, wrong))


def test_a_number_above_its_maximum_and_a_list_too_long_are_found() -> None:
    production: dict[str, Any] = {"VariantName": "a", "ContainerStartupHealthCheckTimeoutInSeconds": 3601}
    wrong = {"EndpointConfigName": "a", "ProductionVariants": [production]}
    assert any("3601 is above 3600" in one for one in strict.faults("sagemaker", "create_endpoint_config", wrong))
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
    assert any(
        "51 items, at most 50" in one
        for one in strict.faults("sagemaker", "create_model", {"ModelName": "a", "Tags": tags})
    )
