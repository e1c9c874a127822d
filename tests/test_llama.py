from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant import llama
from assistant.errors import ConfigurationError
from assistant.llama import Model, fit, models
from assistant.llms.sizes import GIB

# Parameters in billions as the papers and model cards give them: LLaMA 1 (arXiv:2302.13971, table 2), Llama 2
# (arXiv:2307.09288: 7B, 13B, 70B, rounded too much for 1 %, so the checkpoints' sizes), Llama 3 (arXiv:2407.21783 and the
# model cards: 8.03B, 70.6B, 405B), 3.2 (model card: 1.23B, 3.21B), Llama Guard 3-1B (arXiv:2411.17713: 1498M), SmolLM2
# (arXiv:2502.02737: 135M, 360M, 1.71B), TinyLlama (arXiv:2401.02385: 1.1B).
PUBLISHED = {
    "LLaMA-7B": 6.7,
    "LLaMA-13B": 13.0,
    "LLaMA-33B": 32.5,
    "LLaMA-65B": 65.2,
    "Llama-2-7B": 6.74,
    "Llama-2-13B": 13.0,
    "Llama-2-70B": 69.0,
    "CodeLlama-7B": 6.74,
    "CodeLlama-13B": 13.0,
    "CodeLlama-34B": 33.7,
    "CodeLlama-70B": 69.0,
    "Llama-3-8B": 8.03,
    "Llama-3-70B": 70.6,
    "Llama-3.1-8B": 8.03,
    "Llama-3.1-70B": 70.6,
    "Llama-3.1-405B": 405.0,
    "Llama-3.2-1B": 1.23,
    "Llama-3.2-3B": 3.21,
    "Llama-3.3-70B": 70.6,
    "LlamaGuard-7B": 6.74,
    "Llama-Guard-2-8B": 8.03,
    "Llama-Guard-3-8B": 8.03,
    "Llama-Guard-3-1B": 1.498,
    "SmolLM2-135M": 0.135,
    "SmolLM2-360M": 0.36,
    "SmolLM2-1.7B": 1.71,
    "TinyLlama-1.1B": 1.1,
}

LLAMA_3_1_8B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "rope_theta": 500000.0,
    "rope_scaling": {"rope_type": "llama3", "factor": 8.0},
    "eos_token_id": [128001, 128008, 128009],
    "tie_word_embeddings": False,
}


def named(name: str) -> Model:
    model = llama.find(name)
    assert model is not None
    return model


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_the_shapes_add_up_to_the_published_parameters(model: Model) -> None:
    published = PUBLISHED[model.name.removesuffix("-chat").removesuffix("-Chat").removesuffix("-Instruct")] * 1e9
    assert published == pytest.approx(model.count_parameters(), rel=0.01)
    assert model.parameters == model.count_parameters()


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_every_row_is_complete_and_consistent(model: Model) -> None:
    assert model.hidden_size == model.heads * model.head_dim
    assert 0 == model.heads % model.kv_heads
    assert model.source.startswith("https://")
    assert model.licence_asks
    assert model.stop_token_ids
    assert all(0 <= token < model.vocab_size for token in model.stop_token_ids)
    assert (model.prompt_format == "none") == (
        not any(word in model.name for word in ("chat", "Chat", "Instruct", "Guard"))
    )


def test_names_and_hub_ids_are_unique() -> None:
    assert len(models()) == len({model.name.lower() for model in models()})
    assert len(models()) == len({model.hub_id for model in models()})


def test_every_generation_of_the_family_is_there() -> None:
    families = {"LLaMA 1", "Llama 2", "Code Llama", "Llama 3", "Llama 3.1", "Llama 3.2", "Llama 3.3", "Llama Guard"}
    assert families | {"SmolLM2", "TinyLlama"} == {model.family for model in models()}


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("LLaMA-7B", 2048),
        ("Llama-2-7B-chat", 4096),
        ("Llama-3-8B", 8192),
        ("Llama-3.1-8B", 131072),
        ("CodeLlama-7B", 16384),
    ],
)
def test_the_context_is_that_of_the_generation(name: str, context: int) -> None:
    assert context == named(name).context


@pytest.mark.parametrize(
    ("name", "stops"),
    [
        ("LLaMA-7B", (2,)),
        ("Llama-3-8B-Instruct", (128001, 128009)),
        ("Llama-3.1-8B-Instruct", (128001, 128008, 128009)),
        ("SmolLM2-135M-Instruct", (2,)),
        ("CodeLlama-70B-Instruct", (2, 32015)),
    ],
)
def test_generation_stops_at_the_ends_of_the_format(name: str, stops: tuple[int, ...]) -> None:
    assert stops == named(name).stop_token_ids


