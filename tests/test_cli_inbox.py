"""`assistant inbox` beside a running server and without one: real processes, a bot on the platform in memory."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from test_cli import Home, served, wait_until_ready

from assistant.testing.memory_platform import body, event, signed

SECRET = "hunter2-secret"
BOT = f"""
[connectors.memory]
class = "refusing:Refusing"
secret = "{SECRET}"
"""
REFUSING = '''
from pathlib import Path
from assistant.errors import Rejected
from assistant.testing.memory_connector import MemoryConnector

class Refusing(MemoryConnector):
    """Nobody can be reached while there is a file named blocked."""

    async def send(self, outgoing):
        if Path("blocked").exists():
            raise Rejected("the person blocked the bot")
        return await super().send(outgoing)
'''
KEYS = {"id", "connector", "conversation", "text", "state", "attempts", "received_at", "error"}
LONG = "How many litres does the pump deliver, " + "really " * 30 + "I ask?"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.configure(more=BOT)
    (tmp_path / "refusing.py").write_text(REFUSING)
    (tmp_path / "blocked").touch()
    return home


def post(url: str, *events: dict[str, Any]) -> None:
    webhook = signed(body(*events), SECRET)
    request = urllib.request.Request(f"{url}/webhooks/memory", webhook.body, dict(webhook.headers))
    with urllib.request.urlopen(request, timeout=30) as response:
        assert 200 == response.status


def turns(home: Home, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = home.json("inbox", "list", *arguments)["turns"]
    return found


def wait_for(home: Home, state: str, count: int) -> None:
    for _ in range(60):
        if count == len(turns(home, "--state", state)):
            return
        time.sleep(0.2)
    raise AssertionError(turns(home))


def test_an_inbox_that_does_not_exist_is_empty_and_is_not_made(home: Home) -> None:
    assert [] == turns(home)
    assert not list(home.folder.glob("data/*inbox*"))


def test_wrong_usage_is_exit_code_2_and_an_unknown_turn_1(home: Home) -> None:
    home.run("inbox", "list", "--state", "lost", code=2)
    home.run("inbox", "retry", code=2)
    home.run("inbox", "drop", code=2)
    for command in ("show", "retry", "drop"):
        assert "memory:bot:nothing" in home.run("inbox", command, "memory:bot:nothing", code=1).err


def test_dead_letters_are_seen_retried_and_dropped(home: Home) -> None:
    with home.background("serve", "--port", "0") as process:
        url = served(process)
        wait_until_ready(url)
        post(url, event("1", LONG), event("2", "And [how] heavy\nis it?", chat="8"), event("3", "litres", chat="9"))
        wait_for(home, "dead", 3)

        assert [KEYS] * 3 == [set(turn) for turn in turns(home)]
        assert {LONG, "And [how] heavy\nis it?", "litres"} == {turn["text"] for turn in turns(home)}
        with urllib.request.urlopen(f"{url}/v1/inbox", timeout=30) as response:
            assert turns(home) == json.load(response)["turns"]
        table = home.run("inbox", "list").out
        assert LONG not in table
        assert re.search(r"dead +\d+ +memory:bot:2 +And \[how\] heavy is it\? +the person blocked the bot", table)
        shown = home.run("inbox", "show", "memory:bot:1")
        assert LONG in shown.out
        assert "the person blocked the bot" in shown.out
        assert KEYS < set(home.json("inbox", "show", "memory:bot:1"))

        home.run("inbox", "drop", "memory:bot:2")
        (home.folder / "blocked").unlink()
        retried = home.run("inbox", "retry", "memory:bot:1", "memory:bot:nothing", code=1)
        assert "memory:bot:1 is tried again" in retried.err
        assert "memory:bot:nothing" in retried.err
        home.run("inbox", "retry", "--all-dead")
        wait_for(home, "answered", 2)
        process.terminate()
        process.communicate(timeout=60)
    assert 0 == process.returncode
    assert {"memory:bot:1", "memory:bot:3"} == {turn["id"] for turn in turns(home)}


def test_a_second_server_on_the_same_inbox_ends_and_says_why(home: Home) -> None:
    with home.background("serve", "--port", "0") as first:
        wait_until_ready(served(first))
        with home.background("serve", "--port", "0") as second:
            _, err = second.communicate(timeout=60)
    assert 1 == second.returncode
    assert re.search(r"^assistant: .*in use", err, flags=re.MULTILINE)
    assert "Traceback" not in err


SEVEN = "memory:bot:7"


def test_a_conversation_is_held_seen_and_released_without_a_server(home: Home) -> None:
    assert {"holders": []} == home.json("inbox", "holders")
    assert "held by nobody" in home.run("inbox", "release", SEVEN, code=1).err
    assert "start the server once" in home.run("inbox", "hold", SEVEN, code=1).err
    home.run("inbox", "release", code=2)
    with home.background("serve", "--port", "0") as process:
        url = served(process)
        wait_until_ready(url)
        assert "is a person's" in home.run("inbox", "hold", SEVEN, "memory:bot:8").err
        held = home.json("inbox", "holders")["holders"]
        assert [(SEVEN, "person"), ("memory:bot:8", "person")] == sorted(
            (each["conversation"], each["holder"]) for each in held
        )
        with urllib.request.urlopen(f"{url}/v1/inbox/holders", timeout=30) as response:
            assert held == json.load(response)["holders"]
        assert re.search(r"person +memory:bot:7$", home.run("inbox", "holders").out, flags=re.MULTILINE)

        released = home.run("inbox", "release", SEVEN, "memory:bot:9", code=1)
        assert "memory:bot:7 is the bot's again" in released.err
        assert "'memory:bot:9' is held by nobody" in released.err
        assert {"released": ["memory:bot:8"]} == home.json("inbox", "release", "memory:bot:8")
        assert {"holders": []} == home.json("inbox", "holders")
        assert "is none of a connector" in home.run("inbox", "hold", "pigeon:1:2", code=1).err
