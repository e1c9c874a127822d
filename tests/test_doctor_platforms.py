"""What the doctor is told by platforms, and of conversations that the bot does not answer or may not write to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from test_doctor import MEMORY, SECRET, configure

from assistant import doctor_platforms
from assistant.connector import Holder
from assistant.doctor import Check, examine
from assistant.inbox import Inbox, Reply, Turn
from assistant.settings import Settings
from assistant.testing.memory_connector import MemoryConnector
from assistant.testing.memory_platform import body, event
from assistant.types import Address, Incoming, Webhook


@pytest.fixture(autouse=True)
def an_empty_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def examined(finds: str) -> dict[str, Any]:
    return {"class": "doctor_fakes:Examined", "secret": SECRET, "finds": finds}


def found(sections: dict[str, dict[str, Any]], *, offline: bool = False) -> list[Check]:
    return [check for check in examine(configure(**sections), offline=offline) if check.name == "platforms"]


def test_what_platforms_find_is_told_by_the_connectors_name() -> None:
    sections = {"connectors.one": examined("well"), "connectors.two": examined("wrong"), "connectors.plain": MEMORY}

    assert [
        Check("platforms", "ok", "one: the token is that of @pumps"),
        Check("platforms", "warn", "one: v22.0 ends soon", "upgrade"),
        Check("platforms", "fail", "two: the token is not valid", "make a new one"),
    ] == found(sections)


def test_offline_no_platform_is_asked() -> None:
    assert [] == found({"connectors.one": examined("wrong")}, offline=True)


def test_a_connector_whose_section_is_wrong_is_not_asked() -> None:
    assert [] == found({"connectors.one": {**examined("well"), "secrit": SECRET}})


def test_the_bug_of_a_connector_is_told_without_what_it_says() -> None:
    (check,) = found({"connectors.one": examined("bug")})

    assert ("warn", "one: it could not be checked: KeyError") == (check.state, check.detail)
    assert SECRET not in f"{check}"


def test_a_platform_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_platforms, "SECONDS", 0.05)
    (check,) = found({"connectors.one": examined("nothing")})

    assert ("warn", True) == (check.state, "did not answer" in check.detail)
    assert "--offline" in check.remedy


class Windowed(MemoryConnector):
    """May be written to for a day."""

    def window(self, event: Incoming) -> float:
        """See `Windowed.window`."""
        return 0 if event.text == "nothing" else 10**9

    async def send_beyond(self, outgoing: Any) -> Any:
        """See `Windowed.send_beyond`."""
        raise AssertionError("nothing is sent")

    def holder(self, event: Incoming) -> Holder | None:
        """See `Handing.holder`."""
        return None


async def test_conversations_of_people_and_open_windows_are_counted() -> None:
    settings = Settings.load(configure())
    connector = Windowed(secret=SECRET)

    async def respond(turn: Turn) -> Reply:
        return Reply()

    inbox = Inbox(settings.state_url, {"memory": connector}, respond, settings=settings.inbox)
    await inbox.start()
    await inbox.accept(connector.parse(Webhook("POST", body=body(event("1", "hello"), event("2", "hi", chat="8")))))
    await inbox.hold(Address("memory", "bot", "7"), "person")
    await inbox.aclose()
    await inbox.desk.aclose()

    checks = await asyncio.to_thread(lambda: {check.name: check.detail for check in examine(configure())})
    assert "conversations not answered by the bot: 1 by a person" == checks["takeover"]
    assert "memory: open for 2 of 2 conversations" == checks["windows"]
