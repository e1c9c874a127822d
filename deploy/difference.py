"""What changes between two plans, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.plan import Plan

LEFT_OUT = ("digest", "options", "reasons", "warnings", "calls")
"""Follows from the rest, or is compared in its own way."""


def difference(before: Plan, after: Plan) -> list[str]:
    """Lines such as `instance_type: 'ml.g5.2xlarge' -> 'ml.g6e.2xlarge'`; empty where both are the same endpoint.

    Names and tags that only carry the digest are the same.
    """
    if before.digest == after.digest:
        return _updates(before, after)
    plain = [{key: value for key, value in one.to_dict().items() if key not in LEFT_OUT} for one in (before, after)]
    lines = list(_between(plain[0], plain[1], ""))
    old, new = (_calls(one) for one in (before, after))
    changed = [line for line in _between(old, new, "") if not _repeated(line)]
    return lines + changed + _updates(before, after)


def _updates(before: Plan, after: Plan) -> list[str]:
    """How an update goes is part of no call that creates something."""
    return list(_between(before.options["deployment"], after.options["deployment"], "deployment"))


def _calls(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for call in plan.calls:
        key, number = call.operation, 2
        while key in found:
            key, number = f"{call.operation} {number}", number + 1
        found[key] = _unnamed(call.parameters, plan)
    return found


def _unnamed(value: Any, plan: Plan) -> Any:
    if isinstance(value, Mapping):
        return {key: _unnamed(inner, plan) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unnamed(inner, plan) for inner in value]
    if isinstance(value, str):
        return value.replace(plan.digest, "…").replace(f"{plan.name}-{plan.digest[:8]}", f"{plan.name}-…")
    return value


def _between(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _entry(old, new, key, f"{path}.{key}" if path else str(key))
    elif _is_list(old) and _is_list(new) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _between(one, other, f"{path}[{number}]")
    elif old != new:
        yield f"{path}: {old!r} -> {new!r}"


def _entry(old: Mapping[str, Any], new: Mapping[str, Any], key: str, path: str) -> Iterator[str]:
    if key not in new:
        yield f"{path}: removed"
    elif key not in old:
        yield f"{path}: added"
    else:
        yield from _between(old[key], new[key], path)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _repeated(line: str) -> bool:
    """The container's environment and image stand at the top of a plan too."""
    return line.startswith(("create_model.PrimaryContainer.Environment.", "create_model.PrimaryContainer.Image:"))
