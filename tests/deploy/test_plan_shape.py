from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import ConfigurationError
from deploy.shape import FP8, shape_of

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 131072,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "torch_dtype": "bfloat16",
    "vocab_size": 128256,
}


def folder(path: Path, **more: Any) -> str:
    (path / "config.json").write_text(json.dumps({**CONFIG, **more}))
    return str(path)


@pytest.mark.parametrize(
    ("name", "hub_id"),
    [
        ("8B", "meta-llama/Llama-3.1-8B-Instruct"),
        ("70b", "meta-llama/Llama-3.3-70B-Instruct"),
        ("405B", "meta-llama/Llama-3.1-405B-Instruct"),
        ("llama-2-13b-chat", "meta-llama/Llama-2-13b-chat-hf"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "meta-llama/Meta-Llama-3-8B-Instruct"),
    ],
)
def test_a_size_a_name_or_a_hub_id_names_a_model(name: str, hub_id: str) -> None:
    assert (hub_id, "bfloat16", False) == (shape_of(name).source, shape_of(name).dtype, shape_of(name).quantized)


@pytest.mark.parametrize(
    ("name", "dtype", "base"),
    [
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", "fp8", "Llama-3.1-8B-Instruct"),
        ("RedHatAI/Meta-Llama-3.1-70B-Instruct-quantized.w8a8", "int8", "Llama-3.1-70B-Instruct"),
        ("hugging-quants/Meta-Llama-3.1-405B-Instruct-AWQ-INT4", "int4", "Llama-3.1-405B-Instruct"),
        ("someone/Llama-3.3-70B-Instruct-quantized.w4a16", "int4", "Llama-3.3-70B-Instruct"),
    ],
)
def test_a_quantized_checkpoint_has_the_figures_of_the_model_it_was_made_from(name: str, dtype: str, base: str) -> None:
    shape = shape_of(name)
    assert (name, dtype, base, True) == (shape.source, shape.dtype, shape.model.name, shape.quantized)


def test_metas_fp8_checkpoints_are_found_without_their_organisation() -> None:
    for hub_id in FP8.values():
        assert hub_id == shape_of(hub_id.partition("/")[2]).source


def test_a_folder_with_a_config_has_its_figures(tmp_path: Path) -> None:
    shape = shape_of(folder(tmp_path))
    assert (8_030_261_248, 8, None) == (shape.model.parameters, shape.model.kv_heads, shape.source)


def test_a_config_alone_is_enough_and_may_name_its_hub_id(tmp_path: Path) -> None:
    folder(tmp_path, _name_or_path="someone/tuned", torch_dtype="float16")
    shape = shape_of(str(tmp_path / "config.json"))
    assert ("someone/tuned", "float16") == (shape.source, shape.dtype)


@pytest.mark.parametrize(
    ("quantization", "dtype"),
    [
        ({"quant_method": "fbgemm_fp8"}, "fp8"),
        ({"quant_method": "awq", "bits": 4}, "int4"),
        ({"quant_method": "gptq", "bits": 8}, "int8"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "int4"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"0": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            "fp8",
        ),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"0": {"weights": {"num_bits": 4, "type": "int"}}}},
            "int4",
        ),
    ],
)
def test_a_config_tells_how_its_checkpoint_is_quantized(
    tmp_path: Path, quantization: dict[str, Any], dtype: str
) -> None:
    shape = shape_of(folder(tmp_path, quantization_config=quantization))
    assert (dtype, True) == (shape.dtype, shape.quantized)


def test_a_quantization_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'bitnet'"):
        shape_of(folder(tmp_path, quantization_config={"quant_method": "bitnet"}))


def test_a_mixture_of_experts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="mixture of experts"):
        shape_of(folder(tmp_path, num_local_experts=8))


@pytest.mark.parametrize("name", ["9B", "someone/else", "", "meta-llama/Llama-9"])
def test_an_unknown_model_is_refused_with_what_to_give(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"config\.json"):
        shape_of(name)
