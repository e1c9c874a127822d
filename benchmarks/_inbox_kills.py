"""The same people, the same kills, on the same fake Telegram: a bot with its updates in memory beside the durable inbox."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from assistant.testing.serving import serving
from assistant.testing.telegram_api import TelegramApi
from benchmarks._blackbox import ServerProcess, StandInModel

ROOT = Path(__file__).parents[1]


class MemoryBot:
    """`_inbox_memory_bot` as a process."""

    def __init__(self, api: TelegramApi, url: str, model_url: str) -> None:
        self._command = [sys.executable, "-m", "benchmarks._inbox_memory_bot", api.token, url, model_url]
        self._api = api
        self._process: subprocess.Popen[bytes] | None = None

    async def restart(self) -> None:
        """Start it, after kill -9 where it runs; waits until it polls."""
        self.kill()
        polls = len(self._api.called("getUpdates"))
        self._start()
        async with asyncio.timeout(60):
            while True:
                if len(self._api.called("getUpdates")) > polls:
                    return
                await asyncio.sleep(0.05)

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, cwd=ROOT, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


async def killed(kind: str, *, people: int, messages: int, kills: int, seed: int) -> dict[str, Any]:
    """What becomes of `people` x `messages` when the bot is killed `kills` times; `kind` is "memory" or "ours"."""
    chance = random.Random(seed)
    api = TelegramApi()
    model = StandInModel(delay=lambda _: chance.uniform(0.2, 0.6))
    with tempfile.TemporaryDirectory() as folder:
        async with serving(model) as model_url, serving(api) as url:
            bot = MemoryBot(api, url, model_url) if kind == "memory" else _ours(Path(folder), api, url, model_url)
            try:
                await bot.restart()
                load = asyncio.create_task(_write(api, people, messages, random.Random(seed)))
                for _ in range(kills):
                    await asyncio.sleep(chance.uniform(1.5, 3))
                    await bot.restart()
                await load
                await _quiet(api)
            finally:
                bot.kill()
    return {"kind": kind, **_books(api, people, messages)}


def _ours(folder: Path, api: TelegramApi, url: str, model_url: str) -> ServerProcess:
    given = {"class": "connectors.telegram:Telegram", "token": api.token, "api_base_url": url, "mode": "polling",
             "poll_seconds": 2}  # fmt: skip
    return ServerProcess(folder, model_url, **{f"connectors__telegram__{key}": each for key, each in given.items()})


async def _write(api: TelegramApi, people: int, messages: int, chance: random.Random) -> None:
    for number in range(messages):
        for person in range(1, people + 1):
            api.user_says(person, f"p{person} m{number}")
            await asyncio.sleep(chance.uniform(0, 2.0 / people))


async def _quiet(api: TelegramApi, *, seconds: float = 10) -> None:
    """Wait until the bot has said nothing for a while and nothing waits for it."""
    said, still = -1, 0.0
    while still < seconds or api.updates.pending:
        await asyncio.sleep(0.5)
        now = sum(len(api.sent(chat)) for chat in list(api.chats))
        said, still = (now, 0.0) if now != said else (said, still + 0.5)


def _books(api: TelegramApi, people: int, messages: int) -> dict[str, int]:
    lost = doubled = disordered = 0
    for person in range(1, people + 1):
        said = [post.text for post in api.sent(person)]
        wanted = [f"re: p{person} m{number}" for number in range(messages)]
        firsts = [wanted.index(text) for text in dict.fromkeys(said) if text in wanted]
        lost += len(set(wanted) - set(said))
        doubled += len([text for text in said if text in wanted]) - len(firsts)
        disordered += sum(1 for a, b in pairwise(firsts) if a > b)
    return {"messages": people * messages, "lost": lost, "doubled": doubled, "out_of_order": disordered}
