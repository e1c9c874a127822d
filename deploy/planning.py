"""`assistant-deploy plan`, `diff` and `export`: the commands that ask nothing of AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.commands import terminal
from assistant.errors import ConfigurationError
from deploy import table
from deploy.cli_options import pairs, prices
from deploy.cloudformation import template
from deploy.difference import difference
from deploy.plan import Plan

RENAMED = {"subnet": "subnets", "security_group": "security_groups"}
MAPPINGS = {"tag": "tags", "adapter": "adapters", "engine": "engine", "env": "environment"}
"""Options that are repeated on the command line, and the choice each becomes."""


def plan(given: Mapping[str, Any]) -> None:
    """Make the plan from the options of the command line, write it to `out`, print it."""
    with terminal.reserved() as out:
        made = Plan.make(given["model"], **choices(given))
        if given["out"] is not None:
            _written(made.write, given["out"])
        if given["as_json"]:
            terminal.write_json(out, made.to_dict())
        else:
            table.show(made, out)


def choices(given: Mapping[str, Any]) -> dict[str, Any]:
    """The choices that the options of the command line mean."""
    plain = {key: value for key, value in given.items() if key not in ("model", "out", "as_json", "price")}
    found = {key: value for key, value in plain.items() if key not in RENAMED and key not in MAPPINGS}
    lists = {choice: tuple(plain[option] or ()) for option, choice in RENAMED.items()}
    mappings = {choice: pairs(plain[option], f"--{option}") for option, choice in MAPPINGS.items()}
    return {**found, **lists, **mappings, "prices": prices(given["price"])}


def diff(before: Path, after: Path, *, as_json: bool) -> None:
    """Print what changes from one plan file to the other."""
    with terminal.reserved() as out:
        lines = difference(Plan.from_file(before), Plan.from_file(after))
        if as_json:
            terminal.write_json(out, {"changes": lines})
        else:
            out.write("\n".join(lines or ["no change"]) + "\n")


def export(path: Path, to: Path | None) -> None:
    """Print the CloudFormation template of a plan file, or write it to `to`."""
    with terminal.reserved() as out:
        made = template(Plan.from_file(path))
        if to is None:
            terminal.write_json(out, made)
        else:
            _written(lambda target: target.write_text(json.dumps(made, ensure_ascii=False, indent=2) + "\n"), to)


def _written(write: Any, path: Path) -> None:
    try:
        write(path)
    except OSError as error:
        raise ConfigurationError(f"{str(path)!r} cannot be written: {error.strerror}") from None
