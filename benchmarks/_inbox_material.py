"""What the inbox benchmark measures with: the black-box tests' stand-ins, a bare endpoint, and an in-memory bot."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assistant.testing.serving import serving
from benchmarks._blackbox import MetaPlatform


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over several rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value a round."""
        return cls(round(statistics.median(values), 3), round(min(values), 3), round(max(values), 3))

    def __str__(self) -> str:
        return f"{self.median:g} ({self.low:g} to {self.high:g})"


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of them are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


@asynccontextmanager
async def bare() -> AsyncIterator[str]:
    """URL of a Starlette endpoint that reads the body and answers 200: the least an acknowledgement can cost."""

    async def take(request: Request) -> Response:
        await request.body()
        return Response()

    async with serving(Starlette(routes=[Route("/webhooks/meta", take, methods=["POST"])])) as url:
        yield url


async def trickle(platform: MetaPlatform, url: str, *, count: int, per_second: float, prefix: str) -> list[float]:
    """Acknowledgements in milliseconds of `count` webhooks, one each from many conversations, at an even pace."""
    took: list[float] = []

    async def one(number: int) -> None:
        message = platform.written(f"{prefix}{number % 50}", f"{prefix}{number}")
        begun = time.perf_counter()
        if await platform.post(message, url) != 200:
            raise AssertionError(f"webhook {number} was not acknowledged: {platform.refused}")
        took.append((time.perf_counter() - begun) * 1000)
        message.acknowledged_at = time.monotonic()

    tasks = []
    begun = time.perf_counter()
    for number in range(count):
        tasks.append(asyncio.create_task(one(number)))
        await asyncio.sleep(max(0.0, begun + (number + 1) / per_second - time.perf_counter()))
    await asyncio.gather(*tasks)
    return took


async def flood(platform: MetaPlatform, *, count: int, producers: int, prefix: str) -> float:
    """Acknowledgements a second of `count` webhooks posted by `producers` at once, each as fast as it is answered."""
    numbers = iter(range(count))

    async def produce() -> None:
        for number in numbers:
            await platform.deliver(platform.written(f"{prefix}{number % 500}", f"{prefix}{number}"))

    begun = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(producers)))
    return count / (time.perf_counter() - begun)


def processor_seconds(pid: int) -> float:
    """CPU time that a process has used."""
    import psutil

    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)
