"""The Llama family as data: the shapes of every generation, what they need in memory, and what their licences ask."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from assistant.errors import ConfigurationError
from assistant.llms.sizes import GIB, RESERVE

BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5}
"""Bytes one parameter takes, by dtype; int4 leaves out the scales, about 6 % more at group size 128."""

ROW = ("name", "hub_id", "parameters", "layers", "heads", "kv_heads", "hidden_size", "intermediate_size")
VARIANTS = ("base", "chat", "guard")


@dataclass(frozen=True, slots=True)
class Model:
    """One decoder of the LLaMA architecture; sizes are counts, `context` is tokens the model was trained to read.

    `prompt_format` is "none" for a base model, which completes text and holds no conversation. `tool_format` names
    vLLM's parser of its tool calls. `source` says where the figures come from.
    """

    name: str
    family: str
    parameters: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden_size: int
    intermediate_size: int
    vocab_size: int
    context: int
    prompt_format: str
    stop_token_ids: tuple[int, ...]
    licence: str
    source: str
    hub_id: str | None = None
    tied_embeddings: bool = False
    rope_theta: float = 10000.0
    rope_scaling: Mapping[str, Any] | None = field(default=None, hash=False)
    tool_format: str | None = None
    licence_asks: tuple[str, ...] = ()
    licence_url: str | None = None

    def count_parameters(self) -> int:
        """Parameters the shapes add up to: embeddings, attention (grouped queries), gated feed-forward, RMS norms."""
        embeddings = self.vocab_size * self.hidden_size * (1 if self.tied_embeddings else 2)
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention = self.hidden_size * (2 * queries + 2 * keys)
        feed_forward = 3 * self.hidden_size * self.intermediate_size
        norms = 2 * self.hidden_size
        return embeddings + self.layers * (attention + feed_forward + norms) + self.hidden_size

    def kv_bytes_per_token(self, dtype_bytes: float = 2.0) -> int:
        """Bytes of KV cache for one token of context: keys and values of every layer, of the KV heads only."""
        return int(2 * self.layers * self.kv_heads * self.head_dim * dtype_bytes)

    def weights_bytes(self, dtype: str = "bfloat16") -> int:
        """Bytes of the weights in `dtype`, one of `BYTES`.

        Raises:
            ConfigurationError: the dtype is not known.
        """
        if dtype not in BYTES:
            raise ConfigurationError(f"dtype {dtype!r} is not known: use one of {', '.join(BYTES)}")
        return int(self.parameters * BYTES[dtype])

    def to_dict(self) -> dict[str, Any]:
        """The JSON form that `assistant models --json` prints."""
        values = asdict(self)
        values["kv_bytes_per_token"] = self.kv_bytes_per_token()
        values["weights_bytes"] = self.weights_bytes()
        return values


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model runs in `memory` bytes; `tokens` is the KV cache left over, shared by all conversations."""

    memory: int
    weights: int
    reserve: int
    tokens: int
    context: int
    least: int

    @property
    def fits(self) -> bool:
        """At least `least` tokens of context are left beside the weights."""
        return self.tokens >= self.least

    def __str__(self) -> str:
        weights, reserve, memory = (f"{size / GIB:.1f} GiB" for size in (self.weights, self.reserve, self.memory))
        verdict = f"yes, {self.context:,} tokens of context" if self.fits else "no"
        return f"{verdict} ({weights} weights + {reserve} reserve of {memory})"


def fit(model: Model, memory: int, *, dtype: str = "bfloat16", context: int | None = None) -> Fit:
    """What is left of `memory` bytes for the KV cache (16 bit), and the longest context that fits it.

    `context` limits the context asked for (default: the model's own). A model fits when 2,048 tokens, or the whole
    context where that is shorter, can be cached.
    """
    weights, reserve = model.weights_bytes(dtype), RESERVE
    tokens = max(0, memory - weights - reserve) // model.kv_bytes_per_token()
    wanted = min(context or model.context, model.context)
    return Fit(memory, weights, reserve, tokens, min(tokens, wanted), min(wanted, 2048))


