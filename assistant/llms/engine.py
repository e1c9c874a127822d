"""One vLLM engine on an event loop of its own, usable from any thread and any event loop, and shared by all who ask for the same model."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import queue
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import EngineUnavailable
from assistant.llms.start import EngineConfig, build, explain

if TYPE_CHECKING:
    from vllm import RequestOutput, SamplingParams
    from vllm.v1.engine.async_llm import AsyncLLM

Put = Callable[["RequestOutput | Exception | None"], object]
"""Takes what a request produces: outputs, then None, or the error it ended with."""

GONE = "was closed, or its process died, during the request; the next call starts it again"

_engines: dict[EngineConfig, Engine] = {}
_users: dict[EngineConfig, int] = {}
_registry = threading.Lock()
_starting = threading.Lock()


def acquire(config: EngineConfig, progress: Callable[[str], None]) -> Engine:
    """The running engine of `config`, started if there is none; blocks until it is ready (about 12 s on a CPU).

    Raises:
        ConfigurationError: the model, an option or the installation is wrong.
        EngineUnavailable: memory is short, or vLLM could not start.
    """
    with _starting:  # two at once would both count the same memory as free
        with _registry:
            engine = _engines.get(config)
        if engine is None or not engine.alive:
            if engine is not None:
                engine.close()
            engine = Engine(config, progress)
            with _registry:
                _engines[config], _users[config] = engine, 0
            atexit.unregister(close_all)
            atexit.register(close_all)  # last, so that it runs before vLLM's own clean-up, which would call it a crash
        with _registry:
            _users[config] += 1
        return engine


def release(engine: Engine, *, stop: bool) -> None:
    """One user fewer; the last one may `stop` the engine, otherwise it stays warm for the next user."""
    with _registry:
        if _engines.get(engine.config) is not engine:
            return
        _users[engine.config] -= 1
        if _users[engine.config] > 0 or not stop:
            return
        del _engines[engine.config], _users[engine.config]
    engine.close()


def close_all() -> None:
    """Stop every engine of this process."""
    with _registry:
        engines = list(_engines.values())
        _engines.clear()
        _users.clear()
    for engine in engines:
        engine.close()


def _forget() -> None:
    """A forked child has copies of our objects but not the threads and sockets behind them."""
    global _registry, _starting
    _registry, _starting = threading.Lock(), threading.Lock()
    _engines.clear()
    _users.clear()


os.register_at_fork(after_in_child=_forget)


class Ticket:
    """A request under way; it is aborted when this is cancelled or no longer referred to."""

    __slots__ = ("_future",)

    def __init__(self, future: Future[None]) -> None:
        self._future = future

    def cancel(self) -> None:
        self._future.cancel()

    def __del__(self) -> None:
        self._future.cancel()


class Engine:
    """A running vLLM engine. Get one with `acquire`."""

    def __init__(self, config: EngineConfig, progress: Callable[[str], None]) -> None:
        self.config = config
        self._llm: AsyncLLM | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._pid = os.getpid()
        self._closed = False
        ready: Future[AsyncLLM] = Future()
        self._thread = threading.Thread(target=self._serve, args=(progress, ready), name="vllm", daemon=True)
        began = time.monotonic()
        self._thread.start()
        try:
            llm = ready.result()
        except BaseException:  # also Ctrl-C while it starts
            self.close()
            raise
        self.context_tokens = int(llm.model_config.max_model_len)
        self.folder = Path(llm.model_config.model)
        progress(f"{config.model} ready in {time.monotonic() - began:.1f} s")

    def __repr__(self) -> str:
        return f"Engine({self.config.model!r}, alive={self.alive})"

    @property
    def alive(self) -> bool:
        """Whether it can take requests: started in this process, not closed, its engine process not dead."""
        return self._pid == os.getpid() and self._llm is not None and not self._llm.errored

    @property
    def unfinished(self) -> int:
        """Requests waiting or running."""
        return self._llm.get_num_unfinished_requests() if self._llm else 0

    def generate(self, prompt_ids: list[int], params: SamplingParams) -> Generator[RequestOutput]:
        """Outputs of one request, blocking; leaving the iteration aborts it.

        Raises:
            EngineUnavailable: the engine is closed or died; the next `acquire` starts it again.
            Rejected: vLLM refuses the request.
        """
        outputs: queue.SimpleQueue[RequestOutput | Exception | None] = queue.SimpleQueue()
        ticket = self._submit(prompt_ids, params, outputs.put)
        try:
            while (output := outputs.get()) is not None:
                if isinstance(output, Exception):
                    raise output
                yield output
        finally:
            ticket.cancel()

    async def agenerate(self, prompt_ids: list[int], params: SamplingParams) -> AsyncGenerator[RequestOutput]:
        """Same as `generate`, from any event loop; cancelling the task aborts the request."""
        loop = asyncio.get_running_loop()
        outputs: asyncio.Queue[RequestOutput | Exception | None] = asyncio.Queue()
        ticket = self._submit(prompt_ids, params, lambda output: loop.call_soon_threadsafe(outputs.put_nowait, output))
        try:
            while (output := await outputs.get()) is not None:
                if isinstance(output, Exception):
                    raise output
                yield output
        finally:
            ticket.cancel()

    def close(self) -> None:
        """Abort what runs, end the engine's process and wait for it; safe to call twice."""
        if self._pid != os.getpid():
            return
        self._closed = True
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _submit(self, prompt_ids: list[int], params: SamplingParams, put: Put) -> Ticket:
        llm, loop = self._llm, self._loop
        if llm is not None and loop is not None and self.alive:
            work = self._run(llm, prompt_ids, params, put)
            try:
                return Ticket(asyncio.run_coroutine_threadsafe(work, loop))
            except RuntimeError:  # the loop was closed this moment
                work.close()
        raise EngineUnavailable(f"the engine of {self.config.model!r} is closed or died; the next call starts it again")

    async def _run(self, llm: AsyncLLM, prompt_ids: list[int], params: SamplingParams, put: Put) -> None:
        from vllm.inputs import tokens_input

        try:
            outputs = llm.generate(tokens_input(prompt_ids), params, uuid.uuid4().hex)
            async with contextlib.aclosing(outputs):
                async for output in outputs:
                    if any(answer.finish_reason == "abort" for answer in output.outputs):
                        raise EngineUnavailable(f"the engine of {self.config.model!r} {GONE}")
                    put(output)
            put(None)
        except asyncio.CancelledError:
            with contextlib.suppress(RuntimeError):
                put(EngineUnavailable(f"the engine of {self.config.model!r} {GONE}"))
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the consumer, in its thread
            with contextlib.suppress(RuntimeError):  # the consumer's event loop is gone
                put(explain(error, self.config))

    def _serve(self, progress: Callable[[str], None], ready: Future[AsyncLLM]) -> None:
        try:
            asyncio.run(self._main(progress, ready))
        finally:
            if not ready.done():  # never leave the one who starts it waiting, whatever happened
                ready.set_exception(EngineUnavailable(f"the engine of {self.config.model!r} failed before it started"))

    async def _main(self, progress: Callable[[str], None], ready: Future[AsyncLLM]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            self._llm = build(self.config, progress)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            ready.set_exception(explain(error, self.config))
            return
        ready.set_result(self._llm)
        if self._closed:  # while it started, when there was nothing yet to tell it
            self._stop.set()
        await self._stop.wait()
        llm, self._llm = self._llm, None
        _end(llm)
        for _ in range(3):  # requests that came this moment are told that it is over
            await asyncio.sleep(0)


def _end(llm: Any) -> None:
    llm.shutdown()
    resources = llm.engine_core.resources
    # Where the engine's process died, vLLM's watcher has taken over the shutdown and closes the sockets by a callback in
    # this very loop, perhaps later; the context waits for open sockets, so this thread would wait for itself.
    for socket in (resources.input_socket, resources.output_socket):
        if socket is not None:
            socket.close(linger=0)
    resources.ctx.destroy(linger=0)  # vLLM leaves its sockets' context to the garbage collector
    llm.__dict__["shutdown"] = lambda: None  # its __del__ calls it again, when the interpreter is half torn down
