"""How vLLM is started: its arguments for this machine, its environment, and what its failures mean."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import spawn
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import AssistantError, ConfigurationError, EngineUnavailable, Rejected
from assistant.llms import machine, sizes, weights

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

DEFAULT_KV_CACHE = sizes.GIB
"""KV cache of a model whose configuration does not tell its shape."""


@dataclasses.dataclass(frozen=True, slots=True)
class EngineConfig:
    """What makes two engines the same; `options` are further vLLM engine arguments as JSON, so that this can be a key."""

    model: str
    cache_dir: Path
    dtype: str = "auto"
    max_model_len: int | None = None
    kv_cache_gib: float | None = None
    max_concurrent: int = 32
    options: str = "{}"


def resolve_dtype(dtype: str) -> str:
    """`auto` on a CPU becomes the type it computes fastest in; on a GPU it stays vLLM's own choice."""
    return machine.cpu_dtype() if dtype == "auto" and machine.on_cpu() else dtype


def default_context(context: int, max_model_len: int | None) -> int:
    """Tokens of context: as set, else the model's own, on a CPU at most 8192."""
    if max_model_len is not None:
        return max_model_len
    return min(context, sizes.CPU_CONTEXT) if machine.on_cpu() else context


def build(config: EngineConfig, progress: Callable[[str], None]) -> AsyncLLM:
    """Start vLLM; blocks, and must run in an event loop's thread."""
    on_cpu = machine.on_cpu()
    dtype = resolve_dtype(config.dtype)
    folder = weights.locate(config.model, cache_dir=config.cache_dir, dtype=dtype, progress=progress)
    arguments = {**engine_arguments(config, folder, dtype=dtype, on_cpu=on_cpu), **json.loads(config.options)}
    import huggingface_hub.constants  # noqa: F401 - reads HF_HUB_OFFLINE once; only the child is to be offline

    settings = machine.engine_environment(config.cache_dir, on_cpu=on_cpu)
    if arguments.get("enforce_eager"):
        settings["TORCH_COMPILE_DISABLE"] = (
            "1"  # else the first logprobs wait 10 s for a compiler, which may be missing
        )
    with machine.environment(settings), spawning(), warnings.catch_warnings(action="ignore"):
        progress("loading vLLM")
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        _check_options(arguments, AsyncEngineArgs)
        logging.getLogger("vllm.v1.engine.async_llm").addFilter(_tells_more)
        progress(f"starting the engine of {config.model} ({dtype}, {'CPU' if on_cpu else 'GPU'})")
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))


def _tells_more(record: logging.LogRecord) -> bool:
    """Not so the stack trace with which vLLM reports that its process is gone: `EngineUnavailable` says it to the caller."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__name__ != "EngineDeadError"


def engine_arguments(config: EngineConfig, folder: Path, *, dtype: str, on_cpu: bool) -> dict[str, Any]:
    """vLLM's engine arguments for this machine.

    On a CPU: no compilation (57 s for 25 %), small blocks so that more of a shared prefix is cached, and prefill in
    pieces of 256 tokens so that one user's long prompt does not stall another's stream. On a GPU vLLM's own defaults.

    Raises:
        EngineUnavailable: memory is short.
    """
    common = {
        "model": str(folder),
        "dtype": dtype,
        "max_num_seqs": config.max_concurrent,
        "enable_prefix_caching": True,
        "enable_chunked_prefill": True,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        # JSON without free white space: small models fill their answers with it
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    if not on_cpu:
        kv = {} if config.kv_cache_gib is None else {"kv_cache_memory_bytes": int(config.kv_cache_gib * sizes.GIB)}
        return {**common, **kv, "max_model_len": config.max_model_len}
    shape = sizes.read_shape(folder)
    context = default_context(shape.context, config.max_model_len) if shape else config.max_model_len
    return {
        **common,
        "max_model_len": context,
        "kv_cache_memory_bytes": _kv_cache(config, shape, dtype=dtype, context=context),
        "enforce_eager": True,
        "block_size": 32,
        "max_num_batched_tokens": max(256, config.max_concurrent),
    }


def _kv_cache(config: EngineConfig, shape: sizes.Shape | None, *, dtype: str, context: int | None) -> int:
    if shape is None or context is None:
        return DEFAULT_KV_CACHE if config.kv_cache_gib is None else int(config.kv_cache_gib * sizes.GIB)
    available = machine.available_memory()
    return sizes.kv_cache_bytes(shape, dtype=dtype, context=context, gib=config.kv_cache_gib, available=available)


def _check_options(arguments: Mapping[str, Any], known: type) -> None:
    names = [field.name for field in dataclasses.fields(known)]
    for name in arguments:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
            raise ConfigurationError(f"engine.options: vLLM has no engine argument {name!r}; did you mean {near[0]!r}?")


@contextlib.contextmanager
def spawning() -> Iterator[None]:
    """Processes that this thread spawns run `engine_process.py` first and not the user's script.

    A spawned process imports the parent's main module to find what it defines; vLLM's engine needs nothing from
    it, and a script without `if __name__ == "__main__"` would start an engine in the engine's process. Other
    threads may spawn meanwhile as ever.
    """
    original, thread = spawn.get_preparation_data, threading.get_ident()

    def prepare(name: str) -> dict[str, object]:
        data = original(name)
        if threading.get_ident() == thread:
            data.pop("init_main_from_name", None)
            data["init_main_from_path"] = str(Path(__file__).with_name("engine_process.py"))
        return data

    spawn.get_preparation_data = prepare
    try:
        yield
    finally:
        spawn.get_preparation_data = original


def explain(error: BaseException, config: EngineConfig) -> Exception:
    """What a failure of vLLM means to the caller, in our vocabulary; the original is the cause."""
    explained = _explain(error, config)
    if explained is not error:
        explained.__cause__ = error
    return explained


def _explain(error: BaseException, config: EngineConfig) -> Exception:
    if isinstance(error, AssistantError):
        return error
    text = str(error).strip()
    if (broken := machine.broken_media_packages()) and isinstance(
        error, ImportError | OSError | RuntimeError | AttributeError
    ):
        return ConfigurationError(
            f"vLLM cannot be loaded because {', '.join(broken)} are built for CUDA and torch is not: `pip uninstall -y {' '.join(broken)}`"
        )
    kind = {cls.__name__ for cls in type(error).__mro__}
    if "EngineDeadError" in kind:
        return EngineUnavailable(
            f"the engine process of {config.model!r} died (often: out of memory); the next call starts it again"
        )
    if "VLLMClientError" in kind:
        return Rejected(f"vLLM refuses the request: {text}")
    if "device type" in text:
        return ConfigurationError(
            "vLLM for GPUs is installed and finds no GPU: install the extra [cpu] instead of [gpu]"
        )
    if isinstance(error, ImportError):
        return ConfigurationError(f"vLLM cannot be loaded: {text}; install the extra [cpu] or [gpu] again")
    if isinstance(error, ValueError | TypeError):  # vLLM and pydantic check the arguments with these
        return ConfigurationError(f"vLLM refuses to start {config.model!r}: {text}")
    return EngineUnavailable(
        f"the engine of {config.model!r} failed: {text or type(error).__name__}; "
        "vLLM's own lines above name the cause, VLLM_LOGGING_LEVEL=INFO shows more"
    )
