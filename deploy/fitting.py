"""The smallest instance that holds a model for so many users, with the reason why each smaller one does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from assistant.errors import ConfigurationError
from deploy.instances import Instance, find, instances
from deploy.memory import GIB, Load, Memory, memory, tensor_parallel_of
from deploy.shape import Shape

CONTEXT = 8192
"""Tokens of context where none were asked for: a question, its passages, some history and the answer."""

LEAST_CONTEXT = 4096
"""Below this an unasked context is not lowered: passages and an answer would not fit."""

STEP = 256
"""A lowered context is a multiple of so many tokens."""

USERS = 4
"""Conversations at once where none were asked for."""

HOST_SHARE = 1.25
"""Main memory per byte of weights: they are read through it, beside the operating system and vLLM."""

DTYPES = ("auto", "bfloat16", "float16", "fp8", "int8", "int4")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; None where it was left open."""

    context: int | None = None
    users: int | None = None
    instances: int = 1
    dtype: str = "auto"
    load: Load = field(default_factory=Load)


@dataclass(frozen=True, slots=True)
class Fit:
    """A model on an instance: `max_model_len` tokens a conversation, `max_concurrency` such conversations at once."""

    instance: Instance
    tensor_parallel: int
    dtype: str
    memory: Memory
    max_model_len: int
    max_concurrency: int
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def fit(shape: Shape, wanted: Wanted, *, instance_type: str | None = None, prices: Mapping[str, float]) -> Fit:
    """The model on `instance_type`, or on the smallest that holds it; with `prices` (per hour) on the cheapest priced.

    Raises:
        ConfigurationError: it fits nowhere as asked; the message has the figures and what would do.
    """
    dtype = _dtype(shape, wanted.dtype)
    for priced in prices:
        find(priced)  # a misspelt one would be passed over in silence
    if instance_type is not None:
        return _given(shape, wanted, find(instance_type), dtype)
    refusals: dict[str, list[str]] = {}
    found: list[Fit] = []
    for instance in instances():
        tried = attempt(shape, wanted, instance, dtype, picked=True)
        if isinstance(tried, Fit):
            found.append(tried)
        elif not found and instance.refused is None:
            refusals.setdefault(tried, []).append(instance.name)
    if not found:
        raise ConfigurationError(
            f"no instance holds {shape.model.name} in {dtype} as asked:\n  "
            + "\n  ".join(_grouped(refusals)[-4:])
            + _advice(dtype)
        )
    best = _cheapest(found, prices)
    return _with_reasons(
        best, shape, (*_grouped(refusals), *_price_reason(best, prices), *_lowered(best, shape, wanted))
    )


