"""The stand-ins of the black-box tests, for benchmarks: they live beside the tests, whose folder is no package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "blackbox"))

from blackbox_load import Bench, bench
from blackbox_model import StandInModel
from blackbox_platform import MetaPlatform
from blackbox_postgres import Postgres, binaries, running
from blackbox_process import ServerProcess

__all__ = ["Bench", "MetaPlatform", "Postgres", "ServerProcess", "StandInModel", "bench", "binaries", "running"]
