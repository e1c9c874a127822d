"""Settings: `assistant.toml` and `ASSISTANT_<SECTION>__<KEY>` environment variables; an unknown key is an error that names its neighbour."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_cache_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from assistant.errors import ConfigurationError

PREFIX = "ASSISTANT_"
NOT_SETTINGS = {"ASSISTANT_CONFIG"}
"""Environment variables with our prefix that are not keys of the configuration."""


class Section(BaseModel):
    """One table of the configuration: no unknown keys, no changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Engine(Section):
    """The model that writes the answers."""

    kind: str = Field("vllm", description="vllm, openai, sagemaker or package.module:Class of a LangChain chat model")
    model: str = Field("smollm2-135m-instruct", description="built-in name, folder or hub id")
    base_url: str | None = Field(None, description="server URL ending in /v1 (kind openai)")
    api_key: SecretStr | None = Field(None, description="secret of that server")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    max_model_len: int | None = Field(None, ge=256, description="context in tokens; unset: the model's own, at most 8192 on a CPU")
    kv_cache_gib: float | None = Field(None, gt=0, description="memory for the KV cache in GiB; unset: sized to the machine")
    max_concurrent: int = Field(32, ge=1, description="requests decoded together")
    tool_parser: str | None = Field(None, description="vLLM tool parser; unset: the model family's")
    chat_format: str | None = Field(None, description="prompt format; unset: read from the model")
    options: dict[str, Any] = Field(default_factory=dict, description="further vLLM engine arguments, or arguments of the LangChain class")


class KnowledgeSettings(Section):
    """The documents that answers come from."""

    url: str = Field("", description="empty: embedded Chroma; http://host:port: a Chroma server")
    collection: str = Field("knowledge", min_length=3, max_length=63)
    embedding_model: str = Field("multilingual-e5-small", description="built-in name, folder, hub id or package.module:Class")
    passages: int = Field(5, ge=1, le=50, description="passages retrieved for a question")
    chunk_tokens: int = Field(256, ge=32, le=8192, description="size of a passage in tokens of the embedding model")
    min_score: float | None = Field(None, ge=0, le=1, description="relevance below which a passage is not evidence; unset: the embedding model's own")
    max_file_mib: float = Field(64, gt=0, description="larger files are refused")
    max_seconds: float = Field(60, gt=0, description="time one document may take to load")
    allow_private_urls: bool = Field(False, description="let URLs reach private and loopback addresses")


class Chat(Section):
    """How a turn is answered."""

    grounding: Literal["strict", "prefer", "off"] = "strict"
    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: int = Field(512, ge=1, description="tokens of an answer at most")
    passages: int | None = Field(None, ge=1, le=50, description="passages shown to the model; unset: sized to the model")
    history_turns: int = Field(6, ge=0, le=100, description="earlier turns shown to the model at most")
    instructions: str = Field("", description="added to the system prompt: tone, name, scope")


class State(Section):
    """Where conversations and the inbox are kept."""

    url: str | None = Field(None, description="sqlite:///… or postgresql://…; unset: SQLite under data_dir")


class Server(Section):
    """The HTTP surface."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    public_url: str | None = Field(None, description="the URL platforms reach the webhooks at")
    api_keys: list[SecretStr] = Field(default_factory=list)
    cors_origins: list[str] = Field(default_factory=list)
    max_body_mib: float = Field(32, gt=0, description="larger requests are refused with 413")
    max_concurrent: int = Field(64, ge=1, description="answers generated at once; more are refused with 429")
    title: str = Field("Assistant", description="name shown on the chat page")


class Safety(Section):
    """Limits on what users may do."""

    max_question_chars: int = Field(8000, ge=1)


class Settings(Section):
    """The whole configuration. `Settings.load()` reads the file and the environment; the constructor takes values only."""

    data_dir: Path = Path("data")
    cache_dir: Path = Field(default_factory=lambda: user_cache_path("llama-assistant-sdk"), description="unpacked built-in models")
    engine: Engine = Field(default_factory=Engine)
    knowledge: KnowledgeSettings = Field(default_factory=KnowledgeSettings)
    chat: Chat = Field(default_factory=Chat)
    state: State = Field(default_factory=State)
    server: Server = Field(default_factory=Server)
    safety: Safety = Field(default_factory=Safety)
    connectors: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)

    @field_validator("data_dir", "cache_dir")
    @classmethod
    def _expand(cls, path: Path) -> Path:
        return path.expanduser()

    @property
    def state_url(self) -> str:
        """SQLAlchemy URL of the state database."""
        if self.state.url is None:
            return f"sqlite:///{(self.data_dir / 'state.db').absolute()}"
        return self.state.url.replace("postgresql://", "postgresql+psycopg://", 1)

    @classmethod
    def load(cls, path: str | Path | None = None, **overrides: Any) -> Settings:
        """Read `path`, or `ASSISTANT_CONFIG`, or `assistant.toml` where it exists; then the environment; then `overrides` (nested dicts).

        Raises:
            ConfigurationError: the file cannot be read, a key is unknown, or a value is wrong; the message names the key.
        """
        source = _find(path)
        values = _read(source) if source else {}
        try:
            known = _merge(_merge(values, _environment(os.environ)), overrides)
            return cls.model_validate(known)
        except ValidationError as error:
            where = str(source) if source else "the environment"
            raise ConfigurationError("\n".join(_explain(error, where))) from None


def _find(path: str | Path | None) -> Path | None:
    named = path or os.environ.get("ASSISTANT_CONFIG")
    if named:
        return Path(named)
    default = Path("assistant.toml")
    return default if default.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigurationError(f"configuration {str(path)!r} does not exist: `assistant init` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"configuration {str(path)!r} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"configuration {str(path)!r} is not valid TOML: {error}") from None


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """`ASSISTANT_SERVER__PORT=8080` becomes `{"server": {"port": "8080"}}`; lists and tables are JSON."""
    values: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        table = values
        for section in sections:
            table = table.setdefault(section, {})
        table[key] = _parse(text)
    return values


def _parse(text: str) -> Any:
    if text[:1] in "[{":
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _explain(error: ValidationError, where: str) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        path = [str(part) for part in problem["loc"]]
        key = ".".join(path)
        if problem["type"] != "extra_forbidden":
            yield f"{key}: {problem['msg']} (in {where} or {PREFIX}{'__'.join(path).upper()})"
            continue
        near = difflib.get_close_matches(path[-1], _keys(path[:-1]), n=1, cutoff=0.0)
        yield f"{key}: no such key in {where}; did you mean {'.'.join([*path[:-1], *near])!r}?"


def _keys(path: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for name in path:
        annotation = model.model_fields[name].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
