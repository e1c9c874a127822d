"""The durable inbox: acknowledgements, throughput, takeover, idle cost, and what a bot without it loses.

ack        webhooks at an even pace while the model takes 2 s, against a bare Starlette endpoint in the same round
flood      acknowledgements a second, 32 senders at once
throughput messages a second from webhook to answer, with a model in the process that does nothing
takeover   two processes on PostgreSQL, one killed: until its turns are answered by the other
idle       CPU share of a server that has nothing to do
kills      the same people and kills on the fake Telegram: python-telegram-bot's own dispatcher, and ours

Rounds are interleaved in changing order; figures are medians with their range, ratios are taken within a round.
Run: python -m benchmarks.inbox [--rounds 3] [--small] [--acceptance] [--out benchmarks/results]
`--acceptance` runs the issue's full scenarios in their place: 200 conversations x 20 messages, and 20 kill -9 in 10,000
messages, on SQLite and on PostgreSQL, for each policy; it takes the better part of an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks._blackbox import Postgres, bench, binaries, running
from benchmarks._inbox_kills import killed
from benchmarks._inbox_material import Spread, bare, flood, processor_seconds, quantile, trickle


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of each; `small` is a smoke check whose figures mean nothing."""

    acks: int = 750
    pace: float = 25.0
    flood: int = 3000
    conversations: int = 200
    messages: int = 10
    idle_seconds: float = 30.0
    people: int = 40
    kills: int = 4

    @classmethod
    def small(cls) -> Sizes:
        return cls(acks=25, flood=100, conversations=10, messages=3, idle_seconds=2.0, people=8, kills=1)


class Rounds:
    """Runs every part once a round, and keeps what each measured."""

    def __init__(self, sizes: Sizes, folder: Path, postgres: Postgres | None) -> None:
        self.sizes, self._folder, self._postgres = sizes, folder, postgres
        self.figures: dict[str, list[float]] = defaultdict(list)
        self.kills: list[dict[str, Any]] = []
        self._number = 0

    def stores(self) -> list[str]:
        """What the inbox can be kept in here."""
        return ["sqlite", *(["postgres"] if self._postgres else [])]

    async def run(self, rounds: int) -> None:
        """All rounds; in every other one the order is turned around."""
        for number in range(rounds):
            stores = self.stores()[:: 1 if number % 2 == 0 else -1]
            await self.acknowledge(stores)
            for store in stores:
                await self.through(store)
            if self._postgres:
                await self.take_over()
            for kind in ("memory", "ours")[:: 1 if number % 2 == 0 else -1]:
                sizes = self.sizes
                self.kills.append(await killed(kind, people=sizes.people, messages=5, kills=sizes.kills, seed=number))

    def opened(self, store: str, **more: Any) -> Any:
        """A bench on a new database of that kind."""
        self._number += 1
        url = self._postgres.database(f"bench{self._number}") if store == "postgres" and self._postgres else None
        return bench(self._folder / f"run{self._number}", state_url=url, seed=self._number, **more)

    async def acknowledge(self, stores: list[str]) -> None:
        """The same trickle on the bare endpoint and on each store, one directly after the other."""
        for store in stores:
            async with bare() as url, self.opened(store, longest=0.0) as world:
                world.model.delay = lambda _: 2.0
                await trickle(world.platform, world.server.url, count=10, per_second=20, prefix="warm")
                await world.settle()
                took = {}
                for kind, where in (("bare", url), (store, world.server.url)):
                    took[kind] = await trickle(
                        world.platform, where, count=self.sizes.acks, per_second=self.sizes.pace, prefix=f"{kind}-"
                    )
                for part in (0.5, 0.99):
                    name = f"ack p{part * 100:g}"
                    least, ours = quantile(took["bare"], part), quantile(took[store], part)
                    self.figures[f"{name} bare beside {store}, ms"].append(least)
                    self.figures[f"{name} {store}, ms"].append(ours)
                    self.figures[f"{name} {store} / bare"].append(ours / least)

    async def through(self, store: str) -> None:
        """A flood, messages from end to end, and idling, on one server."""
        async with self.opened(store, engine__kind="blackbox_noop:Noop") as world:
            await world.converse(5, 2, prefix="warm")
            await world.settle()
            begun, sizes = time.monotonic(), self.sizes
            await world.converse(sizes.conversations, sizes.messages)
            await world.platform.settled(within=600)
            spent, tally = max(world.platform.arrived_at) - begun, world.platform.tally()
            self.figures[f"end to end {store}, messages/s"].append(sizes.conversations * sizes.messages / spent)
            self.figures[f"end to end {store}, lost + doubled + out of order"].append(sum(tally.counts))
            used = processor_seconds(world.server.pid)
            await asyncio.sleep(sizes.idle_seconds)
            share = (processor_seconds(world.server.pid) - used) / sizes.idle_seconds
            self.figures[f"idle {store}, % of a core"].append(share * 100)
            rate = await flood(world.platform, count=sizes.flood, producers=32, prefix="flood")
            self.figures[f"flood {store}, acknowledgements/s"].append(rate)

    async def take_over(self) -> None:
        """Kill one of two processes while turns run in both; the model's own time is not counted."""
        async with self.opened("postgres", processes=2, longest=0.0) as world:
            await world.converse(20, 3, prefix="warm")  # both have answered, and know the language by then
            await world.settle()
            world.model.delay = lambda _: 1.0
            await world.converse(20, 1, prefix="take")
            world.servers.pop(0).kill()
            world.platform.urls.pop(0)
            died = time.monotonic()
            world.model.delay = lambda _: 0.0
            await world.platform.settled()
            self.figures["takeover, s until every turn of a killed process is answered"].append(
                max(world.platform.arrived_at) - died
            )


