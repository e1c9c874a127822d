"""The real server between the strict fake Telegram and a model: by webhook and by polling, killed on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from blackbox_model import StandInModel
from blackbox_process import ServerProcess

from assistant.testing.serving import serving
from assistant.testing.telegram_api import TelegramApi

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "telegram"
PEOPLE = range(11, 19)

Mode = Literal["webhook", "polling"]


@asynccontextmanager
async def telegram(folder: Path, mode: Mode) -> AsyncIterator[tuple[TelegramApi, ServerProcess]]:
    api = TelegramApi(flood=True, contract=CONTRACT if CONTRACT.is_dir() else None, retry_seconds=0.05)
    async with serving(StandInModel()) as model_url, serving(api) as url:
        given = {
            "class": "connectors.telegram:Telegram",
            "token": api.token,
            "secret_token": "s3cret",
            "api_base_url": url,
            "mode": mode,
            "poll_seconds": 2,
        }
        server = ServerProcess(
            folder, model_url, **{f"connectors__telegram__{key}": each for key, each in given.items()}
        )
        if mode == "webhook":
            server.environment["ASSISTANT_SERVER__PUBLIC_URL"] = server.url
        server.start()
        try:
            await server.ready()
            yield api, server
        finally:
            server.kill()


@pytest.mark.parametrize("mode", ["webhook", "polling"])
async def test_people_on_telegram_are_answered_in_order_once_though_the_server_is_killed(
    tmp_path: Path, mode: Mode
) -> None:
    async with telegram(tmp_path, mode) as (api, server):
        for number in range(3):
            for person in PEOPLE:
                api.user_says(person, f"p{person} m{number}")
            await asyncio.sleep(0.5)
            if number < 2:
                await server.restart()
        await _until(lambda: all(answers(api, person)[-1:] == [f"re: p{person} m2"] for person in PEOPLE))
        await _until(lambda: not api.updates.pending)
        await asyncio.sleep(1)
    expected = [[f"re: p{person} m{number}" for number in range(3)] for person in PEOPLE]
    assert expected == [list(dict.fromkeys(answers(api, person))) for person in PEOPLE]
    refused = [(call.method, call.description) for call in api.calls if call.status >= 400 and call.status != 409]
    assert [] == refused


def answers(api: TelegramApi, person: int) -> list[str]:
    return [post.text for post in api.sent(person)]


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while True:
            if true():
                return
            await asyncio.sleep(0.1)
