"""Everything of an endpoint removed, and what earlier ones left behind found by its tag."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assistant.errors import Rejected
from deploy import tidying
from deploy.account import Account, Refused
from deploy.live import MOVING, Live
from deploy.quota import running
from deploy.tidying import Belonging
from deploy.waiting import Patience, Tell, Watch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """An endpoint of ours that has instances: how many of which type, since when, and what that is in instance hours."""

    name: str
    status: str
    instances: Mapping[str, int]
    since: datetime

    @property
    def count(self) -> int:
        """Instances of all types."""
        return sum(self.instances.values())

    @property
    def hours(self) -> float:
        """Instance hours since it was created, had it always had as many."""
        return self.count * (datetime.now(UTC) - self.since).total_seconds() / 3600

    def __str__(self) -> str:
        types = ", ".join(f"{count} x {kind}" for kind, count in self.instances.items()) or "no instance"
        return (
            f"endpoint {self.name}: {self.status}, {types}, since {self.since:%Y-%m-%d %H:%M}; "
            f"{self.count * 24} instance hours a day, about {self.hours:.0f} so far"
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "endpoint": self.name,
            "status": self.status,
            "instances": dict(self.instances),
            "since": self.since.isoformat(),
            "instance_hours_a_day": self.count * 24,
            "instance_hours_so_far": round(self.hours, 1),
        }


@dataclass(frozen=True, slots=True)
class Orphan:
    """Something with our tag that nothing needs, and why; `hours_a_day` of instances that it keeps running."""

    belonging: Belonging
    why: str
    hours_a_day: int = 0

    def __str__(self) -> str:
        cost = f"{self.hours_a_day} instance hours a day" if self.hours_a_day else "no instance hours"
        return f"{self.belonging}: {self.why}; {cost}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        one = self.belonging
        named = {"kind": one.kind, "name": one.name, "endpoint": one.endpoint}
        return {**named, "why": self.why, "instance_hours_a_day": self.hours_a_day}


@dataclass(frozen=True, slots=True)
class Survey:
    """What runs in a region with our tag, and what is left over."""

    running: tuple[Running, ...]
    orphans: tuple[Orphan, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `assistant-deploy status --json` without a name."""
        return {"running": [one.to_dict() for one in self.running], "orphans": [one.to_dict() for one in self.orphans]}


def destroy(account: Account, name: str, *, tell: Tell = log.info, patience: Patience = Patience()) -> list[str]:
    """Remove the endpoint `name` and all that belongs to it, in the order AWS asks for; what that was, a line each.

    Its logs stay. Nothing is removed that has not our tag.

    Raises:
        Rejected: the endpoint was not made by a plan.
        AssistantError: AWS refuses, or cannot be asked.
    """
    live, watch = Live.read(account, name), Watch(account, name, tell=tell, patience=patience)
    if live is not None and not live.ours:
        raise Rejected(f"endpoint {name!r} in {account.region} was not made by a plan: delete it where it was made")
    every = list(tidying.belongings(account, endpoint=name))
    removed: list[str] = []
    if live is not None or every:  # a scalable target has no tag: without anything of ours it is somebody else's
        removed += [f"scalable target {one}" for one in tidying.unscale(account, name)]
    removed += _remove([one for one in every if one.kind == "alarm"], account, tell)
    if live is not None:
        removed += tidying.delete_components(account, live.components, watch)
        removed += _delete_endpoint(account, name, watch)
    return removed + _remove([one for one in every if one.kind in ("endpoint config", "model")], account, tell)


def _delete_endpoint(account: Account, name: str, watch: Watch) -> list[str]:
    """An endpoint that is being created or updated cannot be deleted: that is waited for."""
    found: Mapping[str, Any] | None = account.find("sagemaker", "describe_endpoint", EndpointName=name)
    if found is not None and found["EndpointStatus"] in MOVING:
        found = watch.endpoint()
    if found is not None:
        account.call("sagemaker", "delete_endpoint", EndpointName=name)
        watch.endpoint()
    return [f"endpoint {name}"]


def _remove(every: list[Belonging], account: Account, tell: Tell) -> list[str]:
    for one in every:
        try:
            account.call(one.removal.service, one.removal.operation, **one.removal.parameters)
        except Refused as error:
            if not error.missing:
                raise
        tell(f"removed {one}")
    return [str(one) for one in every]


def survey(account: Account) -> Survey:
    """Everything of ours in the region; raises what `Account.call` raises."""
    every = list(tidying.belongings(account))
    owners = dict.fromkeys(one.endpoint for one in every)
    lives = {name: Live.read(account, name) for name in owners}
    found: list[Running] = []
    for one in every:
        live = lives[one.endpoint]
        if one.kind == "endpoint" and live is not None and live.status != "Failed":
            types = {kind: sum(by.values()) for kind, by in running(account, one.name).items() if kind}
            found.append(Running(one.name, live.status, types, one.created or datetime.now(UTC)))
    hours = {one.name: one.count * 24 for one in found}
    return Survey(tuple(found), tuple(_orphans(every, lives, hours)))


def _orphans(every: list[Belonging], lives: Mapping[str, Live | None], hours: Mapping[str, int]) -> Iterator[Orphan]:
    for one in every:
        live = lives[one.endpoint]
        if one.kind == "endpoint":
            if live is not None and live.status == "Failed":
                yield Orphan(one, "it failed and answers nothing")
            elif live is not None and _empty(live):
                yield Orphan(one, "no inference component is left on its instances", hours[one.name])
        elif live is None:
            yield Orphan(one, f"its endpoint {one.endpoint} is gone")
        elif (
            one.kind != "alarm"
            and not _empty(live)
            and (one.kind, one.name) not in tidying.used(live)
            and live.status not in MOVING
        ):
            yield Orphan(one, f"endpoint {one.endpoint} runs another version")


def _empty(live: Live) -> bool:
    variants = live.config.get("ProductionVariants", ())
    return bool(variants) and live.status == "InService" and not live.components and "ModelName" not in variants[0]


def remove_orphans(
    account: Account, orphans: tuple[Orphan, ...], *, tell: Tell = log.info, patience: Patience = Patience()
) -> list[str]:
    """Remove what `survey` found to be left over, endpoints first; what that was, a line each."""
    removed: list[str] = []
    for one in sorted(orphans, key=lambda found: found.belonging.kind != "endpoint"):
        belonging = one.belonging
        if belonging.kind == "endpoint":
            removed += destroy(account, belonging.name, tell=tell, patience=patience)
        elif str(belonging) not in removed:
            removed += _remove([belonging], account, tell)
    return removed
