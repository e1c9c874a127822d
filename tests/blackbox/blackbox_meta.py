"""The real server with the four surfaces of Meta, between the strict fake Graph server and a model."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from accounts import (
    APP_ID,
    APP_SECRET,
    INSTAGRAM_ID,
    INSTAGRAM_TOKEN,
    PAGE_ID,
    PAGE_TOKEN,
    PHONE_NUMBER_ID,
    VERIFY_TOKEN,
    WHATSAPP_TOKEN,
)
from blackbox_model import StandInModel
from blackbox_process import ServerProcess
from graph_server import GraphServer
from graph_world import Person

from assistant.testing.serving import serving

SECRETS = (APP_SECRET, VERIFY_TOKEN, WHATSAPP_TOKEN, PAGE_TOKEN, INSTAGRAM_TOKEN)
"""What no line of a log may hold."""

POST = f"{PAGE_ID}_77"
"""The post that is commented on."""

PAIR = (1, 6.0)
"""WhatsApp's messages and seconds to one person."""

DISCLOSURE = "A machine answers here."
"""What the first answer of each conversation begins with, on WhatsApp apart."""

SURFACES = ("whatsapp", "messenger", "instagram", "facebook")


def sections(url: str, policy: str) -> dict[str, dict[str, object]]:
    """The configuration of each connector."""
    shared: dict[str, object] = {
        "app_secret": APP_SECRET,
        "verify_token": VERIFY_TOKEN,
        "unknown_sends": policy,
        "graph_base_url": url,
    }
    return {
        "whatsapp": shared | {"class": "connectors.whatsapp:WhatsApp", "access_token": WHATSAPP_TOKEN,
                              "phone_number_id": PHONE_NUMBER_ID},
        "messenger": shared | {"class": "connectors.messenger:Messenger", "page_access_token": PAGE_TOKEN,
                               "page_id": PAGE_ID, "app_id": APP_ID, "disclosure": DISCLOSURE},
        "instagram": shared | {"class": "connectors.instagram:Instagram", "access_token": INSTAGRAM_TOKEN,
                               "account_id": INSTAGRAM_ID, "app_id": APP_ID, "disclosure": DISCLOSURE,
                               "graph_base_url": f"{url}/instagram"},
        "facebook": shared | {"class": "connectors.facebook:Facebook", "page_access_token": PAGE_TOKEN,
                              "page_id": PAGE_ID, "replies": '["public"]', "disclosure": DISCLOSURE},
    }  # fmt: skip


@dataclass(slots=True)
class Talk:
    """One conversation: what was written, and what was answered, in order."""

    name: str
    surface: str
    person: Person
    wrote: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of everything that people wrote."""

    written: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    out_of_order: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Lost, doubled, out of order."""
        return len(self.lost), len(self.doubled), len(self.out_of_order)


