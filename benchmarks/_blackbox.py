"""The stand-ins of the black-box tests, for benchmarks: they live beside the tests, whose folder is no package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "blackbox"))

from blackbox_load import Bench, bench
from blackbox_model import StandInModel
from blackbox_platform import MetaPlatform
from blackbox_process import ServerProcess
from postgres_server import Postgres, binaries, running

__all__ = ["Bench", "MetaPlatform", "Postgres", "ServerProcess", "StandInModel", "bench", "binaries", "running"]
