"""A process with an inbox that is killed: accepts numbered messages, and notes in files what it acknowledged and sent.

    python inbox_child.py URL FOLDER COUNT POLICY SECONDS_A_SEND

Ends when all is finished, or with `STAY` in the environment when it is told to.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from assistant.connector import Capabilities
from assistant.inbox import Inbox, Reply, Turn
from assistant.sections import InboxSettings
from assistant.types import Address, Incoming, Outgoing, Receipt

CHATS = 10


class FileConnector:
    """Sends into a file; what is in it was on the screen."""

    name = "memory"
    capabilities = Capabilities()

    def __init__(self, folder: Path, seconds: float) -> None:
        self._file = folder / "sent"
        self._seconds = seconds

    def verify(self, webhook: object) -> None: ...

    def parse(self, webhook: object) -> list[Incoming]:
        return []

    async def send(self, outgoing: Outgoing) -> Receipt:
        await asyncio.sleep(self._seconds)
        await asyncio.to_thread(note, self._file, f"{outgoing.address.chat} {outgoing.key} {outgoing.text}")
        await asyncio.sleep(self._seconds)
        return Receipt((outgoing.key or "",))


def note(file: Path, line: str) -> None:
    descriptor = os.open(file, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def noted(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def event(number: int) -> Incoming:
    chat = Address("memory", "bot", f"c{number % CHATS}")
    return Incoming(f"{number}", chat, "ada", "text", f"{number}", datetime(2026, 11, 24, tzinfo=UTC))


async def main(url: str, folder: Path, count: int, policy: str, seconds: float) -> None:
    async def respond(turn: Turn) -> Reply:
        await asyncio.sleep(0.01)
        return Reply((Outgoing(turn.address, turn.text),))

    settings = InboxSettings(unknown_sends=policy, grace_seconds=float(os.environ.get("GRACE", "5")))  # type: ignore[arg-type]
    inbox = Inbox(url, {"memory": FileConnector(folder, seconds)}, respond, settings=settings)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await inbox.start()
    working = asyncio.create_task(work(inbox, folder, count))
    await asyncio.wait([working, waiting := asyncio.create_task(ended.wait())], return_when=asyncio.FIRST_COMPLETED)
    for task in (working, waiting):
        task.cancel()
    await inbox.aclose()


async def work(inbox: Inbox, folder: Path, count: int) -> None:
    await asyncio.to_thread(note, folder / "ready", inbox._place.shown)
    known = len(noted(folder / "acknowledged"))
    for number in range(max(0, known - 5), count):  # as a platform that missed the last answers sends again
        await inbox.accept([event(number)])
        if number >= known:
            await asyncio.to_thread(note, folder / "acknowledged", f"{number}")
    while not os.environ.get("STAY"):
        counts = await inbox.desk.acounts()
        if not counts["queued"] + counts["running"]:
            return
        await asyncio.sleep(0.05)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], float(sys.argv[5])))