class MetaBench:
    """People on the surfaces, and the process that answers them."""

    def __init__(self, graph: GraphServer, server: ServerProcess, talks: list[Talk]) -> None:
        self.graph, self.server, self.talks = graph, server, talks

    async def converse(self, messages: int, *, gap: float) -> None:
        """Everybody writes so many messages, one after the other, while the others do."""
        for number in range(messages):
            for talk in self.talks:
                self._writes(talk, f"{talk.name} m{number}")
            await asyncio.sleep(gap)

    def answers(self, talk: Talk) -> list[str]:
        """The answers that a person has seen, in order, without what is said before the first."""
        return [text.removeprefix(f"{DISCLOSURE}\n\n") for text in self.seen(talk)]

    def undisclosed(self) -> list[str]:
        """Conversations that do not begin with the disclosure, or have it again."""
        told = {
            talk.name: [text.startswith(DISCLOSURE) for text in self.seen(talk)]
            for talk in self.talks
            if talk.surface != "whatsapp"
        }
        return [name for name, each in told.items() if not each or not each[0] or sum(each) > 1]

    def seen(self, talk: Talk) -> list[str]:
        """What a person has seen, in order."""
        if talk.surface != "facebook":
            return [shown.text for shown in talk.person.seen]
        own = {each.id for each in self.graph.comments.values() if each.author in talk.person.ids}
        return [each.text for each in self.graph.comments.values() if each.parent in own and each.author == PAGE_ID]

    def tally(self) -> Tally:
        """Count; of an answer that came twice the first counts for the order."""
        lost, doubled, disordered = [], [], []
        for talk in self.talks:
            seen, wanted = self.answers(talk), [f"re: {text}" for text in talk.wrote]
            lost += [text for text in wanted if text not in seen]
            doubled += [text for text, count in Counter(seen).items() if count > 1 or text not in wanted]
            firsts = [text for text in dict.fromkeys(seen) if text in wanted]
            disordered += firsts if firsts != [text for text in wanted if text in firsts] else []
        written = sum(len(talk.wrote) for talk in self.talks)
        return Tally(written, tuple(lost), tuple(doubled), tuple(disordered))

    async def settle(self, *, within: float) -> Tally:
        """Wait until everything was told, and no turn is queued or running; the tally."""
        async with asyncio.timeout(within):
            await self.graph.webhooks.idle()
            while True:
                if not (await self.turns("queued", limit=1) or await self.turns("running", limit=1)):
                    break
                await asyncio.sleep(0.2)
            await self.graph.webhooks.idle()
        return self.tally()

    async def turns(self, state: str, *, limit: int = 1000) -> list[dict[str, Any]]:
        """Turns in a state, as operators see them over HTTP."""
        async with httpx2.AsyncClient(base_url=self.server.url, trust_env=False, timeout=30) as client:
            answer = await client.get("/v1/inbox", params={"state": state, "limit": limit})
            found: list[dict[str, Any]] = answer.raise_for_status().json()["turns"]
            return found

    async def kill(self, times: int, *, every: Callable[[], float]) -> None:
        """kill -9 the server again and again, and start it."""
        for _ in range(times):
            await asyncio.sleep(every())
            await self.server.restart()

    def _writes(self, talk: Talk, text: str) -> None:
        talk.wrote.append(text)
        if talk.surface == "facebook":
            self.graph.comments_on(POST, text, author=talk.person.ids[0])
        else:
            self.graph.says(talk.person, text)


@asynccontextmanager
async def meta_bench(folder: Path, *, people: int, policy: str = "park", seed: int = 3,
                     surfaces: tuple[str, ...] = SURFACES) -> AsyncIterator[MetaBench]:  # fmt: skip
    """Everything started and ready, with so many people on each surface."""
    chance = random.Random(seed)
    graph, model = GraphServer(), StandInModel(delay=lambda _: chance.uniform(0, 0.05))
    graph.faults.pair = {"whatsapp": PAIR}
    async with serving(model) as model_url, serving(graph) as graph.url:
        given = {
            f"connectors__{name}__{key}": value
            for name, section in sections(graph.url, policy).items()
            if name in surfaces
            for key, value in section.items()
        }
        server = ServerProcess(folder, model_url, **given)
        graph.webhooks.listen(f"{server.url}/webhooks/{surfaces[0]}")
        talks = [
            Talk(f"{name} p{number}", name, _person(graph, name, number))
            for number in range(people)
            for name in surfaces
        ]
        server.start()
        try:
            await server.ready()
            yield MetaBench(graph, server, talks)
        finally:
            server.kill()


def _person(graph: GraphServer, surface: str, number: int) -> Person:
    """On WhatsApp every third has a number only, every third an id only, the others both."""
    if surface == "whatsapp":
        phone, user_id = f"1555100{number:04d}", f"US.{number:04d}abc"
        return graph.person("whatsapp", *((phone,), (user_id,), (user_id, phone))[number % 3])
    if surface == "instagram":
        return graph.person("instagram", f"3000000000{number:05d}")
    return graph.person("messenger", f"20000000{'1' if surface == 'facebook' else '0'}0{number:05d}")
