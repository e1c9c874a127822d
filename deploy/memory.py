"""What serving a model takes of the GPUs: weights, KV cache, activations and runtime; and how many ways it is split.

The arithmetic follows what vLLM does at start-up (`vllm/v1/worker/gpu_worker.py`, determine_available_memory): of
`gpu_memory_utilization` times a GPU's memory it takes off the weights, the peak of a forward pass of
`max_num_batched_tokens`, and what CUDA holds outside of torch; the rest becomes the KV cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.errors import ConfigurationError
from assistant.llama import BYTES, Model
from deploy.instances import Instance
from deploy.shape import Shape

GIB = 1 << 30

UTILIZATION = 0.9
"""Part of a GPU's memory that vLLM may take; given to it, as the default differs between versions (0.9, since 0.32 0.92)."""

RUNTIME = GIB
"""Of each GPU: CUDA context, kernels' workspaces, and the captured graphs (vLLM logs 0.3 to 0.9 GiB for those)."""

NCCL = GIB // 2
"""Of each GPU that shares a model with others: buffers of NCCL and of vLLM's own all-reduce."""

SEQUENCES = 256
"""Answers generated at once at most (`max_num_seqs`); logits of all of them are held in memory."""

LOGIT_BYTES = 10
"""Per token of the vocabulary and sequence: 16-bit logits, their float32 copy and the probabilities."""

INT4_SCALES = 1.06
"""int4 with its scales and zeros at group size 128."""

BLOCK = 16
"""Tokens of one block of vLLM's KV cache."""


LORA_RANK = 16
"""vLLM's default `max_lora_rank`; room for so much is made for every adapter."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a forward pass is made for: answers at once, tokens of a pass (None: by the GPU), LoRA adapters held."""

    sequences: int = SEQUENCES
    tokens: int | None = None
    adapters: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes over all GPUs that share the model: what there is, what is taken, and the KV cache that is left.

    `kv_per_token` is the cache one token takes, over all GPUs.
    """

    available: int
    weights: int
    reserve: int
    kv: int
    kv_per_token: int

    @property
    def tokens(self) -> int:
        """Tokens the KV cache holds, shared by all conversations; whole blocks."""
        return self.kv // self.kv_per_token // BLOCK * BLOCK

    def to_dict(self) -> dict[str, float]:
        """GiB, two decimals, rounded so that weights, cache and reserve never exceed what is available."""
        weights, reserve = _up(self.weights), _up(self.reserve)
        available = int(self.available / GIB * 100) / 100
        return {
            "weights_gib": weights,
            "kv_gib": max(0.0, int(round((available - weights - reserve) * 100, 6)) / 100),
            "reserve_gib": reserve,
            "available_gib": available,
        }


def memory(shape: Shape, instance: Instance, *, dtype: str, tensor_parallel: int, load: Load | None = None) -> Memory:
    """What `shape` in `dtype` takes of `tensor_parallel` GPUs of `instance`; the cache is 0 where it does not fit."""
    load = load or Load()
    model = shape.model
    available = int(instance.gpu_bytes * UTILIZATION) * tensor_parallel
    weights = weights_bytes(shape, dtype)
    tokens = load.tokens or batched_tokens(instance)
    reserve = reserve_bytes(model, load, tokens=tokens, tensor_parallel=tensor_parallel)
    kv = max(0, available - weights - reserve)
    return Memory(available, weights, reserve, kv, kv_bytes_per_token(model, tensor_parallel=tensor_parallel))


def weights_bytes(shape: Shape, dtype: str) -> int:
    """Bytes of the weights in `dtype`; quantization leaves embeddings and output layer at 16 bits, as vLLM does.

    Of a checkpoint quantized beforehand to fp8, attention is counted at 16 bits as well: Meta's is made so.

    Raises:
        ConfigurationError: the dtype is not known.
    """
    model = shape.model
    if dtype not in BYTES:
        raise ConfigurationError(f"dtype {dtype!r} is not known: use one of {', '.join(BYTES)}")
    if BYTES[dtype] >= 2:
        return model.weights_bytes(dtype)
    wide = model.vocab_size * model.hidden_size * (1 if model.tied_embeddings else 2)
    if shape.quantized and dtype == "fp8":
        wide += model.layers * model.hidden_size * 2 * (model.heads + model.kv_heads) * model.head_dim
    narrow = BYTES[dtype] * (INT4_SCALES if dtype == "int4" else 1)
    return int((model.parameters - wide) * narrow + 2 * wide)


def kv_bytes_per_token(model: Model, *, tensor_parallel: int) -> int:
    """KV cache of one token over all GPUs, 16 bits; past one GPU per KV head the heads are kept more than once."""
    copies = max(1, tensor_parallel // model.kv_heads)
    return model.kv_bytes_per_token() * copies


def reserve_bytes(model: Model, load: Load, *, tokens: int, tensor_parallel: int) -> int:
    """What is kept of all GPUs for a forward pass of `tokens`, for the logits of all sequences, and for the runtime.

    Each GPU holds about four hidden states of every token, its part of the queries, keys and values, and three times its
    part of the feed-forward layer (gate, up, their product), at 16 bits. Adapters are kept beside that.
    """
    attention = (model.heads + 2 * model.kv_heads) * model.head_dim
    split = (attention + 3 * model.intermediate_size) // tensor_parallel
    activations = tokens * (4 * model.hidden_size + split) * 2
    logits = load.sequences * model.vocab_size * LOGIT_BYTES
    runtime = RUNTIME + (NCCL if tensor_parallel > 1 else 0)
    return (activations + logits + runtime) * tensor_parallel + load.adapters * adapter_bytes(model)


def adapter_bytes(model: Model) -> int:
    """One LoRA adapter of `LORA_RANK` on every linear layer: two thin matrices each, 16 bits."""
    queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    attention = 2 * (model.hidden_size + queries) + 2 * (model.hidden_size + keys)
    return model.layers * LORA_RANK * (attention + 3 * (model.hidden_size + model.intermediate_size)) * 2


def batched_tokens(instance: Instance) -> int:
    """Tokens of one forward pass (`max_num_batched_tokens`): vLLM's own defaults by GPU (arg_utils.get_batch_defaults)."""
    if instance.gpu_bytes >= 160 * GIB:
        return 16384
    return 8192 if instance.gpu_bytes >= 70 * GIB and "A100" not in instance.gpu else 2048


def tensor_parallel_of(model: Model, gpus: int) -> int:
    """The most GPUs of `gpus` that vLLM can split the model over: heads and feed-forward divide, KV heads divide or repeat."""
    return max(degree for degree in range(1, gpus + 1) if gpus % degree == 0 and _divides(model, degree))


def _divides(model: Model, degree: int) -> bool:
    kv_heads = model.kv_heads % degree == 0 or degree % model.kv_heads == 0
    return model.heads % degree == 0 and model.intermediate_size % degree == 0 and kv_heads


def _up(size: int) -> float:
    return -(-size * 100 // GIB) / 100
