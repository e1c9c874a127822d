"""Tokens per second and time to first token at 1, 8 and 32 concurrent requests, on the same prompts in one run.

raw      vLLM's AsyncLLM in this process, fed token ids
ours     `assistant serve` over HTTP through the official `openai` client, retrieval off
peer     LangChain's ChatOpenAI against vLLM's own OpenAI server
cited    as `ours` with retrieval and checked citations on: what a user of the sample waits for. Other prompts, and a small
         model is asked again where its answer is not supported, so only its time to first token compares.

The first three decode the same prompts greedily with the same engine settings; rounds are interleaved in changing order, so
that a noisy neighbour hits all. Figures are medians with their range; ratios are taken within a round.
Run: python -m benchmarks.serving [--rounds 5] [--out benchmarks/results]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_TOKENS = 48
LEVELS = (1, 8, 32)

NAMES = """Zeta Amber Borealis Cobalt Delta Ember Falcon Granite Harbor Indigo Juniper Kestrel Lumen Meridian Nimbus Orchid
Pioneer Quartz Raven Summit Tundra Umbra Vertex Willow Xenon Yarrow Zephyr Atlas Birch Cedar Drift Elm"""
FACT = """The {name} pump, model {number}, must be serviced every {days} days by a certified technician. It weighs {weight}
kilograms, runs at {volts} volts and its warranty lasts {years} years. Its spare filter has the order number F-{number}-{days}."""
ASK = "Describe the service, weight and warranty of the {name} pump."


def facts() -> list[tuple[str, str]]:
    """32 facts, each with a question."""
    rows = []
    for i, name in enumerate(NAMES.split()):
        volts, years = (110, 230, 400)[i % 3], 1 + i % 5
        fact = FACT.format(name=name, number=100 + 7 * i, days=20 + 3 * i, weight=10 + i, volts=volts, years=years)
        rows.append((fact, ASK.format(name=name)))
    return rows


FACTS = facts()


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: seconds to the first token and in all, and tokens generated."""

    first: float
    total: float
    tokens: int


Ask = Callable[[int], Awaitable[Sample]]


