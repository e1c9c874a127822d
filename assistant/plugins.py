"""Parts of other packages, named in the configuration as `package.module:Class`."""

from __future__ import annotations

import importlib
import re
from typing import Any, TypeVar

from assistant.errors import ConfigurationError

NAMED = re.compile(r"[\w.]+:\w+")
T = TypeVar("T")


def is_named(text: str) -> bool:
    """Whether `text` has the form of a class's name."""
    return NAMED.fullmatch(text) is not None


def imported(path: str, *, key: str) -> Any:
    """What stands at `path`; `key` is the setting or option that names it.

    Raises:
        ConfigurationError: it cannot be imported.
    """
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{key} {path!r} cannot be imported: {error}; install its package, or name its folder in PYTHONPATH"
        ) from error


def made(path: str, kind: type[T], *, key: str) -> T:
    """What the class at `path` makes when called without arguments; `key` is the setting that names it.

    Raises:
        ConfigurationError: it cannot be imported or made, or is no `kind`.
    """
    found = imported(path, key=key)
    try:
        part = found()
    except Exception as error:  # whatever a third party's constructor raises
        raise ConfigurationError(f"{key} {path!r} cannot be made: {error}") from error
    if not isinstance(part, kind):
        raise ConfigurationError(f"{key} {path!r} is no {kind.__module__}.{kind.__qualname__}")
    return part
