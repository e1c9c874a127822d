"""The memory a model could be loaded into: the GPUs' where there are any, else this machine's."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assistant.llms import machine

MIB = 1 << 20
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
GPU_SHARE = 0.92
"""Of a GPU's memory, what vLLM takes by default (`gpu_memory_utilization`, vLLM 0.32)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Sizes in bytes; `dtype` is what `engine.dtype = "auto"` comes to here."""

    kind: Literal["cpu", "gpu"]
    name: str
    total: int
    available: int
    dtype: str

    @property
    def usable(self) -> int:
        """What weights, KV cache and reserve may take together on the idle machine."""
        return int(self.total * GPU_SHARE) if self.kind == "gpu" else self.total


def memory() -> Memory:
    """The GPUs together where there are any, else main memory within the container's limit."""
    return gpu_memory() or main_memory()


def main_memory() -> Memory:
    """Main memory, or the control group's limit where that is lower."""
    total = min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), _limit())
    return Memory("cpu", "main memory", total, min(total, machine.available_memory()), machine.cpu_dtype())


def gpu_memory() -> Memory | None:
    """The NVIDIA GPUs that `nvidia-smi` lists; None where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_gpus(listed)


def parse_gpus(listed: str) -> Memory | None:
    """The sum of `nvidia-smi`'s lines `name, total MiB, free MiB`; None where no line is one."""
    rows = [row for row in csv.reader(listed.splitlines(), skipinitialspace=True) if len(row) == 3]
    gpus = [(name, int(total) * MIB, int(free) * MIB) for name, total, free in rows if (total + free).isdigit()]
    if not gpus:
        return None
    names, totals, frees = zip(*gpus, strict=True)
    name = names[0] if len(gpus) == 1 else f"{len(gpus)} x {names[0]}"
    return Memory("gpu", name, sum(totals), sum(frees), "bfloat16")


def _limit() -> int:
    try:
        text = CGROUP_LIMIT.read_text().strip()
    except OSError:
        text = ""
    return int(text) if text.isdigit() else 1 << 62
