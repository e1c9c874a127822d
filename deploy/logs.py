"""What the containers of an endpoint wrote: the last lines, and those that come."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.account import Account

STREAMS = 8
"""Log streams read for a tail, those written last: one is one container on one instance, and a restart makes another."""

TOKEN = re.compile(r"hf_[A-Za-z0-9]{10,}")
"""A token of the hub, should a container print one."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a container; `stream` says which, `at` is aware."""

    at: datetime
    stream: str
    text: str

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.stream.rpartition('/')[2][-12:]} {self.text}"

    def to_dict(self) -> dict[str, str]:
        """The JSON form."""
        return {"at": self.at.isoformat(), "stream": self.stream, "text": self.text}


def groups(endpoint: str, components: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The log groups of an endpoint and its inference components (SageMaker developer guide, CloudWatch logs)."""
    return (
        f"/aws/sagemaker/Endpoints/{endpoint}",
        *(f"/aws/sagemaker/InferenceComponents/{name}" for name in components),
    )


def tail(account: Account, endpoint: str, *, components: tuple[str, ...] = (), lines: int = 100) -> list[Line]:
    """The last `lines` of all containers by time, oldest first; empty where nothing was written.

    Raises:
        AssistantError: the log cannot be read.
    """
    found: list[Line] = []
    for group in groups(endpoint, components):
        found += _last(account, group, lines)
    return sorted(found, key=lambda line: line.at)[-lines:] if lines else []


def follow(
    account: Account, endpoint: str, *, components: tuple[str, ...] = (), lines: int = 100, poll: float = 2.0
) -> Iterator[Line]:
    """The last `lines`, then every line that comes, until the caller stops; asks every `poll` seconds."""
    start = int(time.time() * 1000)
    seen: dict[str, int] = {}
    shown = tail(account, endpoint, components=components, lines=lines)
    yield from shown
    if shown:
        start = int(shown[-1].at.timestamp() * 1000) + 1
    while True:
        newest = start
        for group in groups(endpoint, components):
            for event in _since(account, group, start):
                if event["eventId"] not in seen:
                    seen[event["eventId"]] = event["timestamp"]
                    newest = max(newest, event["timestamp"])
                    yield _line(event, event["logStreamName"])
        start = max(start, newest - LATE)
        seen = {key: at for key, at in seen.items() if at >= start}
        time.sleep(poll)


LATE = 60_000
"""Milliseconds a line may arrive after a later one; lines that young are asked for again, and shown once."""


def _last(account: Account, group: str, lines: int) -> list[Line]:
    answer = account.find(
        "logs", "describe_log_streams", logGroupName=group, orderBy="LastEventTime", descending=True, limit=STREAMS
    )
    found = []
    for stream in (answer or {}).get("logStreams", ()):
        name = stream["logStreamName"]
        events = account.find(
            "logs", "get_log_events", logGroupName=group, logStreamName=name, limit=min(lines, 10_000)
        )
        found += [_line(event, name) for event in (events or {}).get("events", ())]
    return found


def _since(account: Account, group: str, start: int) -> Iterator[dict[str, Any]]:
    answer = account.find("logs", "filter_log_events", logGroupName=group, startTime=start)
    while answer is not None:
        yield from answer.get("events", ())
        token = answer.get("nextToken")
        if not token:
            return
        answer = account.find("logs", "filter_log_events", logGroupName=group, startTime=start, nextToken=token)


def _line(event: dict[str, Any], stream: str) -> Line:
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return Line(at, stream, TOKEN.sub("hf_…", event["message"].rstrip()))
