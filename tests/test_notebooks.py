"""Every notebook runs from top to bottom with the real engine and says what it promises."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def outputs(notebook: nbformat.NotebookNode) -> str:
    """All that the cells printed or showed, as text."""
    shown: list[str] = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown.append(output.get("text", "") or "".join(output.get("data", {}).get("text/markdown", "")))
    return "\n".join(shown)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, nbformat.NotebookNode]:
    """The notebooks after a run in an empty folder, by file name."""
    done = {}
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        folder = tmp_path_factory.mktemp(path.stem)
        client = NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": folder}})
        done[path.name] = client.execute(env=dict(os.environ))
    return done


@pytest.mark.engine
def test_the_quickstart_answers_with_a_citation_and_refuses_what_is_not_there(
    executed: dict[str, nbformat.NotebookNode],
) -> None:
    text = outputs(executed["quickstart.ipynb"])
    assert "30 days" in text
    assert "**[1]**" in text
    assert "grounded: yes" in text
    assert "grounded: no" in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert [] == [cell.id for cell in notebook.cells if cell.get("outputs")]
