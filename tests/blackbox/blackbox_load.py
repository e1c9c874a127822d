"""A server process between a platform and a model, and loads to put on it; what the tests and the benchmark both use."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from blackbox_model import StandInModel
from blackbox_platform import PHONE, SECRET, MetaPlatform, Tally
from blackbox_process import ServerProcess

from assistant.testing.serving import serving

META = "blackbox_connector:StandIn"


class Bench:
    """One platform, one model, and one or more server processes on the same database."""

    def __init__(self, platform: MetaPlatform, model: StandInModel, servers: list[ServerProcess]) -> None:
        self.platform, self.model, self.servers = platform, model, servers

    @property
    def server(self) -> ServerProcess:
        return self.servers[0]

    async def converse(self, conversations: int, messages: int, *, gap: float = 0.0, prefix: str = "c") -> None:
        """Many people write at once, each `messages` one after the other."""
        people = [
            self.platform.says(f"{prefix}{person}", [f"{prefix}{person} m{n}" for n in range(messages)], gap=gap)
            for person in range(conversations)
        ]
        await asyncio.gather(*people)

    async def kill_while(self, load: asyncio.Task[None], times: int, *, every: Callable[[], float]) -> list[float]:
        """kill -9 the server again and again while `load` goes on; seconds until it was ready after each."""
        took = []
        for _ in range(times):
            await asyncio.sleep(every())
            took.append(await self.server.restart())
        await load
        return took

    async def settle(self, *, within: float = 90) -> Tally:
        """Wait for the answers to everything acknowledged, and then until nothing is in work; the tally."""
        await self.platform.settled(within=within)
        await self.idle(within=within)
        return self.platform.tally()

    async def idle(self, *, within: float = 90) -> None:
        """Wait until no turn is queued or running."""
        async with asyncio.timeout(within):
            while True:
                if not (await self.turns("queued", limit=1) or await self.turns("running", limit=1)):
                    return
                await asyncio.sleep(0.2)

    async def turns(self, state: str, *, limit: int = 1000) -> list[dict[str, Any]]:
        """Turns in a state, as operators see them over HTTP."""
        async with httpx2.AsyncClient(base_url=self.server.url, trust_env=False, timeout=30) as client:
            answer = await client.get("/v1/inbox", params={"state": state, "limit": limit})
            found: list[dict[str, Any]] = answer.raise_for_status().json()["turns"]
            return found

    async def resent(self, text: str) -> bool:
        """Whether the inbox says of the answer to `text` that it may have arrived twice."""
        turn = f"{self.platform.name}:{PHONE}:{self.platform.messages[text].id}"
        async with httpx2.AsyncClient(base_url=self.server.url, trust_env=False, timeout=30) as client:
            shown = (await client.get(f"/v1/inbox/{turn}")).raise_for_status().json()
        return any(part["resent"] for part in shown["parts"])


@asynccontextmanager
async def bench(folder: Path, *, processes: int = 1, state_url: str | None = None, policy: str = "resend",
                seed: int = 5, longest: float = 0.05, **sets: object) -> AsyncIterator[Bench]:  # fmt: skip
    """Everything started and ready; the model takes up to `longest` seconds, differently for each message."""
    chance = random.Random(seed)
    model = StandInModel(delay=lambda _: chance.uniform(0, longest))
    platform = MetaPlatform()
    async with serving(model) as model_url, serving(platform) as platform_url:
        connector = {"class": META, "base_url": platform_url, "app_secret": SECRET, "unknown_sends": policy}
        given = {f"connectors__meta__{key}": value for key, value in connector.items()} | dict(sets)
        if state_url:
            given["state__url"] = state_url
        servers = [ServerProcess(folder / f"server{number}", model_url, **given) for number in range(processes)]
        platform.urls = [server.url for server in servers]
        try:
            for server in servers:
                server.start()
                await server.ready()
            yield Bench(platform, model, servers)
        finally:
            for server in servers:
                server.kill()
            await platform.aclose()
