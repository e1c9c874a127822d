from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant import llama
from assistant.errors import ConfigurationError
from deploy import fitting, instances, memory
from deploy.fitting import Fit, Wanted
from deploy.shape import shape_of

GIB = memory.GIB
EIGHT, SEVENTY, LARGEST = shape_of("8B"), shape_of("70B"), shape_of("405B")
SERVING = [one for one in instances.instances() if one.refused is None]


def fit(model: str, instance_type: str | None = None, **wanted: object) -> Fit:
    return fitting.fit(shape_of(model), Wanted(**wanted), instance_type=instance_type, prices={})  # type: ignore[arg-type]


def test_a_token_of_cache_counts_kv_heads_and_not_heads() -> None:
    assert 2 * 32 * 8 * 128 * 2 == memory.kv_bytes_per_token(EIGHT.model, tensor_parallel=1)
    assert 128 * 1024 == memory.kv_bytes_per_token(EIGHT.model, tensor_parallel=8)


def test_past_one_gpu_per_kv_head_the_cache_is_held_more_than_once() -> None:
    once = memory.kv_bytes_per_token(SEVENTY.model, tensor_parallel=8)
    assert 2 * once == memory.kv_bytes_per_token(SEVENTY.model, tensor_parallel=16)


def test_fp8_leaves_embeddings_and_output_layer_at_16_bits() -> None:
    model = EIGHT.model
    wide = 2 * model.vocab_size * model.hidden_size
    assert model.parameters - wide + 2 * wide == memory.weights_bytes(EIGHT, "fp8")
    assert (
        memory.weights_bytes(EIGHT, "int4")
        < memory.weights_bytes(EIGHT, "fp8")
        < memory.weights_bytes(EIGHT, "bfloat16")
    )


def test_weights_in_16_bits_are_the_size_of_the_published_checkpoint() -> None:
    assert 141.1 == pytest.approx(memory.weights_bytes(SEVENTY, "bfloat16") / 1e9, abs=0.1)
    assert 811.7 == pytest.approx(memory.weights_bytes(LARGEST, "bfloat16") / 1e9, abs=0.1)


def test_8b_in_bfloat16_fits_a_g5_2xlarge_with_a_bounded_context() -> None:
    chosen = fit("8B", "ml.g5.2xlarge", context=131_072)
    assert "bfloat16" == chosen.dtype
    assert 16_384 < chosen.max_model_len < 40_000
    assert any("lowered" in reason for reason in chosen.reasons)


def test_8b_goes_on_the_smallest_instance_that_holds_it_and_its_weights_in_main_memory() -> None:
    chosen = fit("8B")
    assert ("ml.g5.2xlarge", "bfloat16", 1) == (chosen.instance.name, chosen.dtype, chosen.tensor_parallel)
    assert any("ml.g5.xlarge" in reason and "main memory" in reason for reason in chosen.reasons)


def test_70b_in_bfloat16_does_not_serve_16_users_on_eight_gpus_of_24_gb() -> None:
    with pytest.raises(ConfigurationError, match=r"contexts of 4,096 tokens\. bfloat16 fits ml\.g6e\.12xlarge"):
        fit("70B", "ml.g5.48xlarge", users=16, dtype="bfloat16")
    assert fit("70B", "ml.g5.48xlarge", dtype="bfloat16", context=8192).max_concurrency < 8


def test_70b_in_bfloat16_fits_four_gpus_of_48_gb_tightly_and_in_fp8_well() -> None:
    tight, well = fit("70B"), fit("70B", "ml.g6e.12xlarge", dtype="fp8")
    assert ("ml.g6e.12xlarge", 4) == (tight.instance.name, tight.tensor_parallel)
    assert well.max_concurrency > 3 * tight.max_concurrency


def test_405b_fits_one_p5_48xlarge_in_fp8_and_not_in_bfloat16() -> None:
    with pytest.raises(ConfigurationError, match=r"756\.0 GiB weights \(bfloat16\)"):
        fit("405B", "ml.p5.48xlarge", dtype="bfloat16")
    assert fit("405B", "ml.p5.48xlarge", dtype="fp8").max_concurrency > 8
    assert ("fp8", True) == (
        fit("405B", "ml.p5.48xlarge").dtype,
        "fp8 instead of" in fit("405B", "ml.p5.48xlarge").reasons[0],
    )
    assert "ml.p5e.48xlarge" == fit("405B").instance.name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ml.g4dn.12xlarge", "T4"),
        ("ml.p3.8xlarge", "Volta"),
        ("ml.inf2.48xlarge", "Neuron"),
        ("ml.p6e-gb200.36xlarge", "Arm"),
        ("ml.m5.large", "not a GPU type"),
        ("g9.large", "not a GPU type"),
    ],
)
def test_an_instance_that_cannot_start_the_image_is_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        fit("8B", name)


