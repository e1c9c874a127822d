"""The GPU instance types of SageMaker hosting: what each holds, and which cannot start the images."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from assistant.errors import ConfigurationError

MIB = 1 << 20
NATIVE_FP8 = (8, 9)
"""Compute capability from which tensor cores multiply fp8; Ampere unpacks fp8 weights to 16 bits (docs.vllm.ai, FP8 W8A8)."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance type; `gpu_bytes` of one GPU, `host_gib` of main memory, `nvme_gb` of local disk.

    `refused` says why it cannot serve, None where it can.
    """

    name: str
    gpu: str
    gpus: int
    gpu_bytes: int
    capability: tuple[int, int]
    host_gib: int
    nvme_gb: int
    refused: str | None = None

    @property
    def total_bytes(self) -> int:
        """The memory of all its GPUs."""
        return self.gpus * self.gpu_bytes

    @property
    def native_fp8(self) -> bool:
        return self.capability >= NATIVE_FP8

    @property
    def summary(self) -> str:
        """Such as `4 x L40S, 44.7 GiB each`."""
        return f"{self.gpus} x {self.gpu}, {self.gpu_bytes / (1 << 30):.1f} GiB each"


@cache
def instances() -> tuple[Instance, ...]:
    """Every type of the table, the least GPU memory first; equals with fewer GPUs, then less host memory, first."""
    found = list(_rows(_table()["families"]))
    return tuple(sorted(found, key=lambda one: (one.total_bytes, one.gpus, one.host_gib)))  # stable: the table's order


def find(name: str) -> Instance:
    """The instance type `name`; without `ml.` as well.

    Raises:
        ConfigurationError: no such type, or one without a GPU the images can use; the message says which are near.
    """
    full = name if name.startswith("ml.") else f"ml.{name}"
    known = {one.name: one for one in instances()}
    if full in known:
        return known[full]
    refused: Mapping[str, str] = _table()["refused"]
    if reason := refused.get(full.split(".")[1] if full.count(".") == 2 else ""):
        raise ConfigurationError(f"instance type {name!r} cannot serve: {reason}")
    near = ", ".join(difflib.get_close_matches(full, known, n=3, cutoff=0.0))
    raise ConfigurationError(f"instance type {name!r} is not a GPU type of SageMaker hosting; near: {near}")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("deploy").joinpath("instances.toml").read_text(encoding="utf-8"))


def _rows(families: list[dict[str, Any]]) -> Iterator[Instance]:
    for family in families:
        major, minor = family["capability"]
        for size, gpus, host, nvme in family["sizes"]:
            yield Instance(
                name=f"ml.{family['name']}.{size}",
                gpu=family["gpu"],
                gpus=gpus,
                gpu_bytes=family["gpu_mib"] * MIB,
                capability=(major, minor),
                host_gib=host,
                nvme_gb=nvme,
                refused=family.get("refused"),
            )
