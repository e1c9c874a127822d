"""From `engine.kind` to a LangChain chat model: vLLM in this process, a server that speaks OpenAI's protocol, any class."""

from __future__ import annotations

import difflib
import importlib
import inspect
from pathlib import Path
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel

from assistant.errors import ConfigurationError
from assistant.sections import Chat, Engine

KINDS = ("vllm", "openai", "sagemaker")


def open_chat_model(engine: Engine, chat: Chat, cache_dir: Path) -> BaseChatModel:
    """The chat model that `engine` describes, with the temperature and length of `chat`; starts and connects to nothing.

    Raises:
        ConfigurationError: the kind is unknown, or what it needs is missing; the message names the key.
    """
    match engine.kind:
        case "vllm":
            return _vllm(engine, chat, cache_dir)
        case "openai":
            return _openai(engine, chat)
        case "sagemaker":
            return _sagemaker(engine, chat, cache_dir)
        case kind if ":" in kind:
            return _construct(_load(kind), kind, engine, chat)
    near = difflib.get_close_matches(engine.kind, KINDS, n=1, cutoff=0.0)[0]
    raise ConfigurationError(
        f"engine.kind {engine.kind!r} is unknown; did you mean {near!r}? "
        f"There are {', '.join(KINDS)} and package.module:Class of a LangChain chat model"
    )


def _vllm(engine: Engine, chat: Chat, cache_dir: Path) -> BaseChatModel:
    from assistant.llms.chat_vllm import ChatVLLM

    return ChatVLLM(
        model=engine.model,
        temperature=chat.temperature,
        max_tokens=chat.max_tokens,
        dtype=engine.dtype,
        max_model_len=engine.max_model_len,
        kv_cache_gib=engine.kv_cache_gib,
        max_concurrent=engine.max_concurrent,
        tool_parser=engine.tool_parser,
        chat_format=engine.chat_format,
        engine_options=engine.options,
        cache_dir=cache_dir,
    )


def _openai(engine: Engine, chat: Chat) -> BaseChatModel:
    if not engine.base_url:
        raise ConfigurationError(
            "engine.kind 'openai' needs engine.base_url: the server's URL ending in /v1, such as http://localhost:8000/v1"
        )
    from assistant.llms.server import ChatServer

    key = engine.api_key.get_secret_value() if engine.api_key else "none"  # local servers ask for none
    given = {"temperature": chat.temperature, "max_tokens": chat.max_tokens, "stream_usage": True, **engine.options}
    return _build(ChatServer, "openai", model=engine.model, base_url=engine.base_url, api_key=key, **given)


def _sagemaker(engine: Engine, chat: Chat, cache_dir: Path) -> BaseChatModel:
    """The class lives in `deploy`, which depends on this package and not the other way round; hence by name."""
    try:
        found = importlib.import_module("deploy").ChatSageMaker
    except ImportError as error:
        raise ConfigurationError(
            f"engine.kind 'sagemaker' needs the package {error.name!r}, which cannot be imported: reinstall llama-assistant-sdk"
        ) from error
    if "model" not in engine.model_fields_set:
        raise ConfigurationError("engine.kind 'sagemaker' needs engine.model: the name of the endpoint")
    if engine.api_key:
        raise ConfigurationError(
            "engine.kind 'sagemaker' takes no engine.api_key: AWS's own configuration says who calls "
            "(`aws configure`, AWS_PROFILE, or engine.options.aws_profile)"
        )
    given = {
        "endpoint": engine.model,
        "endpoint_url": engine.base_url,
        "chat_format": engine.chat_format,
        "max_model_len": engine.max_model_len,
        "max_concurrent": engine.max_concurrent,
        "temperature": chat.temperature,
        "max_tokens": chat.max_tokens,
        "cache_dir": cache_dir,
        **engine.options,
    }
    return _build(found, "sagemaker", **given)


def _load(kind: str) -> Any:
    module, _, name = kind.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ConfigurationError(
            f"engine.kind {kind!r}: module {module!r} cannot be imported ({error}); is its package installed?"
        ) from error
    except AttributeError:
        raise ConfigurationError(f"engine.kind {kind!r}: module {module!r} has no {name!r}") from None
    if not (isinstance(found, type) and issubclass(found, BaseChatModel)):
        raise ConfigurationError(f"engine.kind {kind!r} is not a LangChain BaseChatModel")
    return found


def _construct(cls: Any, kind: str, engine: Engine, chat: Chat) -> BaseChatModel:
    """With `engine.options`, and of the other keys those that were set and that the class knows."""
    known = _parameters(cls)
    key = engine.api_key.get_secret_value() if engine.api_key else None
    shared = {"model": engine.model, "base_url": engine.base_url, "api_key": key}
    values = {name: shared[name] for name in engine.model_fields_set & shared.keys()}
    values |= {name: getattr(chat, name) for name in chat.model_fields_set & {"temperature", "max_tokens"}}
    return _build(cls, kind, **{**{name: value for name, value in values.items() if name in known}, **engine.options})


def _parameters(cls: Any) -> set[str]:
    fields = getattr(cls, "model_fields", {})
    aliases = {field.alias for field in fields.values() if field.alias}
    return {*fields, *aliases, *inspect.signature(cls).parameters}


def _build(cls: Any, kind: str, **values: Any) -> BaseChatModel:
    try:
        model = cls(**values)
    except Exception as error:  # noqa: BLE001 - whatever a foreign constructor raises, its arguments come from the configuration
        names = ", ".join(sorted(values))
        raise ConfigurationError(f"engine.kind {kind!r} cannot be constructed with {names}: {_brief(error)}") from None
    if not isinstance(model, BaseChatModel):
        raise ConfigurationError(
            f"engine.kind {kind!r} made a {type(model).__name__!r}, which is no LangChain BaseChatModel"
        )
    return model


def _brief(error: Exception) -> str:
    """Without the values: one of them may be the key."""
    details = getattr(error, "errors", None)
    if callable(details):  # pydantic
        found = details(include_input=False, include_url=False)
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found)
    return type(error).__name__ if "api_key" in str(error) else f"{type(error).__name__}: {error}"