def test_fp8_on_ampere_is_emulated_where_asked_for_and_never_picked() -> None:
    assert any("no fp8 arithmetic" in warning for warning in fit("8B", "ml.g5.2xlarge", dtype="fp8").warnings)
    assert not fit("8B", "ml.g6.2xlarge", dtype="fp8").warnings
    assert all(fit(model, dtype="fp8").instance.native_fp8 for model in ("8B", "70B", "405B"))


def test_int4_is_refused_for_a_checkpoint_that_is_not_int4() -> None:
    with pytest.raises(ConfigurationError, match="made beforehand"):
        fit("8B", dtype="int4")
    assert "int4" == fit("hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4").dtype


def test_a_checkpoint_in_fp8_cannot_be_made_bfloat16() -> None:
    with pytest.raises(ConfigurationError, match="the checkpoint is fp8"):
        fit("meta-llama/Llama-3.1-405B-Instruct-FP8", dtype="bfloat16")


def test_a_model_is_split_over_no_more_gpus_than_its_heads_divide() -> None:
    assert 1 == fit("SmolLM2-135M-Instruct", "ml.g5.12xlarge").tensor_parallel  # 9 heads
    assert 4 == fit("8B", "ml.g5.12xlarge").tensor_parallel


def test_a_base_model_is_planned_with_a_warning() -> None:
    assert any("base model" in warning for warning in fit("Llama-3.1-8B").warnings)


def test_a_context_beyond_the_model_is_lowered_to_what_it_was_trained_for() -> None:
    chosen = fit("Llama-2-7B-chat", context=32_768)
    assert 4096 == chosen.max_model_len
    assert any("trained to read no more" in reason for reason in chosen.reasons)


def test_users_are_spread_over_the_instances_that_were_asked_for() -> None:
    with pytest.raises(ConfigurationError):
        fit("70B", "ml.g5.48xlarge", users=16, dtype="bfloat16")
    assert 4 <= fit("70B", "ml.g5.48xlarge", users=16, dtype="bfloat16", instances=4).max_concurrency


def test_the_cheapest_of_the_priced_types_is_taken_and_none_without_a_price() -> None:
    prices = {"ml.g6e.2xlarge": 1.0, "ml.g6.2xlarge": 2.0}
    chosen = fitting.fit(EIGHT, Wanted(), instance_type=None, prices=prices)
    assert "ml.g6e.2xlarge" == chosen.instance.name
    assert any("cheapest of the priced" in reason for reason in chosen.reasons)


def test_what_fits_nowhere_says_how_far_it_is_and_what_to_lower() -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)no instance holds.*Lower --context or --users"):
        fit("405B", context=131_072, users=250)


def test_more_users_than_vllm_answers_at_once_are_refused() -> None:
    load = memory.Load(sequences=8)
    with pytest.raises(ConfigurationError, match="max-num-seqs is 8"):
        fitting.fit(EIGHT, Wanted(users=9, load=load), instance_type="ml.p5.48xlarge", prices={})


def test_room_is_made_for_adapters() -> None:
    with_two = memory.reserve_bytes(EIGHT.model, memory.Load(adapters=2), tokens=2048, tensor_parallel=1)
    without = memory.reserve_bytes(EIGHT.model, memory.Load(), tokens=2048, tensor_parallel=1)
    assert 2 * memory.adapter_bytes(EIGHT.model) == with_two - without
    assert 84e6 == pytest.approx(memory.adapter_bytes(EIGHT.model), rel=0.01)  # 41.9 million parameters at rank 16


def test_the_figures_in_gib_never_add_up_to_more_than_there_is() -> None:
    for instance in SERVING:
        figures = memory.memory(EIGHT, instance, dtype="fp8", tensor_parallel=1).to_dict()
        assert figures["weights_gib"] + figures["kv_gib"] + figures["reserve_gib"] <= figures["available_gib"] + 1e-9


@given(
    model=st.sampled_from([one.name for one in llama.models()]),
    instance=st.sampled_from(SERVING),
    context=st.integers(256, 131_072),
    users=st.integers(1, 64),
)
@settings(max_examples=150, deadline=None)
def test_whatever_fits_holds_its_users_in_the_cache_beside_weights_and_reserve(
    model: str, instance: instances.Instance, context: int, users: int
) -> None:
    shape = shape_of(model)
    tried = fitting.attempt(shape, Wanted(context=context, users=users), instance, "bfloat16")
    if isinstance(tried, str):
        return
    held = tried.memory
    assert held.weights + held.reserve + held.kv <= held.available <= instance.total_bytes
    assert users <= tried.max_concurrency
    assert tried.max_model_len <= min(context, shape.model.context)
    assert tried.max_concurrency * tried.max_model_len * held.kv_per_token <= held.kv
    assert 0 == shape.model.heads % tried.tensor_parallel
    assert 0 == instance.gpus % tried.tensor_parallel


@given(users=st.integers(1, 60), more=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_more_users_never_go_on_a_smaller_instance(users: int, more: int) -> None:
    few, many = (fit("8B", users=number, context=4096).instance.total_bytes for number in (users, users + more))
    assert few <= many