def attempt(shape: Shape, wanted: Wanted, instance: Instance, dtype: str, *, picked: bool = False) -> Fit | str:
    """The fit on one instance, or why there is none; `picked` by us (it must hold all), else given by the user."""
    if instance.refused:
        return instance.refused
    if picked and dtype == "fp8" and not instance.native_fp8:
        return f"its {instance.gpu} has no fp8 arithmetic; with --instance-type it is emulated"
    degree = tensor_parallel_of(shape.model, instance.gpus)
    held = memory(shape, instance, dtype=dtype, tensor_parallel=degree, load=wanted.load)
    if short := _short(shape, instance, held, dtype):
        return short
    wanted_context = min(wanted.context or CONTEXT, shape.model.context)
    asked = picked and wanted.context  # held as asked, if need be by a larger instance
    least = wanted_context if asked else min(wanted_context, LEAST_CONTEXT)
    people = -(-(wanted.users or (USERS if picked else 1)) // wanted.instances)
    length = min(wanted_context, held.tokens // people // STEP * STEP)
    if length < least:
        return (
            f"{_figures(held, dtype)}; {held.tokens:,} tokens of KV cache hold {held.tokens // least} of "
            f"{people} contexts of {least:,} tokens"
        )
    if people > wanted.load.sequences:
        return f"{people} users are more than vLLM answers at once: max-num-seqs is {wanted.load.sequences}"
    return Fit(instance, degree, dtype, held, length, min(wanted.load.sequences, held.tokens // length))


def _given(shape: Shape, wanted: Wanted, instance: Instance, dtype: str) -> Fit:
    tried = attempt(shape, wanted, instance, dtype)
    if isinstance(tried, str) and wanted.dtype == "auto" and dtype in ("bfloat16", "float16") and not instance.refused:
        smaller = attempt(shape, wanted, instance, "fp8")
        if isinstance(smaller, Fit):
            reason = f"fp8 instead of {dtype}: {instance.name} does not hold {dtype} ({tried})"
            return _with_reasons(smaller, shape, (reason, *_lowered(smaller, shape, wanted)))
    if isinstance(tried, str):
        raise ConfigurationError(
            f"{shape.model.name} in {dtype} does not fit {instance.name}: {tried}{_alternatives(shape, wanted, dtype)}"
        )
    return _with_reasons(tried, shape, _lowered(tried, shape, wanted))


def _short(shape: Shape, instance: Instance, held: Memory, dtype: str) -> str | None:
    if held.kv <= 0:
        return _figures(held, dtype)
    if held.weights * HOST_SHARE > instance.host_gib * GIB:
        return f"{instance.host_gib} GiB of main memory for {held.weights / GIB:.1f} GiB of weights read through it"
    return None


def _with_reasons(chosen: Fit, shape: Shape, reasons: tuple[str, ...]) -> Fit:
    held, model = chosen.memory, shape.model
    choice = (
        f"{chosen.instance.name} ({chosen.instance.summary}): {_figures(held, chosen.dtype)}; "
        f"{held.kv / GIB:.1f} GiB of KV cache hold {held.tokens:,} tokens at {held.kv_per_token / 1024:.0f} KiB each "
        f"({model.layers} layers, {model.kv_heads} KV heads), contexts of {chosen.max_model_len:,}: {chosen.max_concurrency}"
    )
    return replace(chosen, reasons=(*reasons, choice, _parallel(chosen)), warnings=tuple(_warnings(chosen, shape)))


def _parallel(chosen: Fit) -> str:
    degree = chosen.tensor_parallel
    return f"tensor parallel {degree}: the model is split over {degree} of {chosen.instance.gpus} GPUs (vLLM's default is 1)"


def _warnings(chosen: Fit, shape: Shape) -> list[str]:
    found = []
    if chosen.dtype == "fp8" and not chosen.instance.native_fp8:
        found.append(
            f"{chosen.instance.gpu} has no fp8 arithmetic (compute capability below 8.9): vLLM keeps fp8 weights and "
            f"computes in 16 bits, which saves memory and no time"
        )
    if shape.model.prompt_format == "none":
        found.append(f"{shape.model.name} is a base model: it completes text and holds no conversation")
    return found


def _lowered(chosen: Fit, shape: Shape, wanted: Wanted) -> tuple[str, ...]:
    asked = wanted.context or CONTEXT
    if chosen.max_model_len >= asked:
        return ()
    if shape.model.context <= chosen.max_model_len:
        return (f"context {asked:,} lowered to {chosen.max_model_len:,}: the model was trained to read no more",)
    return (
        f"context {asked:,} lowered to {chosen.max_model_len:,}: the KV cache holds {chosen.memory.tokens:,} tokens"
        + (f" for {wanted.users} users" if wanted.users else ""),
    )


def _dtype(shape: Shape, asked: str) -> str:
    if asked not in DTYPES:
        raise ConfigurationError(f"dtype {asked!r} is not known: use one of {', '.join(DTYPES)}")
    if shape.quantized:
        if asked not in ("auto", shape.dtype):
            raise ConfigurationError(
                f"the checkpoint is {shape.dtype}: dtype {asked!r} cannot be made of it; use 'auto'"
            )
        return shape.dtype
    if asked in ("int4", "int8"):
        raise ConfigurationError(
            f"dtype {asked!r} needs a checkpoint made beforehand: give its hub id or folder as the model "
            f"(such as …-AWQ-INT4 or …-quantized.w8a8); vLLM makes fp8 itself, int4 and int8 not"
        )
    return shape.dtype if asked == "auto" else asked


def _alternatives(shape: Shape, wanted: Wanted, dtype: str) -> str:
    lines = []
    for form in dict.fromkeys((dtype, *(() if shape.quantized else ("fp8",)))):
        tries = (attempt(shape, wanted, one, form, picked=True) for one in instances())
        if best := next((one for one in tries if isinstance(one, Fit)), None):
            lines.append(f"{form} fits {best.instance.name}")
    return f". {'; '.join(lines)}" if lines else _advice(dtype)


def _grouped(refusals: Mapping[str, list[str]]) -> list[str]:
    return [f"not {', '.join(names)}: {reason}" for reason, names in refusals.items()]


def _advice(dtype: str) -> str:
    smaller = " --dtype fp8," if dtype in ("bfloat16", "float16") else ""
    return f"\nLower --context or --users,{smaller} or spread the users over --instances."


def _cheapest(found: list[Fit], prices: Mapping[str, float]) -> Fit:
    priced = [one for one in found if one.instance.name in prices]
    return min(priced, key=lambda one: prices[one.instance.name]) if priced else found[0]


def _price_reason(best: Fit, prices: Mapping[str, float]) -> tuple[str, ...]:
    if (price := prices.get(best.instance.name)) is None:
        return ()
    return (f"{best.instance.name} at {price:g} an hour is the cheapest of the priced types that hold it",)


def _figures(held: Memory, dtype: str) -> str:
    return (
        f"{held.weights / GIB:.1f} GiB weights ({dtype}) + {held.reserve / GIB:.1f} GiB reserve "
        f"of {held.available / GIB:.1f} GiB usable"
    )
