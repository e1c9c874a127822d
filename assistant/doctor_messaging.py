"""What `assistant doctor` looks at of the platforms and the inbox; calls no platform and changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assistant.connector import Connector, Polling
from assistant.doctor import Check
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.settings import Settings

WAITING = 1000
"""Messages in the inbox that tell that it does not keep up, or that nobody serves it."""


def connectors(settings: Settings) -> Iterator[Check]:
    """A line a section: its keys, and whether the platform can reach it."""
    from assistant.registry import check_connectors
    from assistant.server.platforms import platforms_of

    for name, section in settings.connectors.items():
        alone = settings.model_copy(update={"connectors": {name: section}})
        try:
            check_connectors(alone)
            yield _reached(platforms_of(alone)[name], settings.server.public_url, section.get("mode"))
        except AssistantError as error:
            yield Check("connectors", "fail", str(error), "correct the key that is named")


def _reached(connector: Connector, public_url: str | None, mode: object) -> Check:
    can_poll = isinstance(connector, Polling) and connector.capabilities.polling
    if mode == "polling":
        return Check("connectors", "ok", f"{connector.name} fetches its messages")
    if not public_url:
        if can_poll and mode != "webhook":
            return Check("connectors", "ok", f"{connector.name} fetches its messages: server.public_url is not set")
        remedy = "set server.public_url to the https URL under which the platform reaches this server"
        return Check("connectors", "fail", f"{connector.name} gets its messages by webhook, but at no URL", remedy)
    url = f"{public_url.rstrip('/')}/webhooks/{connector.name}"
    if urlsplit(public_url).scheme != "https":
        return Check(
            "connectors", "warn", f"{url} is not https: platforms refuse it", "put a TLS proxy before the server"
        )
    return Check("connectors", "ok", f"{connector.name} gets its messages at {url}")


def inbox(settings: Settings) -> Iterator[Check]:
    """Whether its database answers, how much waits in it, what waits for a person, who may be written to."""
    from sqlalchemy import make_url

    from assistant.inbox import Desk

    desk = Desk(settings.state_url)
    try:
        counts, held, windows = desk.counts(), desk.holders(), desk.windows()
    except AssistantError as error:
        yield Check("inbox", "fail", str(error), "start the database or correct state.url")
        return
    finally:
        desk.close()
    waiting, dead, parked = (counts.get(state, 0) for state in ("queued", "dead", "parked"))
    detail = f"{waiting} messages wait, {counts.get('running', 0)} are being answered"
    if waiting >= WAITING:
        yield Check(
            "inbox", "warn", detail, "is `assistant serve` running, and its model fast enough? see docs/inbox.md"
        )
    else:
        yield Check("inbox", "ok", detail)
    if dead or parked:
        remedy = "`assistant inbox list --state dead` (or parked) shows them; `retry` or `drop` each"
        yield Check("inbox", "warn", f"dead letters: {dead}, parked: {parked}; a person has to decide", remedy)
    if held:
        by = Counter(each.holder for each in held)
        whose = ", ".join(f"{count} by a {holder}" for holder, count in sorted(by.items()))
        detail = f"conversations not answered by the bot: {whose}"
        yield Check("takeover", "ok", detail, "`assistant inbox holders` shows them, `release` gives them back")
    for name, count in sorted(windows.items()):
        detail = f"{name}: open for {count.open} of {count.open + count.closed} conversations"
        remedy = "the others may be written to once the person writes again" if count.closed else ""
        yield Check("windows", "ok", detail, remedy)
    url = make_url(settings.state_url)
    if url.get_backend_name() == "sqlite" and _on_network(Path(url.database or ".")):
        yield Check("inbox", "fail", "SQLite on a network file system loses data", "move data_dir, or use PostgreSQL")


def _on_network(path: Path) -> bool:
    """Whether the file system that holds `path` is one of those whose locks SQLite cannot trust (sqlite.org, How To Corrupt)."""
    import psutil  # type: ignore[import-untyped, unused-ignore]

    path = path.absolute()
    mounts = [part for part in psutil.disk_partitions(all=True) if path.is_relative_to(part.mountpoint)]
    nearest = max(mounts, key=lambda part: len(part.mountpoint), default=None)
    return nearest is not None and nearest.fstype.startswith(("nfs", "cifs", "smb", "9p", "fuse.sshfs"))
