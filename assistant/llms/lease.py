"""One model's hold on a shared engine."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from assistant.llms.engine import Engine, acquire, release
from assistant.llms.start import EngineConfig


class Lease:
    """Finds or starts the engine when it is needed; a copy or a pickle starts empty and finds the same engine again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._dropped: weakref.finalize[..., Lease] | None = None

    def __reduce__(self) -> tuple[type[Lease], tuple[()]]:
        return Lease, ()

    @property
    def running(self) -> Engine | None:
        """The engine where one is held and alive; never starts it."""
        return self._engine if self._engine is not None and self._engine.alive else None

    def engine(self, config: EngineConfig, progress: Callable[[str], None]) -> Engine:
        """The running engine of `config`; raises as `acquire` does."""
        with self._lock:
            if self._engine is None or not self._engine.alive:
                self._engine = acquire(config, progress)
                # Dropped without `close`: the engine stays warm for the next model, but no longer counts this one.
                self._dropped = weakref.finalize(self, release, self._engine, stop=False)
                self._dropped.atexit = False
            return self._engine

    def close(self) -> None:
        """Give the engine back; the last one to do so ends it."""
        with self._lock:
            held, self._engine = self._engine, None
            if held is None or self._dropped is None or self._dropped.detach() is None:
                return
        release(held, stop=True)
