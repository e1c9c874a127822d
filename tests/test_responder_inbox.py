from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from responder_fakes import ADDRESS, QUESTION, Bench, message
from turn_fakes import Scripted

from assistant.inbox import Inbox, Shown
from assistant.testing.memory_connector import MemoryConnector
from assistant.types import Outgoing, Receipt

SENTENCE = "The Zeta-9 pump must be serviced every 45 days by a certified technician"


class Heard(MemoryConnector):
    """Tells when something was sent."""

    def __init__(self) -> None:
        super().__init__(secret="s")
        self.sent: asyncio.Queue[Outgoing] = asyncio.Queue()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """See `Connector.send`."""
        receipt = await super().send(outgoing)
        self.sent.put_nowait(outgoing)
        return receipt


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Inbox]:
    """The real inbox before the bench's responder."""
    url = bench.settings.state_url
    inbox = Inbox(url, {"memory": bench.connector}, bench.respond, settings=bench.settings.inbox)
    bench.stop_turn = inbox.stop_turn
    await inbox.start()
    try:
        yield inbox
    finally:
        await inbox.aclose()


async def test_a_question_goes_through_the_inbox_and_its_answer_is_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, connector=Heard())
    async with running(bench) as inbox, asyncio.timeout(60):
        await inbox.accept([message()])
        sent = await bench.connector.sent.get()
        shown = await until(lambda: inbox.desk.show("memory:bot:1"), lambda found: found.entry.state == "answered")

    assert (f"{SENTENCE}. [1]", "memory:bot:1:0") == (sent.text, sent.key)
    assert ["Sources", "👍", "👎"] == [button.label for button in sent.buttons]
    assert QUESTION == (await bench.remembered())[0]
    assert "yes" == shown.details["answer"]["grounded"]


async def test_stop_overtakes_the_answer_that_it_stops(tmp_path: Path) -> None:
    model = Scripted(pieces=[f"{SENTENCE} [1]. ", None])
    bench = Bench(tmp_path, connector=Heard(), model=model)
    async with running(bench) as inbox, asyncio.timeout(60):
        await inbox.accept([message()])
        await model.waits.wait()
        await inbox.accept([message("/stop", id="2", kind="command")])
        sent = await bench.connector.sent.get()
        await until(lambda: inbox.desk.show("memory:bot:1"), lambda found: found.entry.state == "answered")

    assert ("Stopped.", []) == (sent.text, await bench.remembered())
    assert ["Stopped."] == [each.text for each in bench.connector.platform.outgoing(ADDRESS)]


async def until(look: Callable[[], Shown], enough: Callable[[Shown], bool]) -> Shown:
    """What `look` gives as soon as it is enough."""
    while True:
        if enough(found := await asyncio.to_thread(look)):
            return found
        await asyncio.sleep(0.01)
