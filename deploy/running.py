"""`assistant-deploy apply`, `status`, `logs`, `invoke` and `destroy`: the commands that ask something of AWS."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import typer

from assistant.commands import terminal
from assistant.errors import ConfigurationError
from deploy import destroy as destroying
from deploy import logs as logging_
from deploy.account import Account
from deploy.apply import apply as apply_plan
from deploy.live import Live
from deploy.plan import Plan
from deploy.status import Status
from deploy.status import status as read_status
from deploy.waiting import Patience


def tell(line: str) -> None:
    """Progress goes to stderr."""
    terminal.log.print(line, markup=False)


def apply(path: Path, *, profile: str | None, keep_failed: bool, check: bool, poll: float, as_json: bool) -> None:
    """Make the plan file real, and print what that took."""
    with terminal.reserved() as out:
        plan = Plan.from_file(path)
        account = Account(plan.region, profile=profile)
        done = apply_plan(plan, account, keep_failed=keep_failed, check=check, tell=tell, patience=Patience(poll=poll))
        if as_json:
            terminal.write_json(out, done.to_dict())
        elif done.changes:
            out.write(f"endpoint {done.name} in {done.region} is in service\n")
        else:
            out.write(f"endpoint {done.name} in {done.region} stands as planned: nothing to do\n")


def status(target: str | None, *, region: str, profile: str | None, as_json: bool) -> None:
    """Print how one endpoint is, or what there is of ours in the region."""
    name, region = place(target, region)
    with terminal.reserved() as out:
        account = Account(region, profile=profile)
        if name is None:
            _survey(account, out, as_json=as_json)
            return
        found = read_status(account, name)
        if found is None:
            raise ConfigurationError(
                f"there is no endpoint {name!r} in {region}: `assistant-deploy status` lists what there is"
            )
        if as_json:
            terminal.write_json(out, found.to_dict())
        else:
            out.writelines(f"{line}\n" for line in _described(found))


def logs(target: str, *, region: str, profile: str | None, lines: int, follow: bool, as_json: bool) -> None:
    """Print what the containers of an endpoint wrote."""
    name, region = _one(target, region)
    with terminal.reserved() as out:
        account = Account(region, profile=profile)
        components = _components(account, name)
        if follow:
            with contextlib.suppress(KeyboardInterrupt):
                for line in logging_.follow(account, name, components=components, lines=lines):
                    _write(out, line, as_json=as_json)
            return
        found = logging_.tail(account, name, components=components, lines=lines)
        if as_json:
            terminal.write_json(out, {"lines": [line.to_dict() for line in found]})
            return
        for line in found:
            _write(out, line, as_json=False)
        if not found:
            tell(f"endpoint {name} has written no log: its container has not started, or the role may not write logs")


def invoke(
    target: str,
    question: str,
    *,
    region: str,
    profile: str | None,
    as_json: bool,
    given: Mapping[str, Any],
) -> None:
    """Ask the model on an endpoint, and print its answer as it comes; `given`: `system`, `max_tokens`, `component`."""
    from deploy.chat import ChatSageMaker

    name, region = _one(target, region)
    messages = [*([("system", given["system"])] if given["system"] else []), ("human", question)]
    model = ChatSageMaker(
        endpoint=name,
        component=given["component"] or _component_of(target),
        region=region,
        aws_profile=profile,
        max_tokens=given["max_tokens"],
    )
    with terminal.reserved() as out, model:
        text, usage = "", None
        for chunk in model.stream(messages):
            piece = str(chunk.text)
            text, usage = text + piece, chunk.usage_metadata or usage
            if not as_json:
                out.write(piece)
                out.flush()
        if as_json:
            terminal.write_json(out, {"text": text, "usage": usage})
        else:
            out.write("\n")


def destroy(
    target: str | None, *, orphans: bool, region: str, profile: str | None, yes: bool, poll: float, as_json: bool
) -> None:
    """Remove an endpoint and all of it, or what earlier ones left over."""
    if (target is None) != orphans:
        raise typer.BadParameter("give the name of an endpoint, or --orphans")
    name, region = place(target, region)
    with terminal.reserved() as out:
        account = Account(region, profile=profile)
        patience = Patience(poll=poll)
        removed = _orphans(account, patience, yes=yes) if name is None else _destroy(account, name, patience, yes=yes)
        if as_json:
            terminal.write_json(out, {"removed": removed})
        else:
            out.write(f"removed {len(removed)}: {', '.join(removed)}\n" if removed else "nothing to remove\n")


def place(target: str | None, region: str) -> tuple[str | None, str]:
    """Name and region of an endpoint that is given by its name or by its plan file."""
    if target and target.endswith(".json"):
        plan = Plan.from_file(target)
        return plan.name, plan.region
    return target, region


def _one(target: str, region: str) -> tuple[str, str]:
    name, region = place(target, region)
    return str(name), region


def _component_of(target: str) -> str | None:
    return Plan.from_file(target).options.get("component") if target.endswith(".json") else None


def _components(account: Account, name: str) -> tuple[str, ...]:
    live = Live.read(account, name)
    return tuple(live.components) if live is not None else ()


def _write(out: TextIO, line: Any, *, as_json: bool) -> None:
    import json

    out.write(json.dumps(line.to_dict(), ensure_ascii=False) + "\n" if as_json else f"{line}\n")
    out.flush()


def _destroy(account: Account, name: str, patience: Patience, *, yes: bool) -> list[str]:
    _confirm(f"Remove endpoint {name} in {account.region} and all that belongs to it?", yes=yes)
    return destroying.destroy(account, name, tell=tell, patience=patience)


def _orphans(account: Account, patience: Patience, *, yes: bool) -> list[str]:
    found = destroying.survey(account)
    for running in found.running:
        tell(f"keeps running: {running}")
    for orphan in found.orphans:
        tell(f"orphan: {orphan}")
    if not found.orphans:
        return []
    _confirm(f"Remove these {len(found.orphans)} orphans in {account.region}?", yes=yes)
    return destroying.remove_orphans(account, found.orphans, tell=tell, patience=patience)


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: give --yes")
    typer.confirm(question, abort=True, err=True)


def _survey(account: Account, out: TextIO, *, as_json: bool) -> None:
    found = destroying.survey(account)
    if as_json:
        terminal.write_json(out, found.to_dict())
        return
    out.writelines(f"{line}\n" for line in found.running)
    out.writelines(f"orphan: {line}\n" for line in found.orphans)
    if not (found.running or found.orphans):
        out.write(f"nothing of ours in {account.region}\n")


def _described(found: Status) -> Iterator[str]:
    asleep = found.status == "InService" and found.scaling is not None and found.scaling[0] == 0
    serving = "answers" if found.serving else "scaled to zero" if asleep else "does not answer"
    yield f"endpoint {found.name} in {found.region}: {found.status} since {found.since:%Y-%m-%d %H:%M}, {serving}"
    yield f"  config {found.config}, model {found.model or 'none'}, plan {found.plan[:8] or 'unknown'}"
    for one in found.instances:
        yield f"  instances of {one.variant}: {one.current} of {one.desired} x {one.type}"
    for part in found.components:
        yield f"  component {part.name}: {part.status}, {part.current} of {part.desired} copies"
    if found.scaling:
        yield f"  scales from {found.scaling[0]} to {found.scaling[1]}"
    for name, state in found.alarms.items():
        yield f"  alarm {name}: {state}"
    if found.reason:
        yield f"  reason: {found.reason}"
    if found.cause:
        yield f"  cause: {found.cause}"
