"""Run an ASGI app on a free port of this machine: in the running loop, or in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

CUT = "assistant.cut"
"""Key in `scope["extensions"]` of a call that ends the client's connection at once, without an answer."""


@asynccontextmanager
async def serving(app: Any, *, port: int = 0) -> AsyncIterator[str]:
    """Serve `app` in the running loop; gives its URL. Requests that are open at the end are cut."""
    ready = asyncio.Event()
    server = _Server(app, port, ready.set)
    task = asyncio.create_task(server.serve())
    task.add_done_callback(lambda _: ready.set())
    await ready.wait()
    if task.done():
        task.result()
    try:
        yield server.url
    finally:
        server.should_exit = True
        await task


@contextmanager
def served(app: Any, *, port: int = 0) -> Iterator[str]:
    """Serve `app` in a thread with a loop of its own; gives its URL."""
    ready = threading.Event()
    server = _Server(app, port, ready.set)

    def run() -> None:
        try:
            asyncio.run(server.serve())
        finally:
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield server.url
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    """A server that leaves the process's signal handlers alone, calls `ready`, and lets an app cut a connection."""

    def __init__(self, app: Any, port: int, ready: Callable[[], object]) -> None:
        self._app, self._ready = app, ready
        super().__init__(
            uvicorn.Config(
                self._cuttable,
                interface="asgi3",
                port=port,
                log_level="error",
                access_log=False,
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )

    @property
    def url(self) -> str:
        if not self.started:
            raise RuntimeError("the server did not start: its port is taken, or the app failed at its start")
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            _abort(connection)
        await super().shutdown(sockets)

    async def _cuttable(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope.setdefault("extensions", {})[CUT] = lambda: self._cut(scope["client"])
        await self._app(scope, receive, send)

    def _cut(self, client: tuple[str, int]) -> None:
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == tuple(client):
                _abort(connection)


def _abort(connection: Any) -> None:
    if connection.transport is not None:
        connection.transport.abort()
