"""What a test needs and this machine may lack: skipped here, a failure in CI, where all of it is installed."""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import NoReturn

import pytest


def missing(service: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    reason = f"{service} is not installed: `make install` and `make services` install it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


def need(module: str) -> ModuleType:
    """The module, or as `missing`."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        missing(module)
