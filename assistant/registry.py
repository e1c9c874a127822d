"""Connectors by name: from the sections of the configuration to objects, or to an error that names the key."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NotRequired, Required, get_args, get_origin  # on Python 3.11 pydantic reads no other

from pydantic import ConfigDict, SecretStr, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from assistant.connector import Capabilities, Connector
from assistant.errors import ConfigurationError
from assistant.plugins import imported, is_named
from assistant.settings import PREFIX, Settings

GROUP = "assistant.connectors"
"""Entry point group under which a connector is found by the name of its configuration section."""

SECTION = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""A section's name is part of a URL and of an environment variable."""

RESERVED = "web"
"""The server's own chat page is a connector of this name."""

SECRETIVE = re.compile(r"token|secret|password|phrase|credential|key|auth|private", re.IGNORECASE)
"""Names of options whose values are never shown."""

REQUIRED = ("verify", "parse", "send")
"""Methods of every connector; `name` and `capabilities` may be set by its constructor."""


@dataclass(frozen=True, slots=True)
class _Option:
    """A parameter of a connector's constructor."""

    kind: Any
    required: bool

    @property
    def optional(self) -> bool:
        return type(None) in get_args(self.kind)

    @property
    def secret(self) -> bool:
        return SecretStr in (self.kind, *get_args(self.kind))

    @property
    def listed(self) -> bool:
        kinds = get_args(self.kind) if self.optional else (self.kind,)
        return any(get_origin(kind) in (list, tuple, set, frozenset, Sequence) for kind in kinds)


def open_connectors(settings: Settings) -> dict[str, Connector]:
    """The connector of every section, constructed with its keys; nothing is connected yet.

    A section is of the installed connector of its name, or says `class = "package.module:Class"`, or with the name of
    an installed one (`class = "telegram"`): a class can have several sections. Values become what the constructor's
    parameters are annotated with; one called `name` gets the section's.

    Raises:
        ConfigurationError: a line for every key that is unknown, missing or wrong, and for every class that cannot be used.
    """
    return _each(settings, _open)


def check_connectors(settings: Settings) -> None:
    """The same checks, of classes and keys, without constructing anything. Raises as `open_connectors`."""
    _each(settings, check_connector)


def check_connector(name: str, section: Mapping[str, Any]) -> None:
    """Check one section. Raises as `open_connectors`."""
    _plan(name, section)


def _each(settings: Settings, work: Any) -> dict[str, Any]:
    done: dict[str, Any] = {}
    problems: list[str] = []
    for name, section in settings.connectors.items():
        try:
            done[name] = work(name, section)
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    return done


def _open(name: str, section: Mapping[str, Any]) -> Connector:
    kind, arguments = _plan(name, section)
    where = f"connectors.{name}"
    try:
        connector = kind(**arguments)
    except Exception as error:  # noqa: BLE001 - whatever a third party's constructor raises
        reason = str(error) if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {error}"
        told = _hidden(reason, section, _options(kind))
        named = isinstance(error, ConfigurationError) and told.startswith(f"{where}.")
        raise ConfigurationError(told if named else f"{where}: {_class(kind)} cannot be made: {told}") from None
    if not isinstance(getattr(connector, "capabilities", None), Capabilities):
        raise ConfigurationError(f"{where}: {_class(kind)} is no connector: it has no `capabilities: Capabilities`")
    if connector.name != name:
        remedy = "let its constructor take `name`" if "name" not in _options(kind) else "let it keep the `name` it gets"
        raise ConfigurationError(f"{where}: {_class(kind)} calls itself {connector.name!r}: {remedy}")
    return connector


def _plan(name: str, section: Mapping[str, Any]) -> tuple[type[Connector], dict[str, Any]]:
    """The class of a section and what to construct it with."""
    if not SECTION.fullmatch(name):
        raise ConfigurationError(
            f"connectors.{name}: a section's name has lower-case letters, digits, '-' and '_' only"
        )
    if name == RESERVED:
        raise ConfigurationError(f"connectors.{name}: {name!r} is the server's chat page: name the section otherwise")
    kind = _found(name, section.get("class", name))
    options = _options(kind)
    takes_name = options.pop("name", None) is not None
    values = {key: _plain(value, options.get(key)) for key, value in section.items() if key != "class"}
    values = {key: value for key, value in values.items() if value != "" or not _unsettable(options.get(key))}
    arguments = _validated(name, values, options, _takes_any(kind))
    return kind, {**arguments, **({"name": name} if takes_name else {})}


