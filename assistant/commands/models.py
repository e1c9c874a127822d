"""`assistant models`: the Llama family, and what of it fits here."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.table import Table

from assistant import hardware, llama
from assistant.commands import terminal
from assistant.llms.sizes import GIB, RESERVE

COLUMNS = ("model", "family", "parameters", "layers", "heads/kv", "context", "KV/token", "weights", "format", "licence")


def run(*, as_json: bool) -> None:
    """Print the table, for a person with what fits this machine."""
    memory = hardware.memory()
    with terminal.reserved() as out:
        if as_json:
            terminal.write_json(out, {"models": [_entry(model, memory) for model in llama.models()]})
        else:
            _print(out, memory)


def _entry(model: llama.Model, memory: hardware.Memory) -> dict[str, object]:
    fit = llama.fit(model, memory.usable, dtype=memory.dtype)
    here = {
        "fits": fit.fits,
        "context": fit.context if fit.fits else 0,
        "dtype": memory.dtype,
        "memory_bytes": memory.usable,
    }
    return {**model.to_dict(), "here": here}


def _print(out: TextIO, memory: hardware.Memory) -> None:
    table = Table(*COLUMNS, f"fits here in {memory.dtype}", box=None, pad_edge=False, header_style="bold")
    for model in llama.models():
        table.add_row(*_row(model, memory))
    console = Console(file=out, highlight=False)
    if not console.is_terminal:  # a pipe has no width: wrapped cells would break every `grep`
        console.width = 240
    console.print(table)
    gib = memory.usable / GIB
    out.write(f"\n{memory.name}: {gib:.1f} GiB usable, of which {RESERVE / GIB:.1f} GiB are kept for the rest\n")
    out.write("KV/token and weights at 16 bits. Licences ask for more than is shown: see --json.\n")


def _row(model: llama.Model, memory: hardware.Memory) -> list[str]:
    fit = llama.fit(model, memory.usable, dtype=memory.dtype)
    return [
        model.name,
        model.family,
        f"{model.parameters / 1e9:.3g}B" if model.parameters >= 1e9 else f"{model.parameters / 1e6:.0f}M",
        str(model.layers),
        f"{model.heads}/{model.kv_heads}",
        f"{model.context:,}",
        f"{model.kv_bytes_per_token() / 1024:.4g} KiB",
        f"{model.weights_bytes() / GIB:.1f} GiB",
        model.prompt_format,
        model.licence,
        f"yes, {fit.context:,} tokens" if fit.fits else "no",
    ]
