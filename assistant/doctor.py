"""What is wrong with this installation and its configuration, and what to do; starts no engine and changes nothing."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assistant.errors import AssistantError, ConfigurationError
from assistant.llms.sizes import CPU_CONTEXT, GIB
from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant import hardware, llama

FREE_GIB = 3.0
"""Disk that the built-in models unpacked (0.7 GiB), a small knowledge and their indexes need, with room to grow."""

SECONDS = 5.0
"""How long a server may take to answer."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `remedy` says what to do where it is not "ok". No text holds a secret."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def examine(config: str | Path | None = None, *, offline: bool = False) -> list[Check]:
    """Every check on the configuration at `config` (default as `Settings.load`); `offline`: no platform is asked.

    Where the configuration itself is wrong, what depends on it is not checked.
    """
    checks = list(_python())
    try:
        settings = Settings.load(config)
    except ConfigurationError as error:
        return [*checks, Check("configuration", "fail", str(error), "correct the key that is named")]
    checks.append(
        Check("configuration", "ok", f"engine.kind {settings.engine.kind!r}, data in {str(settings.data_dir)!r}")
    )
    for name, look in CHECKS.items():
        checks += _guarded(name, look, settings)
    return checks if offline else [*checks, *_guarded("platforms", _platforms, settings)]


def _guarded(name: str, look: Callable[[Settings], Iterator[Check]], settings: Settings) -> list[Check]:
    """An error on purpose is a failed check: its message already says what to do."""
    try:
        return list(look(settings))
    except AssistantError as error:
        return [Check(name, "fail", str(error))]


def _python() -> Iterator[Check]:
    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _storage(settings: Settings) -> Iterator[Check]:
    for key, folder in (("data_dir", settings.data_dir), ("cache_dir", settings.cache_dir)):
        existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            yield Check(key, "fail", f"{str(existing)!r} cannot be written", f"set {key} to a folder of yours")
            continue
        free = shutil.disk_usage(existing).free / GIB
        detail = f"{str(folder)!r}: {free:.1f} GiB free"
        yield (
            Check(key, "ok", detail)
            if free >= FREE_GIB
            else Check(
                key, "warn", detail, f"free some space, or set {key} to another disk: {FREE_GIB:.0f} GiB are advised"
            )
        )


def _state(settings: Settings) -> Iterator[Check]:
    from sqlalchemy import create_engine, inspect, make_url
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        url = make_url(settings.state_url)
    except ArgumentError:
        raise ConfigurationError(
            "state.url: not a database URL; sqlite:///file.db or postgresql://user@host/name"
        ) from None
    shown = url.render_as_string(hide_password=True)
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and not Path(url.database or "").exists():
        yield Check("state", "ok", f"{shown} is made on first use")
        return
    try:
        engine = create_engine(url, connect_args={} if sqlite else {"connect_timeout": int(SECONDS)})
        inspect(engine).get_table_names()  # SQLite reads a file only when it is asked for what is in it
        engine.dispose()
    except ImportError as error:
        yield Check("state", "fail", f"no driver for {shown}: {error}", "install the extra [postgres]")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0].replace(url.password or "\0", "***")
        yield Check("state", "fail", f"{shown} does not answer: {reason}", "start the database or correct state.url")
    else:
        yield Check("state", "ok", f"{shown} answers")


def _knowledge(settings: Settings) -> Iterator[Check]:
    from assistant.knowledge import Knowledge

    if not settings.knowledge.url and not (settings.data_dir / "chroma").exists():
        yield Check("knowledge", "warn", "there are no documents yet", "`assistant ingest PATH` takes documents in")
        return
    try:
        with Knowledge(settings) as knowledge:
            documents = len(knowledge.documents())
    except ConfigurationError as error:
        if "in use by process" not in str(error):
            raise
        yield Check("knowledge", "warn", str(error), "nothing, if that is your running server")
        return
    if documents:
        yield Check("knowledge", "ok", f"{documents} documents, embedded by {settings.knowledge.embedding_model!r}")
    else:
        yield Check("knowledge", "warn", "there are no documents yet", "`assistant ingest PATH` takes documents in")


def _engine(settings: Settings) -> Iterator[Check]:
    kind = settings.engine.kind
    if kind == "vllm":
        yield from _vllm(settings)
    elif kind == "openai":
        yield from _openai(settings)
    elif ":" in kind:
        module = kind.partition(":")[0]
        found = _importable(module)
        yield (
            Check("engine", "ok", f"{kind!r} is installed")
            if found
            else Check(
                "engine",
                "fail",
                f"engine.kind: there is no module {module!r}",
                "install its package or correct the name",
            )
        )
    else:
        yield Check("engine", "warn", f"engine.kind {kind!r} is not checked here")


