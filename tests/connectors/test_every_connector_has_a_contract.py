from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = tomllib.loads((HERE.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS: dict[str, str] = PROJECT["entry-points"]["assistant.connectors"]


def suites(class_name: str, folder: Path = HERE) -> list[str]:
    """The subclasses of the contract suite in `folder` whose `connector` makes a `class_name`."""
    return [
        f"{path.name}:{node.name}"
        for path in sorted(folder.glob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test") and _proves(node, class_name)
    ]


def _proves(suite: ast.ClassDef, class_name: str) -> bool:
    bases = {ast.unparse(base).rpartition(".")[2] for base in suite.bases}
    made = [
        ast.unparse(node.func).rpartition(".")[2]
        for method in suite.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name == "connector"
        for node in ast.walk(method)
        if isinstance(node, ast.Call)
    ]
    return "ConnectorContract" in bases and class_name in made


@pytest.mark.parametrize("name", OURS)
def test_every_registered_connector_is_proven_by_the_contract_suite(name: str) -> None:
    class_name = OURS[name].partition(":")[2]
    assert suites(class_name), (
        f"no class Test…(ConnectorContract) in tests/connectors/ has a method `connector` that makes a {class_name}: "
        f"CONTRIBUTING.md, section 'Add a connector', shows one"
    )


def test_a_suite_counts_only_if_it_is_a_contract_for_that_class(tmp_path: Path) -> None:
    (tmp_path / "test_pigeon.py").write_text(
        "class TestOther:\n    def connector(self): return Pigeon()\n"
        "class TestAnother(ConnectorContract):\n    def connector(self): return Owl()\n"
    )
    assert [] == suites("Pigeon", tmp_path)
    assert ["test_pigeon.py:TestAnother"] == suites("Owl", tmp_path)
