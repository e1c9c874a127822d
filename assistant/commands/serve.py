"""`assistant serve`: the HTTP API, the web chat and the messaging platforms."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import math
import signal
import socket
from typing import TYPE_CHECKING, TextIO

import uvicorn

from assistant.commands import terminal
from assistant.commands.ingest import bar
from assistant.errors import ConfigurationError
from assistant.knowledge import Knowledge
from assistant.samples import FOLDER
from assistant.server.app import create_app

if TYPE_CHECKING:
    from assistant.server.parts import Parts
    from assistant.settings import Settings


def run(settings: Settings, *, host: str | None, port: int | None, sample: bool) -> None:
    """Serve until SIGTERM (exit code 0) or Ctrl-C (130); answers that run may finish within `inbox.grace_seconds`.

    Raises:
        ConfigurationError: the configuration is wrong, or another process has the port or the inbox.
    """
    given = {"host": host, "port": port}
    server = settings.server.model_copy(update={key: value for key, value in given.items() if value is not None})
    settings = settings.model_copy(update={"server": server})
    app = create_app(settings)
    with listen(server.host, server.port) as listener, terminal.reserved() as out:
        if sample:
            take_samples(settings)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=logging.root.isEnabledFor(logging.DEBUG),
            timeout_graceful_shutdown=math.ceil(settings.inbox.grace_seconds),
            server_header=False,
        )
        url = url_of(listener)
        for handler in logging.root.handlers:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        # uvicorn raises the signal again once it has stopped; for SIGTERM that is a stop as asked, not a failure.
        signal.signal(signal.SIGTERM, lambda *_: None)
        notice = f"{settings.server.title}: {url} (API reference: {url}/docs)"
        parts: Parts = app.state.parts
        Announced(config, notice, out, parts=parts).run([listener])
        if parts.inbox.refused:
            raise parts.inbox.refused


class Announced(uvicorn.Server):
    """Says where it listens as soon as it does; ends where the inbox is another process's.

    Once asked to stop, requests and the inbox finish at the same time: an orchestrator waits once for both.
    """

    def __init__(self, config: uvicorn.Config, notice: str, out: TextIO, *, parts: Parts) -> None:
        super().__init__(config)
        self._notice, self._out = notice, out
        self._inbox = parts.inbox
        self._startup = parts.startup
        self._settled = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._out.write(f"{self._notice}\n")
            self._out.flush()

    async def on_tick(self, counter: int) -> bool:
        if not self._settled and self._startup.ready and self._inbox.state == "ready":
            self._settled = True
            settle()
        return await super().on_tick(counter) or self._inbox.refused is not None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        closing = asyncio.create_task(self._inbox.aclose())
        await super().shutdown(sockets)
        await closing


def settle() -> None:
    """Leave what was loaded out of later garbage collections: a full one of it was seen to stop everything for 96 to 140 ms."""
    gc.collect()
    gc.freeze()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket at `host`, a name or an address; port 0 takes any free one.

    Raises:
        ConfigurationError: the address is taken, or not one of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=2048)
        # Connections inherit it; without, the first token waits 40 ms for the client to acknowledge the headers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen at {host!r} port {port}: {error.strerror or error}; choose another with --host and --port"
        ) from None


def url_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds the server."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def take_samples(settings: Settings) -> None:
    """Ingest the sample documents where the knowledge is empty; otherwise nothing."""
    with Knowledge(settings) as knowledge:
        if knowledge.documents():
            terminal.log.print("the knowledge has documents: the sample was not added", markup=False)
            return
        with bar() as show:
            report = knowledge.add(FOLDER, progress=show)
        terminal.log.print(f"sample documents: {report}", markup=False)