def _vllm(settings: Settings) -> Iterator[Check]:
    from assistant import hardware
    from assistant.llms import machine
    from assistant.llms.weights import BUILT_IN

    distribution = machine.installed_vllm()
    if broken := machine.broken_media_packages():
        detail = f"{', '.join(broken)} are built for CUDA and break vLLM beside a CPU torch"
        yield Check("vllm", "fail", detail, f"`pip uninstall -y {' '.join(broken)}`")
    on_cpu, gpu = machine.on_cpu(), hardware.gpu_memory()
    if not on_cpu and gpu is None:
        yield Check(
            "vllm", "fail", f"{distribution} is for GPUs and finds none", "install the extra [cpu] instead of [gpu]"
        )
        return
    if on_cpu and gpu is not None:
        yield Check("vllm", "warn", f"{distribution} does not use the {gpu.name} here", "install the extra [gpu]")
    memory = hardware.main_memory() if on_cpu or gpu is None else gpu
    yield Check("vllm", "ok", f"{distribution} on {memory.name}, {machine.cores()} cores, computes in {memory.dtype}")
    packaged = BUILT_IN.get(settings.engine.model)
    if packaged and not _importable(packaged.package):
        yield Check("engine", "fail", f"the weights of {settings.engine.model!r} are missing", f"`{packaged.install}`")
    yield from _fit(settings, memory)


def _fit(settings: Settings, memory: hardware.Memory) -> Iterator[Check]:
    from assistant import llama

    engine = settings.engine
    model = llama.find(engine.model) or _from_folder(Path(engine.model).expanduser())
    if model is None:
        yield Check(
            "memory", "warn", f"the size of {engine.model!r} is not known here", "a hub model tells it when loaded"
        )
        return
    if model.prompt_format == "none":
        yield Check(
            "model", "warn", f"{model.name!r} is a base model: it completes text", "choose its chat or Instruct model"
        )
    dtype = memory.dtype if engine.dtype == "auto" else engine.dtype
    free = memory.available if memory.kind == "cpu" else memory.usable
    limit = engine.max_model_len or (CPU_CONTEXT if memory.kind == "cpu" else model.context)
    fit = llama.fit(model, free, dtype=dtype, context=limit)
    if not fit.fits:
        yield Check(
            "memory", "fail", f"{model.name!r} in {dtype}: {fit}", "choose a smaller model: see `assistant models`"
        )
    elif fit.context < min(limit, model.context):
        yield Check("memory", "warn", f"{model.name!r} in {dtype}: {fit}", f"set engine.max_model_len to {fit.context}")
    else:
        yield Check("memory", "ok", f"{model.name!r} in {dtype}: {fit}")


def _from_folder(folder: Path) -> llama.Model | None:
    from assistant import llama

    path = folder / "config.json"
    return llama.from_file(path) if path.is_file() else None


def _openai(settings: Settings) -> Iterator[Check]:
    import httpx2

    engine = settings.engine
    if not engine.base_url:
        yield Check("engine", "fail", "engine.base_url is not set", "set it to the server's URL, ending in /v1")
        return
    headers = {"Authorization": f"Bearer {engine.api_key.get_secret_value()}"} if engine.api_key else {}
    url = httpx2.URL(engine.base_url.rstrip("/") + "/models")
    shown = f"{url.scheme}://{url.netloc.decode().rpartition('@')[2]}{url.path}"
    try:
        response = httpx2.get(url, headers=headers, timeout=SECONDS)
        response.raise_for_status()
        served = [str(model["id"]) for model in response.json()["data"]]
    except httpx2.HTTPStatusError as error:
        status = error.response.status_code
        remedy = "set engine.api_key" if status in (401, 403) else "correct engine.base_url: it ends in /v1"
        yield Check("engine", "fail", f"{shown} answers {status}", remedy)
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        yield Check(
            "engine", "fail", f"{shown} does not answer: {type(error).__name__}", "start it or correct engine.base_url"
        )
    else:
        known = engine.model in served
        yield (
            Check("engine", "ok", f"{shown} serves {engine.model!r}")
            if known
            else Check(
                "engine", "fail", f"{shown} does not serve {engine.model!r}", f"set engine.model to one of {served}"
            )
        )


def _exposure(settings: Settings) -> Iterator[Check]:
    from assistant.server.guard import check_listen

    check_listen(settings, settings.server.host)
    keys = len(settings.server.api_keys)
    yield Check("exposure", "ok", f"listens at {settings.server.host!r}, {keys or 'no'} API keys")


def _connectors(settings: Settings) -> Iterator[Check]:
    from assistant import doctor_messaging

    return doctor_messaging.connectors(settings)


def _platforms(settings: Settings) -> Iterator[Check]:
    from assistant import doctor_platforms

    return doctor_platforms.platforms(settings)


def _inbox(settings: Settings) -> Iterator[Check]:
    from assistant import doctor_messaging

    return doctor_messaging.inbox(settings)


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


CHECKS: dict[str, Callable[[Settings], Iterator[Check]]] = {
    "storage": _storage,
    "state": _state,
    "knowledge": _knowledge,
    "engine": _engine,
    "exposure": _exposure,
    "connectors": _connectors,
    "inbox": _inbox,
}
