"""Turn a GGUF file into a Hugging Face folder that vLLM loads; runs as a process of its own: `python unpack_gguf.py GGUF OUT DTYPE`.

vLLM reads GGUF only on a GPU, so the weights are dequantised once. A process of its own gives the memory and
the imports of torch back; it imports nothing of this package, so that it starts from any working directory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def unpack(source: Path, out: Path, dtype: str) -> None:
    """Write `source`'s weights in `dtype`, its tokenizer and its chat template to the folder `out`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.quantization_config import GgufConfig

    folder, name = str(source.parent), source.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    model = model.to(getattr(torch, dtype))
    if hasattr(model.config, "quantization_config"):  # the weights written are no longer quantised
        del model.config.quantization_config
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    _name_stop_token(out, tokenizer.eos_token_id)


def _name_stop_token(out: Path, eos_token_id: int) -> None:
    """A GGUF names its stop token only in the tokenizer; vLLM reads it from the generation config."""
    path = out / "generation_config.json"
    config = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**config, "eos_token_id": eos_token_id}, indent=2))


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