def _found(name: str, wanted: Any) -> type[Connector]:
    where = f"connectors.{name}"
    if isinstance(wanted, str) and is_named(wanted):
        kind = imported(wanted, key=f"{where}.class")
    else:
        kind = _loaded(where, _installed(where, wanted))
    missing = [method for method in REQUIRED if not callable(getattr(kind, method, None))]
    if not isinstance(kind, type) or missing:
        raise ConfigurationError(
            f"{where}: {_class(kind)} is no connector: it has no {', no '.join(missing) or 'class'}"
        )
    return kind


def _installed(where: str, wanted: Any) -> EntryPoint:
    points = {(point.name, point.value): point for point in entry_points(group=GROUP)}
    names = sorted({name for name, _ in points})
    found = [point for point in points.values() if point.name == wanted]
    if not found:
        near = difflib.get_close_matches(str(wanted), names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigurationError(
            f"{where}: no such connector is installed (installed: {', '.join(names) or 'none'}); "
            f'{hint}class = "package.module:Class" in the section names one'
        )
    if len(found) > 1:
        values = " and ".join(sorted(repr(point.value) for point in found))
        raise ConfigurationError(
            f"{where}: {wanted!r} is installed twice, as {values}: name one of them with class = …"
        )
    return found[0]


def _loaded(where: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"{where}: {point.value!r} cannot be imported: {error}") from error


def _class(kind: Any) -> str:
    return f"{getattr(kind, '__module__', '')}:{getattr(kind, '__qualname__', kind)}"


def _options(kind: type) -> dict[str, _Option]:
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {
        each.name: _Option(
            Any if isinstance(each.annotation, str) or each.annotation is inspect.Parameter.empty else each.annotation,
            each.default is inspect.Parameter.empty,
        )
        for each in _parameters(kind)
        if each.kind in named
    }


def _takes_any(kind: type) -> bool:
    return any(each.kind is inspect.Parameter.VAR_KEYWORD for each in _parameters(kind))


def _parameters(kind: type) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(kind, eval_str=True).parameters.values())
    except NameError:  # annotated with a name that only a type checker imports
        return list(inspect.signature(kind).parameters.values())


def _plain(value: Any, option: _Option | None) -> Any:
    """A secret as text, and `a, b` as a list where one is wanted, as an environment variable says it."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str) and option and option.listed:
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _unsettable(option: _Option | None) -> bool:
    """Whether an empty text means that the key is not set, as `KEY=` in an environment file says it."""
    return option is not None and (option.optional or (option.required and option.kind in (str, SecretStr)))


def _validated(name: str, values: Mapping[str, Any], options: Mapping[str, _Option], takes_any: bool) -> dict[str, Any]:
    """The values as the types that the constructor asks for."""
    fields = {key: (Required if each.required else NotRequired)[each.kind] for key, each in options.items()}
    shape = TypedDict("shape", fields)  # type: ignore[misc] # made from a signature
    shape.__pydantic_config__ = ConfigDict(  # type: ignore[attr-defined]
        extra="allow" if takes_any else "forbid", coerce_numbers_to_str=True, arbitrary_types_allowed=True
    )
    try:
        return dict(TypeAdapter(shape).validate_python(values))
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain(name, error, values, options))) from None


def _explain(
    name: str, error: ValidationError, values: Mapping[str, Any], options: Mapping[str, _Option]
) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        key, *rest = [str(part) for part in problem["loc"]]
        where = ".".join(["connectors", name, key, *rest])
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, options, n=1, cutoff=0)
            yield f"{where}: no such key" + (f"; did you mean {f'connectors.{name}.{near[0]}'!r}?" if near else "")
        elif problem["type"] == "missing" and not rest:
            variable = f"{PREFIX}CONNECTORS__{name}__{key}".upper()
            yield f"{where} is not set: write it under [connectors.{name}] or set the variable {variable}"
        else:
            yield f"{where}: {_hidden(problem['msg'], values, options)}"


def _hidden(text: str, section: Mapping[str, Any], options: Mapping[str, _Option]) -> str:
    """`text` without the secrets of a section."""
    for key, value in section.items():
        told = SECRETIVE.search(key) or (key in options and options[key].secret)
        for each in value if isinstance(value, list | tuple) else [value]:
            secret = each.get_secret_value() if isinstance(each, SecretStr) else each
            if secret and isinstance(secret, str) and (told or isinstance(each, SecretStr)):
                text = text.replace(secret, "…")
    return text
