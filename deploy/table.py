"""A plan for a person: what, on what, why, and which calls."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.plan import Plan

PIPE_WIDTH = 200


def show(plan: Plan, out: TextIO) -> None:
    """Write the plan to `out`; a pipe gets wide lines, so that nothing is cut."""
    console = Console(file=out, highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(_figures(plan))
    _list(console, "Why", plan.reasons)
    _list(console, "Take care", plan.warnings)
    console.print(_calls(plan))


def _figures(plan: Plan) -> Table:
    sizes = plan.memory.to_dict()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    rows = {
        "endpoint": f"{plan.name} in {plan.region}",
        "model": f"{plan.model} in {plan.dtype}",
        "instances": f"{plan.instance_count} x {plan.instance_type}, tensor parallel {plan.tensor_parallel}",
        "context": f"{plan.max_model_len:,} tokens, {_contexts(plan.max_concurrency)} at once on each instance",
        "memory": (
            f"{sizes['weights_gib']} GiB weights + {sizes['kv_gib']} GiB KV cache + {sizes['reserve_gib']} GiB reserve "
            f"of {sizes['available_gib']} GiB"
        ),
        "image": plan.image,
        "driver": plan.ami,
        "role": plan.options["role"],
        "weights": plan.options["source"],
    }
    if plan.options["cost_per_hour"] is not None:
        rows["price"] = f"{plan.options['cost_per_hour']:g} an hour, as given"
    for name, value in rows.items():
        table.add_row(name, Text(value))
    for name, value in plan.environment.items():
        table.add_row("environment" if name == next(iter(plan.environment)) else "", Text(f"{name}={value}"))
    return table


def _list(console: Console, title: str, lines: tuple[str, ...]) -> None:
    if lines:
        console.print(Text(f"\n{title}", style="bold"))
    for line in lines:
        console.print(Text(f"  - {line}"), soft_wrap=False)


def _calls(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for title in ("\ncall", "\nwhat"):
        table.add_column(title)
    for call in plan.calls:
        name = next(str(value) for key, value in call.parameters.items() if key.endswith(("Name", "ResourceId")))
        table.add_row(f"{call.service}.{call.operation}", Text(name))
    return table


def _contexts(count: int) -> str:
    return f"{count} full context{'' if count == 1 else 's'}"