async def accept(folder: Path, postgres: Postgres | None, *, small: bool) -> list[dict[str, Any]]:
    """The full scenarios, as rows: what was acknowledged, lost, doubled, doubled and not marked, out of order, parked."""
    conversations, messages, kills = (20, 5, 2) if small else (500, 20, 20)
    rows: list[dict[str, Any]] = []
    for store in ["sqlite", *(["postgres"] if postgres else [])]:
        for policy in ("resend", "park"):
            for killing in (0, kills):
                url = postgres.database(f"accept{len(rows)}") if postgres and store == "postgres" else None
                where = folder / f"accept{len(rows)}"
                size = (conversations, messages) if killing or small else (200, 20)
                rows.append(await _scenario(where, store, policy, size, killing, url))
                print(json.dumps(rows[-1]), flush=True)
    return rows


async def _scenario(
    folder: Path, store: str, policy: str, size: tuple[int, int], kills: int, url: str | None
) -> dict[str, Any]:
    chance = random.Random(kills)
    async with bench(folder, policy=policy, state_url=url, longest=0.1) as world:
        world.platform.latency = 0.01
        begun = time.perf_counter()
        load = asyncio.create_task(world.converse(*size, gap=2.0 if kills else 0.0))
        restarts = await world.kill_while(load, kills, every=lambda: chance.uniform(1, 4))
        if policy == "resend":
            await world.platform.settled(within=900)
        await world.idle(within=900)
        tally = world.platform.tally()
        parked = {turn["text"] for turn in await world.turns("parked")}
        unmarked = [text for text in set(tally.doubled) if not await world.resent(text)]
    return {
        "store": store, "policy": policy, "messages": size[0] * size[1], "kills": kills,
        "acknowledged": tally.acknowledged, "lost": len(set(tally.lost) - parked), "doubled": len(tally.doubled),
        "doubled and not marked": len(unmarked), "out of order": len(tally.out_of_order), "parked": len(parked),
        "slowest restart, s": round(max(restarts, default=0.0), 1), "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Rows with the same keys as a Markdown table."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*lines, *(f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows)])


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="a smoke check; its figures mean nothing")
    parser.add_argument("--acceptance", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        installed = binaries()
        postgres = stack.enter_context(running(installed, fsync=True)) if installed else None
        if options.acceptance:
            rows = asyncio.run(accept(folder, postgres, small=options.small))
            name, text = "inbox_acceptance", table(rows)
            results: dict[str, Any] = {"rows": rows}
        else:
            rounds = Rounds(Sizes.small() if options.small else Sizes(), folder, postgres)
            asyncio.run(rounds.run(options.rounds))
            spreads = {name: Spread.of(values) for name, values in rounds.figures.items()}
            measured = [{"figure": name, "median (range)": str(spread)} for name, spread in spreads.items()]
            name, results = "inbox", {"figures": {k: asdict(v) for k, v in spreads.items()}, "kills": rounds.kills}
            text = f"{table(measured)}\n\n{table(rounds.kills)}"
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{name}.md").write_text(f"{text}\n")
    (options.out / f"{name}.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
