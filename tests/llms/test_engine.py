"""The engine's life: starting from any script, dying, starting again, ending; and what it says when it cannot start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tiny_models import CACHE, folder_of

from assistant.errors import ConfigurationError, EngineUnavailable
from assistant.llms import ChatVLLM

SCRIPT = """
import asyncio
from pathlib import Path
from assistant.llms import ChatVLLM

print("runs once")
model = ChatVLLM(model={model!r}, cache_dir=Path({cache!r}), max_model_len=2048, kv_cache_gib=0.1, max_tokens=4)


async def main():
    return await model.ainvoke("hello", ignore_eos=True)


print(asyncio.run(main()).usage_metadata["output_tokens"], model.invoke("hello", ignore_eos=True).usage_metadata["output_tokens"])
"""
WAITS = (
    SCRIPT
    + """
import time
try:
    print("up", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("still", model.invoke("hello", ignore_eos=True).usage_metadata["output_tokens"], flush=True)
time.sleep(600)
"""
)


def written(folder: Path, text: str) -> list[str]:
    path = folder / "script.py"
    path.write_text(text.format(model=str(folder_of("llama3")), cache=str(CACHE)))
    return [sys.executable, str(path)]


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


@pytest.mark.engine
def test_a_plain_script_without_a_main_guard_works_and_ends_cleanly(tmp_path: Path) -> None:
    command = written(tmp_path, SCRIPT)
    done = subprocess.run(
        command, env=environment(), cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.stdout.splitlines() == ["runs once", "4 4"], done.stderr
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if not line.startswith("assistant: ")] == []


@pytest.mark.engine
def test_ctrl_c_leaves_the_engine_alive_and_a_killed_parent_takes_it_along(tmp_path: Path) -> None:
    command = written(tmp_path, WAITS)
    with subprocess.Popen(
        command, env=environment(), cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        while parent.stdout.readline().strip() != "up":
            assert parent.poll() is None
        children = psutil.Process(parent.pid).children(recursive=True)
        os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: to every process of the group
        assert parent.stdout.readline().strip() == "still 4"
        parent.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=20)
        assert children
        assert alive == []


@pytest.mark.engine
def test_after_its_process_died_the_engine_starts_again(tiny: ChatVLLM) -> None:
    held = tiny._lease.running
    assert held is not None
    stream = tiny.stream("hello", max_tokens=3000, ignore_eos=True)
    next(stream)
    core = held._llm.engine_core.resources.engine_manager.processes[0]  # type: ignore[union-attr]
    os.kill(core.pid, signal.SIGKILL)
    with pytest.raises(EngineUnavailable, match="the next call starts it again"):
        list(stream)
    assert tiny.invoke("hello").usage_metadata is not None
    assert tiny._lease.running is not held


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"'\./llama': no such folder"):
        ChatVLLM(model="./llama", cache_dir=CACHE).start()


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"without config\.json"):
        ChatVLLM(model=str(tmp_path), cache_dir=CACHE).start()


def test_an_unknown_name_gets_its_neighbour() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'smollm2-135m-instruct'"):
        ChatVLLM(model="smollm-135m", cache_dir=CACHE).start()


def test_an_unknown_engine_option_gets_its_neighbour() -> None:
    with pytest.raises(ConfigurationError, match="'max_num_sequences'; did you mean 'max_num_seqs'"):
        ChatVLLM(model=str(folder_of("llama3")), cache_dir=CACHE, engine_options={"max_num_sequences": 1}).start()


def test_short_memory_is_told_before_the_start_with_the_figures() -> None:
    with pytest.raises(
        EngineUnavailable, match=r"memory is short: .* 90000.00 GiB KV cache .* GiB available"
    ) as caught:
        ChatVLLM(model=str(folder_of("llama3")), cache_dir=CACHE, max_model_len=2048, kv_cache_gib=90000).start()
    assert "engine.max_model_len" in str(caught.value)


def test_a_cache_too_small_for_one_context_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="does not hold one context of 100000 tokens"):
        ChatVLLM(model=str(folder_of("llama3")), cache_dir=CACHE, max_model_len=100000, kv_cache_gib=0.001).start()


def test_a_base_model_is_refused_before_it_is_loaded() -> None:
    began = time.monotonic()
    with pytest.raises(ConfigurationError, match="base model"):
        ChatVLLM(model=str(folder_of("llama1")), cache_dir=CACHE).invoke("hello")
    assert time.monotonic() > began