@pytest.mark.parametrize(
    ("name", "kib"),
    [("Llama-3.1-8B", 128), ("Llama-3.1-70B", 320), ("Llama-3.1-405B", 504), ("LLaMA-7B", 512), ("SmolLM2-135M", 22.5)],
)
def test_the_cache_counts_the_heads_of_keys_not_the_hidden_size(name: str, kib: float) -> None:
    assert kib * 1024 == named(name).kv_bytes_per_token()


def test_weights_take_two_bytes_a_parameter_at_16_bits_and_one_at_8() -> None:
    model = named("Llama-3.1-70B")
    assert 141.1e9 == pytest.approx(model.weights_bytes("bfloat16"), rel=0.001)
    assert model.parameters == model.weights_bytes("fp8")


def test_an_unknown_dtype_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'float8'.*bfloat16"):
        named("LLaMA-7B").weights_bytes("float8")


def test_a_model_is_found_by_name_or_hub_id_in_any_case() -> None:
    assert named("smollm2-135m-instruct") == named("HuggingFaceTB/SmolLM2-135M-Instruct")
    assert llama.find("no-such-model") is None


def test_llama_1_is_for_research_only_and_the_later_licences_ask_for_a_notice() -> None:
    assert "research" in " ".join(named("LLaMA-7B").licence_asks)
    assert "Built with Llama" in " ".join(named("Llama-3.1-8B").licence_asks)
    assert "700 million" in " ".join(named("Llama-2-7B").licence_asks)


def test_a_model_fits_when_weights_reserve_and_context_do() -> None:
    assert fit(named("Llama-3.1-8B-Instruct"), 24 * GIB).fits
    assert not fit(named("Llama-3.1-8B-Instruct"), 16 * GIB).fits
    assert fit(named("Llama-3.1-8B-Instruct"), 16 * GIB, dtype="fp8").fits


def test_the_context_that_fits_is_what_the_memory_left_over_holds() -> None:
    model = named("Llama-3.1-8B-Instruct")
    found = fit(model, 24 * GIB)
    assert found.weights + found.reserve + found.context * model.kv_bytes_per_token() <= 24 * GIB
    assert found.weights + found.reserve + (found.context + 1) * model.kv_bytes_per_token() > 24 * GIB


def test_the_context_is_never_more_than_the_model_or_the_caller_allows() -> None:
    model = named("SmolLM2-135M-Instruct")
    assert (8192, 1024) == (fit(model, 64 * GIB).context, fit(model, 64 * GIB, context=1024).context)


def test_a_model_of_short_context_fits_although_it_never_holds_2048_tokens() -> None:
    assert fit(named("SmolLM2-135M-Instruct"), 4 * GIB, context=512).fits


def test_no_memory_at_all_is_a_plain_no() -> None:
    assert str(fit(named("LLaMA-7B"), 0)).startswith("no (")


def test_a_model_outside_the_table_is_read_from_its_config() -> None:
    model = llama.from_config(LLAMA_3_1_8B, name="mine")
    known = named("Llama-3.1-8B-Instruct")
    shape = ("parameters", "layers", "heads", "kv_heads", "head_dim", "vocab_size", "context", "stop_token_ids")
    assert [getattr(known, key) for key in shape] == [getattr(model, key) for key in shape]


def test_the_oldest_configs_name_no_kv_heads_and_one_end() -> None:
    config = {k: v for k, v in LLAMA_3_1_8B.items() if k not in ("num_key_value_heads", "rope_scaling", "rope_theta")}
    model = llama.from_config({**config, "eos_token_id": 2})
    assert (32, (2,), None, 10000.0) == (model.kv_heads, model.stop_token_ids, model.rope_scaling, model.rope_theta)


def test_the_newest_configs_keep_the_period_with_the_scaling() -> None:
    config = {k: v for k, v in LLAMA_3_1_8B.items() if k not in ("rope_scaling", "rope_theta")}
    model = llama.from_config({**config, "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}})
    assert (500000.0, None) == (model.rope_theta, model.rope_scaling)


def test_a_config_without_a_figure_is_refused_by_its_name() -> None:
    config = {k: v for k, v in LLAMA_3_1_8B.items() if k != "vocab_size"}
    with pytest.raises(ConfigurationError, match="'vocab_size'"):
        llama.from_config(config)


def test_a_mixture_of_experts_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="experts"):
        llama.from_config({**LLAMA_3_1_8B, "num_local_experts": 8})


def test_a_config_file_names_the_model_after_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_3_1_8B))
    assert "my-model" == llama.from_file(folder / "config.json").name


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_config_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"config\.json"):
        llama.from_file(tmp_path / "config.json")


def test_a_model_is_a_value_that_json_can_hold() -> None:
    model = named("Llama-3.1-8B")
    assert model in set(models())
    assert model.name == json.loads(json.dumps(model.to_dict()))["name"]
