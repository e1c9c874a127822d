"""How much memory a model takes: weights, KV cache, reserve; computed from files before anything is loaded."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from assistant.errors import ConfigurationError, EngineUnavailable

GIB = 1 << 30
RESERVE = 3 * GIB // 2
"""Two Python processes with torch and vLLM loaded, and the activations of 256 tokens: 1.6 GB measured beside weights and KV cache."""

CPU_CONTEXT = 8192
"""Longest context by default on a CPU: prefill runs at hundreds of tokens/s there."""

CONTEXTS = 4
"""Full contexts the KV cache holds by default; most requests are far shorter."""

KV_SHARE = 0.25
"""Part of the memory left after weights and reserve that the KV cache takes at most by default."""

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a model decides its memory; sizes in numbers of values, not bytes."""

    parameters: int
    context: int
    layers: int
    kv_heads: int
    head_dim: int

    def weight_bytes(self, dtype: str) -> int:
        return self.parameters * WIDTHS.get(dtype, 2)

    def kv_bytes_per_token(self, dtype: str) -> int:
        """Keys and values of every layer; counts `kv_heads`, not the hidden size, which overstates grouped attention."""
        return 2 * self.layers * self.kv_heads * self.head_dim * WIDTHS.get(dtype, 2)


def read_shape(folder: Path) -> Shape | None:
    """The shape of the model in `folder`; None where its configuration does not tell (unusual architectures)."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = {**config, **config.get("text_config", {})}
    try:
        heads = int(config["num_attention_heads"])
        return Shape(
            parameters=_parameters(folder),
            context=int(config["max_position_embeddings"]),
            layers=int(config["num_hidden_layers"]),
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or config["hidden_size"] // heads),
        )
    except (KeyError, TypeError):
        return None


def _parameters(folder: Path) -> int:
    """Read from the headers of the safetensors files: 8 bytes of length, then JSON (huggingface.co/docs/safetensors)."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(length))
        total += sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return total


def kv_cache_bytes(shape: Shape, *, dtype: str, context: int, gib: float | None, available: int) -> int:
    """Bytes for the KV cache: what was asked for, else a few full contexts, bounded by the machine.

    Raises:
        EngineUnavailable: weights, cache and reserve do not fit the `available` bytes; the message has all figures.
        ConfigurationError: the size asked for does not hold one full context, which vLLM needs.
    """
    one = shape.kv_bytes_per_token(dtype) * context
    fixed = shape.weight_bytes(dtype) + RESERVE
    if gib is None:
        size = max(one, min(CONTEXTS * one, int((available - fixed) * KV_SHARE)))
    elif (size := int(gib * GIB)) < one:
        raise ConfigurationError(
            f"engine.kv_cache_gib {gib!r} does not hold one context of {context} tokens: "
            f"it takes {one / GIB:.2f} GiB; raise it or lower engine.max_model_len"
        )
    if fixed + size > available:
        raise EngineUnavailable(
            f"memory is short: {shape.weight_bytes(dtype) / GIB:.2f} GiB weights ({dtype}) + {size / GIB:.2f} GiB KV cache "
            f"({context} tokens of context) + {RESERVE / GIB:.2f} GiB reserve = {(fixed + size) / GIB:.2f} GiB needed, "
            f"{available / GIB:.2f} GiB available: choose a smaller model, or lower engine.max_model_len or engine.kv_cache_gib"
        )
    return size
