"""Processes that are killed, ended or replaced: nothing acknowledged is lost, nothing changes places."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import inbox_child
import pytest
from inbox_fakes import PATIENCE

from assistant.inbox import Desk

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a child; all of them are dead at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(
        url: str, count: int, *, policy: str = "resend", seconds: float = 0.0, **environment: str
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, inbox_child.__file__, url, str(tmp_path), str(count), policy, str(seconds)]
        root = str(Path(inbox_child.__file__).parents[2])
        started.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": root, **environment}))
        return started[-1]

    yield begin
    for child in started:
        child.kill()
        child.wait()


def until(seen: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def sent(folder: Path) -> list[str]:
    return [line.split()[2] for line in inbox_child.noted(folder / "sent")]


def in_order(folder: Path) -> bool:
    """Whether each conversation got its answers in order; a doubled one may come twice in a row."""
    chats: dict[str, list[int]] = {}
    for line in inbox_child.noted(folder / "sent"):
        chat, _, text = line.split()
        chats.setdefault(chat, []).append(int(text))
    return all(sorted(numbers) == numbers for numbers in chats.values())


@pytest.mark.parametrize(
    ("database", "policy", "kills"), [("sqlite", "resend", 10), ("sqlite", "park", 5), ("postgres", "resend", 4)]
)
def test_killed_again_and_again_it_loses_nothing_and_marks_what_may_have_doubled(
    start: Start, tmp_path: Path, request: pytest.FixtureRequest, database: str, policy: str, kills: int
) -> None:
    url, count = request.getfixturevalue(f"{database}_url"), 50 * kills
    chance = random.Random(7)
    for _ in range(kills):
        ready = len(inbox_child.noted(tmp_path / "ready"))
        child = start(url, count, policy=policy, seconds=0.005)
        until(lambda seen=ready: len(inbox_child.noted(tmp_path / "ready")) > seen)
        time.sleep(chance.uniform(0, 0.5))
        child.kill()
        child.wait()
    assert 0 == start(url, count, policy=policy).wait(timeout=PATIENCE)

    desk = Desk(url)
    turns = {entry.text: desk.show(entry.id) for entry in desk.list(limit=1000)}
    desk.close()
    doubled = [text for text, times in Counter(sent(tmp_path)).items() if times > 1]
    assert in_order(tmp_path)
    if policy == "park":
        assert [] == doubled
        parked = {text for text, turn in turns.items() if turn.entry.state == "parked"}
        assert {f"{number}" for number in range(count)} == set(sent(tmp_path)) | parked
    else:
        assert {f"{number}" for number in range(count)} == set(sent(tmp_path))
        assert [] == [text for text in doubled if not turns[text].parts[0].resent]


@pytest.mark.parametrize("grace", ["5", "0"])
def test_told_to_end_it_finishes_or_hands_back_what_runs(
    start: Start, tmp_path: Path, sqlite_url: str, grace: str
) -> None:
    child = start(sqlite_url, 60, seconds=0.05, GRACE=grace)
    until(lambda: len(sent(tmp_path)) > 10)
    child.terminate()
    assert 0 == child.wait(timeout=PATIENCE)
    if grace == "5":
        before = Counter(sent(tmp_path))
        assert 1 == max(before.values())
    assert 0 == start(sqlite_url, 60).wait(timeout=PATIENCE)

    assert in_order(tmp_path)
    assert {f"{number}" for number in range(60)} == set(sent(tmp_path))
    assert grace == "0" or 60 == len(sent(tmp_path))


def test_another_process_takes_over_from_one_that_is_killed(start: Start, tmp_path: Path, postgres_url: str) -> None:
    first = start(postgres_url, 100, seconds=0.05, STAY="1")
    until(lambda: len(sent(tmp_path)) > 10)
    second = start(postgres_url, 0, STAY="1")
    until(lambda: len(inbox_child.noted(tmp_path / "acknowledged")) == 100)
    until(lambda: len(inbox_child.noted(tmp_path / "ready")) == 2)
    first.kill()
    until(lambda: len(set(sent(tmp_path))) == 100)

    assert in_order(tmp_path)
    second.send_signal(signal.SIGTERM)
    assert 0 == second.wait(timeout=PATIENCE)


def test_two_processes_share_the_work(start: Start, tmp_path: Path, postgres_url: str) -> None:
    for _ in range(2):
        start(postgres_url, 200, seconds=0.005, STAY="1")
    until(lambda: len(set(sent(tmp_path))) == 200)

    assert in_order(tmp_path)
    assert 200 == len(sent(tmp_path))


def test_a_second_process_on_one_sqlite_file_is_refused_with_the_remedy(
    start: Start, tmp_path: Path, sqlite_url: str
) -> None:
    start(sqlite_url, 0, STAY="1")
    until(lambda: inbox_child.noted(tmp_path / "ready"))
    command = [sys.executable, inbox_child.__file__, sqlite_url, str(tmp_path), "0", "resend", "0"]
    root = str(Path(inbox_child.__file__).parents[2])
    refused = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, check=False, timeout=PATIENCE
    )

    assert 1 == refused.returncode
    assert "state-inbox.db" in refused.stderr
    assert "state.url to postgresql://" in refused.stderr
