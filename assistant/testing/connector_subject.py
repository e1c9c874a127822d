"""What the contract suite of connectors is given, and what its tests share."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, TypeVar
from urllib.parse import quote

import pytest

from assistant.connector import Connector, Opening
from assistant.testing.platform import Platform
from assistant.types import Address, Incoming, Kind, Outgoing, Webhook

PATIENCE = 60.0
"""Seconds after which something that should happen is said not to; nothing is measured with it."""

KEY = "turn-1"
"""`Outgoing.key` of the messages that the suite sends."""

SAID: tuple[Kind, ...] = ("text", "comment")
"""Kinds of what people say in so many words, in private or in public: each can be answered."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Payload:
    """The body of a webhook as the platform sends it, and the kinds of its events in order; none: a kind not known."""

    body: bytes
    kinds: tuple[Kind, ...]


class ConnectorSubject:
    """What a subclass of `ConnectorContract` gives.

    Attributes:
        payloads: captured from the platform, each body another event; at least one with a `text` or a `comment`, one of a
            kind that is not known (no kinds), one with a `button` and one with `media` where these are declared, and one
            from each place that is declared: a group, a thread.
        secrets: the options of the connector that are secret, with the values that `connector` is constructed with.
        webhook_secret: the one of these that proves a webhook.
        signs_body: whether the proof covers the body; False: it is a shared word in a header.
        handshake: where the connector is a `Handshaking`: the query of a genuine GET, and the answer to it.
        polling_options: what `connector` needs to poll, where `Capabilities.polling` is set.
        webhook_url: what `open` is given.
    """

    payloads: ClassVar[Sequence[Payload]] = ()
    secrets: ClassVar[Mapping[str, str]] = {}
    webhook_secret: ClassVar[str] = ""
    signs_body: ClassVar[bool] = True
    handshake: ClassVar[tuple[Mapping[str, str], str] | None] = None
    polling_options: ClassVar[Mapping[str, Any]] = {}
    webhook_url: ClassVar[str | None] = "https://bot.example/webhooks/bot"

    @pytest.fixture
    def platform(self) -> Any:
        """A `Platform` that was started; override it as a fixture (an async one too) that stops it at the end."""
        raise NotImplementedError

    def connector(self, platform: Any, **changes: Any) -> Connector:
        """A connector of `platform`, constructed with `secrets` and all it needs; `changes` replace its options."""
        raise NotImplementedError

    def sign(self, body: bytes, secret: str) -> Webhook:
        """The request that the platform sends with `body` where the webhook's secret is `secret`."""
        raise NotImplementedError

    def destination(self, connector: Connector) -> Address:
        """Where the suite sends messages to: whence the first text or comment of `payloads` came."""
        return self.texts(connector)[0].address

    @pytest.fixture(autouse=True)
    def _nothing_secret_is_logged(self) -> Iterator[None]:
        with self.logged():
            yield

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Demand that no log line holds a secret, at the most talkative level."""
        lines: list[str] = []
        handler = _Lines(lines)
        loggers = {
            logging.getLogger(): logging.DEBUG,
            logging.getLogger("markdown_it"): logging.INFO,
        }  # it logs each line
        levels = {logger: logger.level for logger in loggers}
        for logger, level in loggers.items():
            logger.setLevel(level)
        logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)
            for logger, level in levels.items():
                logger.setLevel(level)
        for line in lines:
            self.hides(line, "a log line")

    @asynccontextmanager
    async def opened(self, platform: Platform, **changes: Any) -> AsyncIterator[Any]:
        """A connector ready to send, closed at the end."""
        connector = self.connector(platform, **changes)
        if not isinstance(connector, Opening):
            yield connector
            return
        polling = bool(changes) and changes == dict(self.polling_options)
        await connector.open(webhook_url=None if polling else self.webhook_url)
        try:
            yield connector
        finally:
            await connector.aclose()

    def genuine(self, body: bytes) -> Webhook:
        """The request that the platform sends with `body`."""
        return self.sign(body, self.secrets[self.webhook_secret])

    def events(self, connector: Connector) -> list[Incoming]:
        """Every event of the payloads."""
        return [event for payload in self.payloads for event in connector.parse(self.genuine(payload.body))]

    def texts(self, connector: Connector) -> list[Incoming]:
        """Every text and comment of the payloads."""
        return [event for event in self.events(connector) if event.kind in SAID]

    def outgoing(self, connector: Connector, text: str, **more: Any) -> Outgoing:
        """A message to `destination`."""
        return Outgoing(self.destination(connector), text, **{"key": KEY, **more})

    def hides(self, text: str, what: str) -> None:
        """Demand that `text` holds no secret."""
        for key, secret in self.secrets.items():
            if secret in text or quote(secret, safe="") in text:
                fail(f"{what} holds the value of {key!r}: keep secrets out of errors, logs and reprs")

    @contextmanager
    def refused(self, kind: type[Exception], remedy: str) -> Iterator[list[Any]]:
        """Demand an error of `kind` with no secret in it or in what caused it; the list then holds it."""
        caught: list[Any] = []
        try:
            yield caught
        except Exception as error:  # noqa: BLE001 - whatever the connector raises is judged here
            self.hides("".join(traceback.format_exception(error)), f"the error {type(error).__name__}")
            if not isinstance(error, kind):
                fail(f"{type(error).__name__} came where {kind.__name__} was expected: {remedy}", cause=error)
            caught.append(error)
        else:
            fail(f"no error came where {kind.__name__} was expected: {remedy}")


class _Lines(logging.Handler):
    """Formatted records, tracebacks included, in a list."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


def fail(remedy: str, *, cause: BaseException | None = None) -> NoReturn:
    """End a test with what to do."""
    raise AssertionError(remedy) from cause


def demand(condition: object, remedy: str) -> None:
    """End a test with what to do unless `condition` holds."""
    if not condition:
        fail(remedy)


def is_a(connector: Connector, kind: Any) -> bool:
    """Whether a connector has what the small protocol `kind` asks for."""
    return isinstance(connector, kind)


def needed(platform: Platform, kind: Any) -> Any:
    """`platform`, which must be one of the small protocols of `assistant.testing.platform`."""
    name = type(platform).__name__
    demand(
        isinstance(platform, kind), f"{name} is no {kind.__name__}: give the stand-in that protocol, or declare less"
    )
    return platform


async def until(happened: Callable[[], object], remedy: str, *, patience: float = PATIENCE) -> None:
    """Wait until something happened; end the test with what to do if it does not."""

    async def waiting() -> None:
        while not happened():  # noqa: ASYNC110 - a platform has no event to wait for
            await asyncio.sleep(0.01)

    await within(waiting(), remedy, patience=patience)


async def within(work: Awaitable[T], remedy: str, *, patience: float = PATIENCE) -> T:
    """What `work` gives; end the test with what to do if it never ends."""
    try:
        return await asyncio.wait_for(work, patience)
    except TimeoutError:
        fail(remedy)


def bare(text: str) -> str:
    """What is left of a text when white space and the marks of a code block are taken out."""
    return re.sub(r"[\s`]+", "", text)