async def level(ask: Ask, concurrent: int, requests: int) -> dict[str, float]:
    """Keep `concurrent` requests running until `requests` are done."""
    todo = iter(range(requests))
    samples: list[Sample] = []

    async def worker() -> None:
        for index in todo:
            samples.append(await ask(index % len(FACTS)))

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrent)))
    seconds = time.perf_counter() - began
    return {
        "tokens_per_second": sum(s.tokens for s in samples) / seconds,
        "ttft_ms": 1000 * statistics.median(s.first for s in samples),
        "tokens": sum(s.tokens for s in samples),
    }


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def server(command: list[str], url: str, log: Path, env: dict[str, str]) -> Any:
    """A child server, ready when `url` answers 200."""
    import httpx2

    with log.open("wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **env})
    try:
        for _ in range(240):
            try:
                if httpx2.get(url, timeout=5).status_code == 200:
                    break
            except httpx2.HTTPError:
                pass
            if child.poll() is not None:
                raise SystemExit(f"{command[:4]} ended: {log.read_text()[-2000:]}")
            time.sleep(0.5)
        else:
            raise SystemExit(f"{url} did not become ready: {log.read_text()[-2000:]}")
        yield
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()


def raw_way(llm: Any, prompts: list[list[int]], stops: list[int]) -> Ask:
    """vLLM's engine without anything of ours around it."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    async def ask(index: int) -> Sample:
        params = SamplingParams(
            temperature=0, max_tokens=MAX_TOKENS, stop_token_ids=stops, output_kind=RequestOutputKind.DELTA
        )
        began, first, tokens = time.perf_counter(), 0.0, 0
        async for output in llm.generate({"prompt_token_ids": prompts[index]}, params, uuid.uuid4().hex):
            first = first or time.perf_counter() - began
            tokens += len(output.outputs[0].token_ids)
        return Sample(first, time.perf_counter() - began, tokens)

    return ask


def our_way(base_url: str, texts: list[str]) -> Ask:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0)

    async def ask(index: int) -> Sample:
        began, first, tokens = time.perf_counter(), 0.0, 0
        stream = await client.chat.completions.create(
            model="assistant",
            messages=[{"role": "user", "content": texts[index]}],
            max_tokens=MAX_TOKENS,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                first = first or time.perf_counter() - began
            if chunk.usage:
                tokens = chunk.usage.completion_tokens
        return Sample(first, time.perf_counter() - began, tokens)

    return ask


def peer_way(base_url: str, name: str, dialogs: list[list[Any]]) -> Ask:
    from langchain_openai import ChatOpenAI

    client = ChatOpenAI(
        base_url=base_url, api_key="none", model=name, temperature=0, max_tokens=MAX_TOKENS, stream_usage=True
    )

    async def ask(index: int) -> Sample:
        began, first, tokens = time.perf_counter(), 0.0, 0
        async for chunk in client.astream(dialogs[index]):
            if chunk.content:
                first = first or time.perf_counter() - began
            if chunk.usage_metadata:
                tokens = chunk.usage_metadata["output_tokens"]
        return Sample(first, time.perf_counter() - began, tokens)

    return ask


async def measure(ways: dict[str, Ask], rounds: int) -> dict[str, Any]:
    names = list(ways)
    results: dict[str, Any] = {name: {str(c): [] for c in LEVELS} for name in names}
    for name in names:
        await level(ways[name], 4, 8)  # warm up
    for round_number in range(rounds):
        for concurrent in LEVELS:
            requests = {1: 8, 8: 32, 32: 64}[concurrent]
            for name in [*names[round_number % len(names) :], *names[: round_number % len(names)]]:
                figures = await level(ways[name], concurrent, requests)
                results[name][str(concurrent)].append(figures)
                print(round_number, name, concurrent, {k: round(v, 1) for k, v in figures.items()}, flush=True)
    return results


def spread(values: list[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}..{max(values):.{digits}f}]"


def table(results: dict[str, Any]) -> str:
    lines = [
        "| concurrent | way | tokens/s | of raw | first token ms | over raw ms |",
        "|---|---|---|---|---|---|",
    ]
    for concurrent in map(str, LEVELS):
        raw = results["raw"][concurrent]
        for name in results:
            mine = results[name][concurrent]
            ratio = [a["tokens_per_second"] / b["tokens_per_second"] for a, b in zip(mine, raw, strict=True)]
            over = [a["ttft_ms"] - b["ttft_ms"] for a, b in zip(mine, raw, strict=True)]
            cells = [
                concurrent,
                name,
                spread([m["tokens_per_second"] for m in mine]),
                spread(ratio, 2),
                spread([m["ttft_ms"] for m in mine], 0),
                spread(over, 0),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def retrieval_ms(knowledge: Any) -> str:
    """Milliseconds of one search, embedding included, on this knowledge."""
    times = []
    for _, question in FACTS:
        began = time.perf_counter()
        knowledge.search(question)
        times.append(1000 * (time.perf_counter() - began))
    return spread(times)


def our_server(stack: ExitStack, home: Path, grounding: str) -> str:
    """`assistant serve` on the knowledge of this run; returns its base URL."""
    port = free_port()
    data = home / grounding
    shutil.copytree(home / "data", data)
    command = [sys.executable, "-m", "assistant", "serve", "--port", str(port)]
    env = {"ASSISTANT_DATA_DIR": str(data), "ASSISTANT_CHAT__GROUNDING": grounding}
    stack.enter_context(server(command, f"http://127.0.0.1:{port}/ready", home / f"{grounding}.log", env))
    return f"http://127.0.0.1:{port}/v1"


def peer_server(stack: ExitStack, home: Path, arguments: dict[str, Any], env: dict[str, str]) -> str:
    """vLLM's own server with the engine settings that ours uses."""
    port = free_port()
    named = (
        "model",
        "dtype",
        "max_model_len",
        "block_size",
        "max_num_batched_tokens",
        "max_num_seqs",
        "kv_cache_memory_bytes",
    )
    flags = [
        part for name in named if name in arguments for part in (f"--{name.replace('_', '-')}", str(arguments[name]))
    ]
    flags += ["--enforce-eager"] if arguments.get("enforce_eager") else []
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--served-model-name", "peer"]
    command += ["--host", "127.0.0.1", "--port", str(port), *flags]
    stack.enter_context(server(command, f"http://127.0.0.1:{port}/health", home / "peer.log", env))
    return f"http://127.0.0.1:{port}/v1"


async def run(stack: ExitStack, home: Path, rounds: int) -> tuple[dict[str, Any], str]:
    """Start everything, measure, and return the samples and the time of one retrieval."""
    from langchain_core.messages import HumanMessage, SystemMessage

    from assistant import Knowledge, Settings
    from assistant.llms import machine, start, weights
    from assistant.llms.codec import open_codec
    from assistant.llms.dialog import read_dialog
    from assistant.prompt import PLAIN

    settings = Settings()
    docs = home / "docs"
    docs.mkdir()
    for number, (fact, _) in enumerate(FACTS):
        (docs / f"pump-{number}.md").write_text(f"# Pump {number}\n\n{fact}\n")
    with Knowledge.open(home / "data") as knowledge:
        knowledge.add([docs])
        searching = retrieval_ms(knowledge)

    config = start.EngineConfig(model=settings.engine.model, cache_dir=settings.cache_dir)
    dtype = start.resolve_dtype("auto")
    folder = weights.locate(config.model, cache_dir=config.cache_dir, dtype=dtype, progress=print)
    arguments = start.engine_arguments(config, folder, dtype=dtype, on_cpu=machine.on_cpu())
    env = machine.engine_environment(config.cache_dir, on_cpu=machine.on_cpu())
    ours, cited = (our_server(stack, home, grounding) for grounding in ("off", "strict"))
    peer = peer_server(stack, home, arguments, env)

    os.environ.update(env)
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
    stack.callback(llm.shutdown)
    texts = [f"{fact}\n\n{question}" for fact, question in FACTS]
    dialogs = [[SystemMessage(PLAIN), HumanMessage(text)] for text in texts]
    form = open_codec(str(folder), chat_format=None, model=config.model, trust_remote_code=False).format
    prompts = [form.encode(read_dialog(dialog)) for dialog in dialogs]
    ways = {
        "raw": raw_way(llm, prompts, list(form.stop_token_ids)),
        "ours": our_way(ours, texts),
        "peer": peer_way(peer, "peer", dialogs),
        "cited": our_way(cited, [question for _, question in FACTS]),
    }
    return await measure(ways, rounds), searching


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        results, searching = asyncio.run(run(stack, Path(folder), options.rounds))
    text = f"{table(results)}\n\nretrieval inside `cited`: {searching} ms a question\n"
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "serving.json").write_text(json.dumps(results, indent=1))
    (options.out / "serving.md").write_text(text)


if __name__ == "__main__":
    main()
