"""`assistant doctor`: what is wrong here, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import typer
from rich.console import Console
from rich.text import Text

from assistant.commands import terminal
from assistant.doctor import Check, examine

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def run(config: Path | None, *, offline: bool, as_json: bool) -> None:
    """Check and print, with `offline` without asking a platform; exit code 1 where a check failed."""
    with terminal.reserved() as out:
        checks = examine(config, offline=offline)
        if as_json:
            terminal.write_json(out, {"checks": [asdict(check) for check in checks]})
        else:
            write(out, checks)
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(1)


def write(out: TextIO, checks: list[Check]) -> None:
    """A line a check, and below it what to do."""
    console = Console(file=out, highlight=False, soft_wrap=True)
    for check in checks:
        console.print(Text(f"{check.state:<5}", STYLES[check.state]) + Text(f"{check.name:<14}{check.detail}"))
        if check.remedy:
            console.print(Text(f"{'':<19}-> {check.remedy}"))
