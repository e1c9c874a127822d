"""Which model is meant: a name or size of the Llama family, a hub id, or a folder with its config.json; and in what form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant import llama
from assistant.errors import ConfigurationError

SIZES = {
    "1b": "Llama-3.2-1B-Instruct",
    "3b": "Llama-3.2-3B-Instruct",
    "8b": "Llama-3.1-8B-Instruct",
    "70b": "Llama-3.3-70B-Instruct",
    "405b": "Llama-3.1-405B-Instruct",
}
"""What a bare size means: the newest conversational model of that size."""

FP8 = {
    "meta-llama/Llama-3.1-405B": "meta-llama/Llama-3.1-405B-FP8",
    "meta-llama/Llama-3.1-405B-Instruct": "meta-llama/Llama-3.1-405B-Instruct-FP8",
}
"""Models that Meta publishes in fp8 too (llama_models/sku_list.py, llama-models 0.3.0): half the download."""

FORMS = (
    ("int4", re.compile(r"[-_.](awq|gptq|int4|w4a16|4bit)(?![a-z])")),
    ("int8", re.compile(r"[-_.](int8|w8a8|w8a16)(?![a-z])")),
    ("fp8", re.compile(r"[-_.]fp8(?![a-z])")),
)
"""How the name of a quantized checkpoint tells its form."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True)
class Shape:
    """The model's figures and where its weights are.

    `dtype` is the form of the checkpoint, one of `llama.BYTES`; `quantized` says that its linear layers are smaller than
    16 bits already. `source` is a hub id, or None where only the figures are known.
    """

    model: llama.Model
    source: str | None
    dtype: str
    quantized: bool = False

    @property
    def gated(self) -> bool:
        """Meta gives these weights only to accounts that accepted the licence."""
        return (self.source or "").startswith("meta-llama/")


def shape_of(model: str) -> Shape:
    """The shape that `model` names: `8B`, `Llama-3.1-8B-Instruct`, a hub id, or a folder or file of a `config.json`.

    Raises:
        ConfigurationError: nothing of that name; the message says what to give.
    """
    path = Path(model)
    if path.is_file() or (path / "config.json").is_file():
        return _from_folder(path)
    if found := llama.find(SIZES.get(model.lower(), model)):
        return Shape(found, found.hub_id, "bfloat16")
    if quantized := _quantized(model):
        return quantized
    raise ConfigurationError(
        f"model {model!r} is not in the table of the Llama family (`assistant models` lists it), and no folder of that "
        f"name has a config.json: give a name such as Llama-3.1-8B-Instruct, a size such as 8B, or the folder of the model"
    )


def _quantized(name: str) -> Shape | None:
    """A checkpoint such as `RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8`: the figures of the model it was made from."""
    lower = name.lower()
    form = next((form for form, pattern in FORMS if pattern.search(lower)), None)
    if form is None:
        return None
    name = next((one for one in FP8.values() if lower == one.rpartition("/")[2].lower()), name)
    last = re.sub(r"^(meta-)?(llama)", r"\2", lower.rsplit("/", 1)[-1])
    known = sorted(llama.models(), key=lambda one: -len(one.name))
    base = next((one for one in known if last.startswith(one.name.lower() + "-")), None)
    if base is None:
        return None
    return Shape(base, name if HUB_ID.fullmatch(name) else None, form, quantized=True)


def _from_folder(path: Path) -> Shape:
    file = path / "config.json" if path.is_dir() else path
    model = llama.from_file(file)
    config = json.loads(file.read_text(encoding="utf-8"))
    form = _form(config.get("quantization_config") or {})
    name = str(config.get("_name_or_path") or "")
    source = name if HUB_ID.fullmatch(name) else None
    if form:
        return Shape(model, source, form, quantized=True)
    stored = str(config.get("torch_dtype") or config.get("dtype") or "bfloat16")
    return Shape(model, source, "float16" if stored == "float16" else "bfloat16")


def _form(config: dict[str, Any]) -> str | None:
    """From Hugging Face's `quantization_config`: 4 bits, 8 bits of integer or of float."""
    if not config:
        return None
    text = json.dumps(config).lower()
    if "fp8" in str(config.get("quant_method", "")).lower() or ('"type": "float"' in text and '"num_bits": 8' in text):
        return "fp8"
    bits = re.search(r'"(?:num_bits|bits|w_bit)": (\d+)', text)
    if config.get("load_in_4bit") or (bits and bits[1] == "4"):
        return "int4"
    if bits and bits[1] == "8":
        return "int8"
    raise ConfigurationError(f"quantization_config {config.get('quant_method')!r} is not known: 4 or 8 bits are")
