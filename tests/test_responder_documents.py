from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import given
from hypothesis import strategies as st
from responder_fakes import ADDRESS, GROUP, QUESTION, Bench, Plain, message
from turn_fakes import PUMP_TEXT, Found, Scripted

from assistant import Assistant, Knowledge, Settings
from assistant.bot.documents import Documents, Received, label_of
from assistant.errors import TransientError
from assistant.knowledge.embed import Embedder
from assistant.knowledge.partitions import labels
from assistant.testing.echo import EchoChat
from assistant.testing.words import DIMENSION, WordEmbeddings
from assistant.types import Address, Attachment, Incoming

MANUAL = f"# Zeta-9 pump\n\n{PUMP_TEXT}\n".encode()
ELSEWHERE = Address("memory", "bot", "8")


@pytest.fixture(autouse=True)
def no_blocking_call_on_an_event_loop() -> Iterator[None]:
    with blockbuster_ctx("assistant"):
        yield


Open = Callable[..., Awaitable[Bench]]


@pytest.fixture
def open_now(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """A bot over a real, empty knowledge; a step of a commit may be waited for."""
    opened: list[Knowledge] = []

    def open(*, step: Callable[[str], None] = lambda name: None, **more: Any) -> Bench:
        embedder = Embedder(
            embeddings=WordEmbeddings(),
            name="words",
            dimension=DIMENSION,
            normalised=True,
            max_tokens=256,
            count=lambda text: len(text.split()),
            floor=0.0,
        )

        def assistant(settings: Settings) -> Assistant:
            opened.append(Knowledge(settings, embedder=embedder, step=step))
            return Assistant(EchoChat(), settings=settings, knowledge=opened[-1])

        return Bench(tmp_path / "data", assistant=assistant, cache_dir=tmp_path / "cache", **more)

    yield open
    for knowledge in opened:
        knowledge.close()


@pytest.fixture
def open_bench(open_now: Callable[..., Bench]) -> Open:
    async def open(**more: Any) -> Bench:
        return await asyncio.to_thread(open_now, **more)

    return open


@pytest.fixture
def bench(open_now: Callable[..., Bench]) -> Bench:
    return open_now()


def sent(bench: Bench, data: bytes = MANUAL, *, name: str = "manual.md", text: str = "", **more: Any) -> Incoming:
    """A document as a person sends it; `text` is its caption."""
    file = bench.connector.platform.add_file(data, name=name)
    return message(text, **{"id": "d", "kind": "media", "files": (file,), **more})


async def held(bench: Bench) -> list[tuple[str, tuple[str, ...]]]:
    """Title and labels of every document."""
    knowledge = bench.assistant.knowledge
    assert knowledge is not None
    return [(each.title, each.access) for each in await knowledge.adocuments()]


async def test_a_document_is_read_and_its_passages_are_counted(bench: Bench) -> None:
    reply = await bench.ask(sent(bench))

    assert "I have read “manual.md” (passages: 1)." == reply.messages[0].text
    assert {"documents": [{"name": "manual.md", "passages": 1}]} == reply.details
    assert [("Zeta-9 pump", ("conversation:memory:bot:7",))] == await held(bench)


async def test_the_user_sees_that_it_is_being_read(bench: Bench) -> None:
    await bench.ask(sent(bench))

    expected = ["Reading “manual.md” …", "I have read “manual.md” (passages: 1)."]
    assert expected == list(bench.connector.platform.shown(ADDRESS))


async def test_questions_of_its_conversation_are_answered_from_it(bench: Bench) -> None:
    await bench.ask(sent(bench))

    assert (await bench.text(message())).startswith("The Zeta-9 pump must be serviced every 45 days")


@pytest.mark.parametrize("address", [ELSEWHERE, replace(ADDRESS, thread="t"), GROUP])
async def test_no_other_conversation_finds_it(bench: Bench, address: Address) -> None:
    await bench.ask(sent(bench))

    assert (await bench.text(message(address=address))).startswith("I found nothing about")


async def test_who_asks_without_a_conversation_does_not_find_it(bench: Bench) -> None:
    await bench.ask(sent(bench))

    assert "no" == (await bench.assistant.aask(QUESTION)).grounded


async def test_a_question_in_the_caption_is_answered_from_it(bench: Bench) -> None:
    reply = await bench.ask(sent(bench, text=QUESTION))
    read, answer = reply.messages[0].text.split("\n\n")

    assert "I have read “manual.md” (passages: 1)." == read
    assert answer.startswith("The Zeta-9 pump must be serviced every 45 days")
    assert ["Sources", "👍", "👎"] == [button.label for button in reply.messages[0].buttons]
    assert {"answer", "documents"} == set(reply.details)


async def test_public_documents_answer_beside_those_of_the_conversation(bench: Bench) -> None:
    from langchain_core.documents import Document

    knowledge = bench.assistant.knowledge
    assert knowledge is not None
    await knowledge.aadd([Document("The library is closed on Sundays.", metadata={"source": "library"})])
    await bench.ask(sent(bench))

    assert "library is closed" in await bench.text(message("When is the library closed?"))
    assert "45 days" in await bench.text(message(id="2"))


async def test_labels_of_everyone_on_the_platforms_open_their_documents(open_bench: Open) -> None:
    bench = await open_bench(bot={"access": ["customers"]})
    knowledge = bench.assistant.knowledge
    assert knowledge is not None
    await asyncio.to_thread(_add_labelled, knowledge, "customers")

    assert "45 days" in await bench.text(message())


async def test_documents_of_other_labels_stay_closed(bench: Bench) -> None:
    knowledge = bench.assistant.knowledge
    assert knowledge is not None
    await asyncio.to_thread(_add_labelled, knowledge, "customers")

    assert "I found nothing" in await bench.text(message())


async def test_a_document_that_is_sent_twice_is_there_once(bench: Bench) -> None:
    replies = [await bench.ask(sent(bench)) for _ in range(2)]

    assert replies[0] == replies[1]
    assert 1 == len(await held(bench))


async def test_a_document_of_the_same_name_replaces_the_earlier_one(bench: Bench) -> None:
    await bench.ask(sent(bench))
    await bench.ask(sent(bench, b"# Fan\n\nThe fan is cleaned weekly.", id="d2"))

    assert [("Fan", ("conversation:memory:bot:7",))] == await held(bench)


async def test_the_same_name_in_two_conversations_is_two_documents(bench: Bench) -> None:
    await bench.ask(sent(bench))
    await bench.ask(sent(bench, address=ELSEWHERE))

    expected = [("conversation:memory:bot:7",), ("conversation:memory:bot:8",)]
    assert expected == sorted(access for _, access in await held(bench))


async def test_nothing_of_the_file_stays_on_the_disk(bench: Bench, tmp_path: Path) -> None:
    await bench.ask(sent(bench))
    await bench.ask(sent(bench, b"\x89PNG\r\n\x1a\n\0\0", name="a.md"))

    assert [] == await asyncio.to_thread(lambda: list((tmp_path / "data" / "received").iterdir()))


async def test_what_cannot_be_read_is_refused_with_the_reason(bench: Bench) -> None:
    reply = await bench.ask(sent(bench, b"\x89PNG\r\n\x1a\n\0\0", name="a_b.md"))

    assert "I cannot read “a_b.md”: looks like a PNG image, not text." == reply.messages[0].text
    assert [{"name": "a_b.md", "refused": "looks like a PNG image, not text"}] == reply.details["documents"]


async def test_a_document_that_cannot_be_read_does_not_keep_its_question_from_an_answer(bench: Bench) -> None:
    text = await bench.text(sent(bench, b"", name="a.md", text=QUESTION))

    assert ["I cannot read “a.md”: is empty.", "I found nothing"] == [part for part in _ends(text)]


async def test_a_document_that_says_it_is_too_large_is_not_fetched(open_bench: Open) -> None:
    bench = await open_bench(bot={"max_file_mib": 0.001})
    large = Attachment("document", file_id="gone", name="a.md", size=2000)

    expected = "“a.md” is too large: 0.001 MiB at most."
    assert expected == await bench.text(message("", kind="media", files=(large,)))


async def test_a_document_that_turns_out_to_be_too_large_is_refused(open_bench: Open) -> None:
    bench = await open_bench(bot={"max_file_mib": 0.001})
    file = replace(bench.connector.platform.add_file(b"x" * 2000, name="a.md"), size=None)
    text = await bench.text(message("", kind="media", files=(file,)))

    assert (text, []) in [
        ("“a.md” is too large: 0.001 MiB at most.", await held(bench)),
        ("I could not fetch “a.md”. Please send it again.", await held(bench)),
    ]


async def test_a_document_that_is_gone_is_asked_for_again(bench: Bench) -> None:
    gone = Attachment("document", file_id="gone", name="a.md")

    expected = "I could not fetch “a.md”. Please send it again."
    assert expected == await bench.text(message("", kind="media", files=(gone,)))


async def test_a_platform_that_is_down_is_asked_again_later(bench: Bench) -> None:
    incoming = sent(bench)
    await bench.connector.platform.stop()
    with pytest.raises(TransientError):
        await bench.ask(incoming)


async def test_a_conversation_holds_so_many_documents_and_no_more(open_bench: Open) -> None:
    bench = await open_bench(bot={"max_documents": 1})
    await bench.ask(sent(bench))
    again = await bench.text(sent(bench, id="d2"))
    more = await bench.ask(sent(bench, name="b.md", id="d3"))

    assert "I have read “manual.md” (passages: 1)." == again
    assert more.messages[0].text.startswith("I have not read “b.md”: this conversation holds 1 documents")
    assert 1 == len(await held(bench))


async def test_reset_makes_room_again_and_touches_no_other_conversation(open_bench: Open) -> None:
    bench = await open_bench(bot={"max_documents": 1})
    await bench.ask(sent(bench))
    await bench.ask(sent(bench, address=ELSEWHERE))
    reply = await bench.ask(message("/reset", id="r", kind="command"))

    assert {"documents_deleted": 1} == reply.details
    assert [("conversation:memory:bot:8",)] == [access for _, access in await held(bench)]
    assert "I have read" in await bench.text(sent(bench, name="b.md", id="d2"))


async def test_after_a_reset_nothing_is_answered_from_the_document(bench: Bench) -> None:
    await bench.ask(sent(bench))
    await bench.ask(message("/reset", id="r", kind="command"))

    assert "I found nothing" in await bench.text(message(id="2"))


async def test_several_documents_of_one_turn_are_each_told(bench: Bench) -> None:
    fan = sent(bench, b"# Fan\n\nThe fan is cleaned weekly.", name="fan.md", id="d2")
    text = await bench.text(sent(bench), fan)

    assert ["I have read “manual.md” (passages: 1).", "I have read “fan.md” (passages: 1)."] == text.split("\n\n")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c.md", "con<>|.md", "", "   ", "..", "x" * 400 + ".md"])
async def test_a_hostile_name_leads_nowhere(bench: Bench, tmp_path: Path, name: str) -> None:
    text = await bench.text(sent(bench, name=name))
    knowledge = bench.assistant.knowledge
    assert knowledge is not None
    (document,) = await knowledge.adocuments()

    assert text.startswith("I have read “")
    assert tmp_path / "data" / "received" == Path(document.source).parent.parent


async def test_a_text_without_a_heading_is_titled_by_its_name(bench: Bench) -> None:
    await bench.ask(sent(bench, PUMP_TEXT.encode(), name="Pump_manual.txt"))

    assert ["Pump manual"] == [title for title, _ in await held(bench)]


@pytest.mark.parametrize(("connector", "bot"), [(Plain(), {}), (None, {"documents": False})])
async def test_where_documents_are_not_read_that_is_said(open_bench: Open, connector: Any, bot: Any) -> None:
    bench = await open_bench(connector=connector, bot=bot)
    files = (Attachment("document", file_id="x"), Attachment("document", file_id="y"))

    expected = "I do not read documents here. Please send me a text."
    assert expected == await bench.text(message("", kind="media", files=files))


async def test_where_there_is_no_knowledge_documents_are_not_read(tmp_path: Path) -> None:
    bench = Bench(tmp_path, assistant=lambda s: Assistant(Scripted(pieces=["x"]), Found(), settings=s))

    assert "I do not read documents here. Please send me a text." == await bench.text(sent(bench))


async def test_a_stopped_reading_ends_by_itself_and_a_reset_deletes_it(open_bench: Open) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def step(name: str) -> None:
        begun.set()
        go_on.wait(60)

    bench = await open_bench(step=step)
    reading = asyncio.create_task(bench.ask(sent(bench)))
    await asyncio.to_thread(begun.wait, 60)
    reading.cancel()
    await asyncio.wait([reading])
    resetting = asyncio.create_task(bench.ask(message("/reset", id="r", kind="command")))
    go_on.set()

    assert (True, {"documents_deleted": 1}) == (reading.cancelled(), (await resetting).details)
    assert [] == await held(bench)


async def test_a_document_sent_anew_while_the_stopped_one_is_still_read_waits_for_it(open_bench: Open) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def step(name: str) -> None:
        begun.set()
        go_on.wait(60)

    bench = await open_bench(step=step)
    reading = asyncio.create_task(bench.ask(sent(bench)))
    await asyncio.to_thread(begun.wait, 60)
    reading.cancel()
    await asyncio.wait([reading])
    again = asyncio.create_task(bench.ask(sent(bench, id="d2")))
    go_on.set()

    assert "I have read “manual.md” (passages: 1)." == (await again).messages[0].text


async def test_a_disk_that_takes_nothing_is_tried_again_later(bench: Bench, tmp_path: Path) -> None:
    knowledge = bench.assistant.knowledge
    assert knowledge is not None
    await asyncio.to_thread((tmp_path / "data" / "received").write_bytes, b"in the way")
    with pytest.raises(TransientError, match="received"):
        await Documents(tmp_path / "data", most=1).add(knowledge, ADDRESS, Received("a.md", MANUAL))


@given(st.builds(Address, st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.none() | st.text()))
def test_every_conversation_has_a_label_that_can_be_stored(address: Address) -> None:
    assert (label_of(address),) == labels([label_of(address)])


def test_a_long_conversations_label_is_short_and_its_own() -> None:
    one, other = (label_of(Address("memory", "bot", "c" * 300 + end)) for end in "ab")

    assert (True, True) == (len(one) <= 200, one != other)


def _add_labelled(knowledge: Knowledge, label: str) -> None:
    from langchain_core.documents import Document

    knowledge.add([Document(PUMP_TEXT, metadata={"source": "pump"})], access=[label])


def _ends(text: str) -> list[str]:
    first, _, last = text.partition("\n\n")
    return [first, last[:15]]
