"""The real server as a process of its own: started, waited for, killed, started again on the same port."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2

HERE = Path(__file__).parent


def free_port() -> int:
    """A port nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class ServerProcess:
    """`assistant serve` with settings from the environment; `sets` are `section__key` to a value."""

    def __init__(self, folder: Path, model_url: str, **sets: object) -> None:
        self.port = free_port()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        known = {
            "data_dir": folder / "data",
            "engine__kind": "openai",
            "engine__base_url": f"{model_url}/v1",
            "engine__model": "stand-in",
            "engine__api_key": "none",
            "chat__grounding": "off",
            "server__port": self.port,
        }
        plain = {key: value for key, value in os.environ.items() if not key.startswith("ASSISTANT_")}
        given = {f"ASSISTANT_{key.upper()}": str(value) for key, value in {**known, **sets}.items()}
        self.environment = {
            **plain,
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])]),
            "HF_HUB_OFFLINE": "1",
            **given,
        }
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything the process wrote, over all its starts."""
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start it; does not wait."""
        self.starts += 1
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "assistant", "serve"],
                env=self.environment,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    async def ready(self, *, within: float = 120) -> float:
        """Wait until it answers questions; seconds that took."""
        begun = time.monotonic()
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False) as client:
            while time.monotonic() - begun < within:
                if self.code is not None:
                    raise AssertionError(f"the server ended with {self.code}:\n{self.log[-4000:]}")
                try:
                    if (await client.get("/ready")).status_code == 200:
                        return time.monotonic() - begun
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.05)
        raise AssertionError(f"the server was not ready in {within} s:\n{self.log[-4000:]}")

    @property
    def pid(self) -> int:
        if self._process is None:
            raise AssertionError("the server was not started")
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll() if self._process else None

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def stop(self, *, within: float = 60) -> int:
        """SIGTERM; its exit code."""
        if self._process is None:
            raise AssertionError("the server was not started")
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, within)

    async def restart(self) -> float:
        """kill -9 and start again; seconds until it is ready."""
        self.kill()
        self.start()
        return await self.ready()
