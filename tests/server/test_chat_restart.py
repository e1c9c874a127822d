"""The chat of a whole server that is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

ID = "m" * 16


@contextmanager
def process(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`assistant serve` with a model that writes a word each 0.3 s, once it is ready."""
    engine = {
        "ASSISTANT_ENGINE__KIND": "assistant.testing.echo:EchoChat",
        "ASSISTANT_ENGINE__OPTIONS": '{"delay": 0.3}',
    }
    settings = {"ASSISTANT_DATA_DIR": str(folder), "ASSISTANT_CHAT__GROUNDING": "off"}
    command = [sys.executable, "-m", "assistant", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | engine | settings, cwd=folder) as running:
        try:
            deadline = time.monotonic() + 120
            while running.poll() is None and time.monotonic() < deadline:
                try:
                    if httpx2.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                        break
                except httpx2.TransportError:
                    pass
                time.sleep(0.1)
            yield running
        finally:
            running.kill()


def test_a_server_killed_in_the_middle_of_an_answer_gives_it_whole_after_its_restart(tmp_path: Path) -> None:
    text = "one two three four five six seven eight"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    ask: dict[str, Any] = {"params": {"id": ID}, "timeout": 60}
    with process(tmp_path, port) as running:
        headers = {"Chat-Session": httpx2.post(f"{url}/chat/session").json()["session"]}
        assert 202 == httpx2.post(f"{url}/chat/messages", json={"id": ID, "text": text}, headers=headers).status_code
        with httpx2.stream("GET", f"{url}/chat/events", headers=headers, **ask) as response:
            seen = []
            for line in response.iter_lines():
                seen.append(line)
                if "two" in line:
                    break
            running.send_signal(signal.SIGKILL)
    last = [line.removeprefix("id: ") for line in seen if line.startswith("id: ")][-1]
    with process(tmp_path, port):
        events = httpx2.get(f"{url}/chat/events", headers={**headers, "Last-Event-ID": last}, **ask).text
    names = [line.removeprefix("event: ") for line in events.splitlines() if line.startswith("event: ")]
    assert ["reset", "answer"] == [name for name in names if name != "text"] or ["answer"] == names
    assert text == json.loads(events.rstrip().rsplit("data: ", 1)[1])["text"]