@cache
def models() -> tuple[Model, ...]:
    """The family, oldest generation first."""
    data = tomllib.loads(files("assistant").joinpath("llama.toml").read_text(encoding="utf-8"))
    return tuple(_rows(data["generations"], data["licences"], data["overrides"]))


def find(name: str) -> Model | None:
    """The model of that name or hub id, without regard to case; None where the table has none."""
    wanted = name.lower()
    return next((m for m in models() if wanted in (m.name.lower(), (m.hub_id or "").lower())), None)


def from_config(config: Mapping[str, Any], *, name: str = "", source: str = "config.json") -> Model:
    """A model outside the table, from the content of its `config.json` (Hugging Face's names).

    `name` and `source` say which model it is and where the file was.

    Raises:
        ConfigurationError: a figure is missing, or the model is not a dense decoder.
    """
    if experts := next((key for key in config if key.endswith("_experts") and config[key]), None):
        raise ConfigurationError(f"{source}: {experts!r} says a mixture of experts: only dense models are known")
    heads, hidden = _figure(config, "num_attention_heads", source), _figure(config, "hidden_size", source)
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    model = Model(
        name=name or str(config.get("_name_or_path") or "model"),
        family=str(config.get("model_type", "unknown")),
        parameters=0,
        layers=_figure(config, "num_hidden_layers", source),
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or hidden // heads),
        hidden_size=hidden,
        intermediate_size=_figure(config, "intermediate_size", source),
        vocab_size=_figure(config, "vocab_size", source),
        context=int(config.get("max_position_embeddings") or 2048),
        prompt_format="template",
        stop_token_ids=_ids(config.get("eos_token_id")),
        licence="unknown",
        source=source,
        tied_embeddings=bool(config.get("tie_word_embeddings", False)),
        rope_theta=float(config.get("rope_theta") or rope.get("rope_theta") or 10000.0),
        rope_scaling=rope if rope.get("rope_type", rope.get("type", "default")) != "default" else None,
    )
    return replace(model, parameters=model.count_parameters())


def from_file(path: Path) -> Model:
    """The model whose `config.json` is at `path`, named after its folder.

    Raises:
        ConfigurationError: the file is not JSON, or `from_config` refuses it.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error}") from None
    if not isinstance(config, dict):
        raise ConfigurationError(f"{str(path)!r} is not a JSON object")
    return from_config(config, name=path.absolute().parent.name, source=str(path))


def _rows(
    generations: Iterable[Mapping[str, Any]], licences: Mapping[str, Any], overrides: Iterable[Mapping[str, Any]]
) -> Iterable[Model]:
    different = {
        name: {k: v for k, v in entry.items() if k != "names"} for entry in overrides for name in entry["names"]
    }
    for generation in generations:
        shared = {key: value for key, value in generation.items() if key not in VARIANTS}
        licence = licences[generation["licence"]]
        terms = {"licence_asks": tuple(licence["asks"]), "licence_url": licence["url"]}
        for variant in (generation[key] for key in VARIANTS if key in generation):
            common = shared | terms | {key: value for key, value in variant.items() if key != "models"}
            for row in variant["models"]:
                columns = dict(zip(ROW, row, strict=True))
                yield _model(common | columns | different.get(columns["name"], {}))


def _model(values: dict[str, Any]) -> Model:
    values["stop_token_ids"] = tuple(values["stop_token_ids"])
    return Model(head_dim=values["hidden_size"] // values["heads"], **values)


def _figure(config: Mapping[str, Any], key: str, source: str) -> int:
    value = config.get(key)
    if not isinstance(value, int) or value <= 0:
        raise ConfigurationError(f"{source}: {key!r} is {value!r}, but the shape needs a positive whole number")
    return value


def _ids(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (int(value),)
