"""Settings: `assistant.toml` and `ASSISTANT_<SECTION>__<KEY>`; an unknown key is an error that names its neighbour."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from platformdirs import user_cache_path
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from assistant.errors import ConfigurationError

PREFIX = "ASSISTANT_"
NOT_SETTINGS = {"ASSISTANT_CONFIG"}
"""Environment variables with our prefix that are not keys of the configuration."""


def _split(value: Any) -> Any:
    """`a, b` as an environment variable says it is the list `["a", "b"]`."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Listed = BeforeValidator(_split)


class Section(BaseModel):
    """One table of the configuration: no unknown keys, no changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: Any) -> Any:
        """A key that may be unset, or a folder, is unset by an empty text, as `KEY=` in an environment file says it."""
        if not isinstance(values, Mapping):
            return values
        kinds = {name: field.annotation for name, field in cls.model_fields.items()}
        optional = {name for name, kind in kinds.items() if kind is Path or type(None) in get_args(kind)}
        return {key: value for key, value in values.items() if not (value == "" and key in optional)}


class Engine(Section):
    """The model that writes the answers."""

    kind: str = Field(
        default="vllm", description="vllm, openai, sagemaker or package.module:Class of a LangChain chat model"
    )
    model: str = Field(default="smollm2-135m-instruct", description="built-in name, folder or hub id")
    base_url: str | None = Field(default=None, description="server URL ending in /v1 (kind openai)")
    api_key: SecretStr | None = Field(default=None, description="secret of that server")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="number format of the weights"
    )
    max_model_len: int | None = Field(
        default=None, ge=256, description="context in tokens; unset: the model's own, at most 8192 on a CPU"
    )
    kv_cache_gib: float | None = Field(
        default=None, gt=0, description="memory for the KV cache in GiB; unset: sized to the machine"
    )
    max_concurrent: int = Field(default=32, ge=1, description="requests decoded together")
    tool_parser: str | None = Field(default=None, description="vLLM tool parser; unset: the model family's")
    chat_format: str | None = Field(default=None, description="prompt format; unset: read from the model")
    options: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="further vLLM engine arguments, or arguments of the LangChain class",
    )


class KnowledgeSettings(Section):
    """The documents that answers come from."""

    url: str = Field(default="", description="empty: embedded Chroma; http://host:port: a Chroma server")
    collection: str = Field(
        default="knowledge", min_length=3, max_length=63, description="name of the Chroma collection"
    )
    embedding_model: str = Field(
        default="multilingual-e5-small", description="built-in name, folder, hub id or package.module:Class"
    )
    passages: int = Field(default=5, ge=1, le=50, description="passages retrieved for a question")
    chunk_tokens: int = Field(
        default=256, ge=32, le=8192, description="size of a passage in tokens of the embedding model"
    )
    min_score: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="score below which a passage is not shown to the model; unset: whether there is an answer decides",
    )
    reranker: str = Field(
        default="",
        description="orders what was found: llm, cross-encoder folder or hub id, package.module:Class; empty: none",
    )
    context_tokens: int = Field(
        default=1500,
        ge=0,
        le=100_000,
        description="room that passages are widened to with the text around them; 0: as found",
    )
    max_file_mib: float = Field(default=64, gt=0, description="larger files are refused")
    max_seconds: float = Field(default=60, gt=0, description="time one document may take to load")
    allow_private_urls: bool = Field(default=False, description="let URLs reach private and loopback addresses")


class Chat(Section):
    """How a turn is answered."""

    grounding: Literal["strict", "prefer", "off"] = Field(
        default="strict",
        description="strict: only what documents support; prefer: else says it is not from them; off: no retrieval",
    )
    min_confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="how likely there is an answer, below which strict refuses; 0: never for this reason; unset: 0.23",
    )
    temperature: float = Field(default=0.0, ge=0, le=2, description="0: the likeliest words; higher: more varied")
    max_tokens: int = Field(default=512, ge=1, description="tokens of an answer at most")
    passages: int | None = Field(
        default=None, ge=1, le=50, description="passages shown to the model; unset: sized to the model"
    )
    history_turns: int = Field(default=6, ge=0, le=100, description="earlier turns shown to the model at most")
    instructions: str = Field(default="", description="added to the system prompt: tone, name, scope")


class State(Section):
    """Where conversations and the inbox are kept."""

    url: str | None = Field(
        default=None,
        repr=False,  # may hold a password
        pattern=r"^(sqlite|postgresql)(\+\w+)?://",
        description="sqlite:///… or postgresql://…; unset: SQLite under data_dir",
    )


class Server(Section):
    """The HTTP surface."""

    host: str = Field(default="127.0.0.1", description="address to listen at; beyond loopback api_keys must be set")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen at; 0: any free one")
    public_url: str | None = Field(default=None, description="the URL platforms reach the webhooks at")
    api_keys: Annotated[list[SecretStr], Listed] = Field(
        default_factory=list, description="keys that /v1 asks for; empty: none"
    )
    cors_origins: Annotated[list[str], Listed] = Field(
        default_factory=list, description="web pages allowed to call the API"
    )
    trusted_network: bool = Field(
        default=False, description="callers were checked before they reach the port (SageMaker): listen anywhere"
    )
    max_body_mib: float = Field(default=32, gt=0, description="larger requests are refused with 413")
    max_concurrent: int = Field(default=64, ge=1, description="answers generated at once; more are refused with 429")
    title: str = Field(default="Assistant", description="name shown on the chat page")


class Safety(Section):
    """Limits on what users may do."""

    max_question_chars: int = Field(default=8000, ge=1, description="longer questions are refused")


class Settings(Section):
    """The whole configuration; `load()` reads the file and the environment, the constructor takes values only."""

    data_dir: Path = Field(default=Path("data"), description="where everything embedded lives")
    cache_dir: Path = Field(
        default_factory=lambda: user_cache_path("llama-assistant-sdk"), description="unpacked built-in models"
    )
    engine: Engine = Field(default_factory=Engine)
    knowledge: KnowledgeSettings = Field(default_factory=KnowledgeSettings)
    chat: Chat = Field(default_factory=Chat)
    state: State = Field(default_factory=State)
    server: Server = Field(default_factory=Server)
    safety: Safety = Field(default_factory=Safety)
    connectors: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        repr=False,
        description="one table a platform; a connector is on when its table is present",
    )

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
        """Read `path`, or `ASSISTANT_CONFIG`, or `assistant.toml` if present; then the environment; then `overrides`.

        Raises:
            ConfigurationError: the file cannot be read, a key is unknown, a value is wrong; the message names the key.
        """
        source = _find(path)
        values = _merge(_merge(_read(source) if source else {}, _environment(os.environ)), overrides)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigurationError("\n".join(_explain(error, source))) from None


def _find(path: str | Path | None) -> Path | None:
    named = path or os.environ.get("ASSISTANT_CONFIG")
    if named:
        return Path(named)
    default = Path("assistant.toml")
    return default if default.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigurationError(f"configuration {str(path)!r} does not exist: `assistant init` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"configuration {str(path)!r} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"configuration {str(path)!r} is not valid TOML: {error}") from None


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """`ASSISTANT_SERVER__PORT=8080` becomes `{"server": {"port": "8080"}}`; lists and tables may be JSON."""
    values: dict[str, Any] = {}
    for name, text in sorted(environ.items()):  # a table given whole comes before its keys
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        table = values
        for depth, section in enumerate(sections, start=1):
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                whole = _variable(sections[:depth])
                raise ConfigurationError(f"{whole} is not a table, but {name} sets a key in it: unset one of them")
        table[key] = _parse(text, scalars=sections == ["engine", "options"])
    return values


def _parse(text: str, *, scalars: bool) -> Any:
    """JSON tables and lists; with `scalars` also numbers and booleans, for keys whose type nothing declares."""
    if not scalars and text[:1] not in ("[", "{"):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _explain(error: ValidationError, source: Path | None) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        path = [str(part) for part in problem["loc"]]
        where = _where(path, source)
        if problem["type"] == "extra_forbidden":
            yield f"{'.'.join(path)}: no such key in {where}; did you mean {_nearest(path)!r}?"
        else:
            yield f"{'.'.join(path)}: {problem['msg']} (in {where})"


def _where(path: list[str], source: Path | None) -> str:
    """Where the value at `path` was set: a variable if one names it or a table around it, else the file."""
    variables = [_variable(path[:depth]) for depth in range(len(path), 0, -1)]
    found = next((name for name in variables if name in os.environ), None)
    return found or (str(source) if source else "the configuration")


def _variable(path: list[str]) -> str:
    return PREFIX + "__".join(path).upper()


def _nearest(path: list[str]) -> str:
    """The key most like an unknown one: beside it, or of the same name in another section."""
    *sections, name = path
    known = [[*sections, key] for key in _keys(sections)]
    known += [[section, name] for section in Settings.model_fields if name in _keys([section])]
    nearest = max(known, key=lambda key: difflib.SequenceMatcher(None, name, key[-1]).ratio())
    return ".".join(nearest)


def _keys(path: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for name in path:
        annotation = model.model_fields[name].annotation
        if not (isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
