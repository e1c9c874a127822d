from __future__ import annotations

import pytest

from assistant.errors import ConfigurationError
from deploy import environment
from deploy.environment import command_line, spelled, variable
from deploy.plan import Plan


def test_an_argument_becomes_the_variable_of_the_image() -> None:
    assert {"SM_VLLM_MAX_MODEL_LEN": "4096"} == spelled({"max-model-len": "4096"}, kind="vllm")
    assert {"OPTION_MAX_MODEL_LEN": "4096"} == spelled({"max_model_len": "4096"}, kind="lmi")


@pytest.mark.parametrize("name", ["max-num-seqs", "--max-num-seqs", "max_num_seqs", "SM_VLLM_MAX_NUM_SEQS"])
def test_an_argument_may_be_written_in_any_of_its_ways(name: str) -> None:
    assert "SM_VLLM_MAX_NUM_SEQS" == variable(name, kind="vllm")


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("max_model_length", "max-model-len"),
        ("tensor-paralel-size", "tensor-parallel-size"),
        ("enable_lorra", "enable-lora"),
    ],
)
def test_a_misspelt_argument_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(ConfigurationError, match=f"did you mean '{near}'"):
        variable(wrong, kind="vllm")


def test_a_misspelt_variable_is_refused_at_plan_time() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'enforce-eager'"):
        Plan.make("8B", environment={"SM_VLLM_ENFORCE_EAGR": "true"})


def test_lmi_has_options_of_its_own_which_vllm_has_not() -> None:
    assert "OPTION_ROLLING_BATCH" == variable("rolling_batch", kind="lmi")
    with pytest.raises(ConfigurationError, match="rolling_batch"):
        variable("rolling_batch", kind="vllm")


def test_variables_become_the_arguments_that_the_image_makes_of_them() -> None:
    assert [
        "--enable-lora",
        "--lora-modules",
        '{"name":"a","path":"/a"}',
        '{"name":"b","path":"/b"}',
        "--max-model-len",
        "4096",
        "--served-model-name",
        "one",
        "two",
    ] == command_line(
        {
            "HF_TOKEN": "left out",
            "SM_VLLM_ENABLE_LORA": "True",
            "SM_VLLM_ENFORCE_EAGER": "false",
            "SM_VLLM_LORA_MODULES": '[{"name": "a", "path": "/a"}, {"name": "b", "path": "/b"}]',
            "SM_VLLM_MAX_MODEL_LEN": "4096",
            "SM_VLLM_SERVED_MODEL_NAME": '["one", "two"]',
        }
    )


def test_a_list_that_vllm_wants_whole_stays_one_token() -> None:
    assert ["--allowed-origins", '["*"]'] == command_line({"SM_VLLM_ALLOWED_ORIGINS": '["*"]'})


def test_false_for_an_argument_that_is_on_by_default_is_refused_because_the_image_drops_it() -> None:
    with pytest.raises(ConfigurationError, match="SM_VLLM_NO_ENABLE_PREFIX_CACHING=true"):
        environment.check({"SM_VLLM_ENABLE_PREFIX_CACHING": "false"})


@pytest.mark.parametrize("name", ["model", "dtype", "tensor-parallel-size"])
def test_what_the_arithmetic_decides_cannot_be_set_behind_its_back(name: str) -> None:
    with pytest.raises(ConfigurationError, match="decided by the plan's arithmetic"):
        Plan.make("8B", engine={name: "1"})


def test_how_many_are_answered_at_once_goes_into_the_arithmetic() -> None:
    assert 2 == Plan.make("8B", users=2, engine={"max-num-seqs": "2"}).max_concurrency


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="whole number"):
        Plan.make("8B", engine={"max-num-seqs": "many"})


@pytest.mark.parametrize(
    "choices",
    [
        {"environment": {"HF_TOKEN": "hf_abcdefgh"}},
        {"environment": {"SM_VLLM_API_KEY": "abcdefgh"}},
        {"engine": {"api-key": "abcdefgh"}},
        {"secret": "hf_abcdefgh"},
    ],
)
def test_a_token_in_plain_text_is_refused_and_not_repeated(choices: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Plan.make("8B", **choices)
    assert "abcdefgh" not in str(caught.value)


def test_the_shipped_list_is_that_of_the_installed_vllm() -> None:
    pytest.importorskip("vllm")
    flags = {flag for action in environment._parser()._actions for flag in action.option_strings}
    assert {flag[2:] for flag in flags if flag.startswith("--")} - {"help"} == set(environment.names())


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"instance_type": "ml.p5.48xlarge", "dtype": "fp8"},
        {"adapters": {"legal": "s3://bucket/legal.tar.gz"}, "scale_min": 0, "scale_max": 2},
        {"source": "s3://bucket/llama/"},
        {"container": "lmi"},
    ],
)
@pytest.mark.parametrize("model", ["8B", "70B", "Llama-3.2-3B-Instruct", "Llama-2-7B-chat"])
def test_vllms_own_parser_takes_the_environment_of_a_plan(model: str, choices: dict[str, object]) -> None:
    pytest.importorskip("vllm")
    made = Plan.make(model, **choices)
    parsed = environment._parser().parse_args(command_line(made.environment))
    assert made.max_model_len == parsed.max_model_len
    if choices.get("container") != "lmi":
        assert made.tensor_parallel == parsed.tensor_parallel_size


def test_a_value_that_vllm_refuses_is_refused_at_plan_time() -> None:
    pytest.importorskip("vllm")
    with pytest.raises(ConfigurationError, match=r"seed.*'many'"):
        Plan.make("8B", engine={"seed": "many"})
