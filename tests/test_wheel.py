"""What is built is what people get: the wheel works from an empty folder, without the source tree."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once from the source tree."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked into a folder of its own, as pip would into site-packages."""
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m assistant …` on the installed copy; -P keeps the working folder off the path."""
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from assistant.cli import main; main()"
    command = [sys.executable, "-P", "-c", code, str(installed), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_three_packages_and_their_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"assistant", "connectors", "deploy"} == {top for top in tops if not top.endswith(".dist-info")}
    for needed in ("assistant/py.typed", "assistant/server/static/index.html", "assistant/cli.py"):
        assert needed in names
    assert any(name.startswith("assistant/samples/") and name.endswith(".md") for name in names)


def test_the_installed_copy_is_the_one_that_runs(installed: Path, tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import assistant; print(assistant.__file__)"
    shown = subprocess.run(
        [sys.executable, "-P", "-c", code, str(installed)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert str(installed / "assistant" / "__init__.py") == shown.stdout.strip()


def test_ingest_and_search_work_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Kestrel\n\nThe access code of the Kestrel laboratory is 7781.\n")
    assert 0 == run(installed, tmp_path, "ingest", "note.md").returncode
    found = run(installed, tmp_path, "search", "access code of the laboratory", "--json")
    assert "7781" in json.loads(found.stdout)["passages"][0]["text"]


def test_models_lists_the_family_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    shown = run(installed, tmp_path, "models", "--json")
    assert any("Llama-3" in model["name"] or "Llama 3" in model["name"] for model in json.loads(shown.stdout)["models"])
