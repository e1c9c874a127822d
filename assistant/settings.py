"""Settings: `assistant.toml` and `ASSISTANT_<SECTION>__<KEY>`; an unknown key is an error that names its neighbour."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

from platformdirs import user_cache_path
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
)

from assistant.errors import ConfigurationError
from assistant.sections import Bot, Chat, Engine, InboxSettings, KnowledgeSettings, Safety, Section, Server, State, Web

PREFIX = "ASSISTANT_"
NOT_SETTINGS = {"ASSISTANT_CONFIG"}
"""Environment variables with our prefix that are not keys of the configuration."""


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
    inbox: InboxSettings = Field(default_factory=InboxSettings)
    bot: Bot = Field(default_factory=Bot)
    server: Server = Field(default_factory=Server)
    web: Web = Field(default_factory=Web)
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
            yield f"{'.'.join(path)}: {problem['msg'].removeprefix('Value error, ')} (in {where})"


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
