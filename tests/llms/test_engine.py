"""The engine's life: starting from any script, dying, starting again, ending; and what it says when it cannot start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from tiny_models import CACHE, folder_of

from assistant.errors import ConfigurationError, EngineUnavailable
from assistant.llms import ChatVLLM, engine

SCRIPT = """
import asyncio
import time
from pathlib import Path
from assistant.llms import ChatVLLM

print("runs once")
model = ChatVLLM(model={model!r}, cache_dir=Path({cache!r}), max_model_len=2048, kv_cache_gib=0.1, max_tokens=4)


async def main():
    return await model.ainvoke("hello", ignore_eos=True)


try:
    print(asyncio.run(main()).usage_metadata["output_tokens"], flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("still", model.invoke("hello", ignore_eos=True).usage_metadata["output_tokens"], flush=True)
"""
ORPHAN = """
from multiprocessing import get_context
from assistant.llms.start import spawning

with spawning():
    child = get_context("spawn").Process(target=exec, args=("import os, time; print(os.getpid(), flush=True); time.sleep(600)",))
    child.start()
child.join()
"""


def written(folder: Path, text: str) -> list[str]:
    path = folder / "script.py"
    path.write_text(text.format(model=str(folder_of("llama3")), cache=str(CACHE)))
    return [sys.executable, str(path)]


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


@pytest.mark.engine
def test_a_plain_script_without_a_main_guard_survives_ctrl_c_and_ends_cleanly(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as errors:
        parent = subprocess.Popen(
            written(tmp_path, SCRIPT),
            env=environment(),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    with parent:
        assert parent.stdout is not None
        said = [parent.stdout.readline().strip() for _ in range(2)]
        assert said == ["runs once", "4"], (tmp_path / "stderr").read_text()
        children = psutil.Process(parent.pid).children(recursive=True)
        os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: to every process of the group
        assert parent.stdout.read().strip() == "still 4"
    shown = (tmp_path / "stderr").read_text().splitlines()
    assert [line for line in shown if not line.startswith("assistant: ")] == []
    assert parent.returncode == 0
    _, alive = psutil.wait_procs(children, timeout=60)
    assert children
    assert alive == []


def test_a_killed_parent_takes_the_engine_process_along(tmp_path: Path) -> None:
    command = written(tmp_path, ORPHAN)
    with subprocess.Popen(command, env=environment(), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        _, alive = psutil.wait_procs([child], timeout=60)
        assert alive == []


@pytest.mark.engine
@pytest.mark.timeout(90)
def test_after_its_process_died_the_engine_starts_again(tiny: ChatVLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    held = tiny._lease.running
    assert held is not None
    manager = held._llm.engine_core.resources.engine_manager  # type: ignore[union-attr]
    shutdown = manager.shutdown

    def slow(timeout: float | None = None) -> None:  # as on a busy machine: the next call comes before vLLM cleaned up
        time.sleep(0.5)
        shutdown(timeout=timeout)

    monkeypatch.setattr(manager, "shutdown", slow)
    ended: list[float] = []

    def ask() -> None:
        with pytest.raises(EngineUnavailable, match="the next call starts it again"):
            tiny.invoke("hello", max_tokens=3000, ignore_eos=True)
        ended.append(time.monotonic())

    waiting = threading.Thread(target=ask)
    waiting.start()
    stream = tiny.stream("hello", max_tokens=3000, ignore_eos=True)
    next(stream)
    while held.unfinished < 2:
        time.sleep(0.01)
    killed = time.monotonic()
    os.kill(manager.processes[0].pid, signal.SIGKILL)
    while held.alive:
        time.sleep(0.001)
    assert tiny.invoke("hello").usage_metadata is not None
    assert tiny._lease.running is not held
    with pytest.raises(EngineUnavailable, match="the next call starts it again"):
        list(stream)
    waiting.join()
    assert ended[0] - killed < 10


@pytest.mark.engine
def test_an_engine_that_fails_while_it_fails_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("no explanation")

    monkeypatch.setattr(engine, "explain", broken)
    monkeypatch.setattr(engine, "build", broken)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    with pytest.raises(EngineUnavailable, match="failed before it started"):
        ChatVLLM(model=str(folder_of("llama3")), cache_dir=CACHE, max_model_len=512).start()


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
    with pytest.raises(ConfigurationError, match="base model"):
        ChatVLLM(model=str(folder_of("llama1")), cache_dir=CACHE).invoke("hello")
