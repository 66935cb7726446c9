"""Imports run one way: between folders, between command groups, and without a cycle."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What each folder may import of the project; `reasoning` is the package in lambda_src.
ALLOWED = {
    "reasoning": {"reasoning"},
    "modules": {"modules"},
    "ops": {"ops", "modules", "reasoning"},
    "testing": {"testing", "ops", "modules", "reasoning"},
    "bench": {"bench", "testing", "ops", "modules", "reasoning"},
}
OURS = {*ALLOWED, "tests"}


def _files() -> dict[str, Path]:
    """Return the project's modules by their dotted names."""
    found = {}
    for folder in ("lambda_src", "modules", "ops", "testing", "bench"):
        for path in (ROOT / folder).rglob("*.py"):
            base = ROOT / folder if folder == "lambda_src" else ROOT
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


FILES = _files()


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the project's modules that code imports: at the top, late, or for types only."""
    names = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "relative imports are not used"
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            names.append(inner if inner in FILES else str(node.module))
    yield from (name for name in names if name.partition(".")[0] in OURS)
    for child in ast.iter_child_nodes(node):
        yield from _imported(child)


IMPORTS = {
    name: set(_imported(ast.parse(path.read_text("utf-8")))) - {name}
    for name, path in FILES.items()
}


def _folder(name: str) -> str:
    return name.partition(".")[0]


def _group(name: str) -> str:
    return ".".join(name.split(".")[:2])


def _those(rule_is_broken: Callable[[str, str], bool]) -> list[str]:
    return [
        f"{name} imports {imported}"
        for name, every in IMPORTS.items()
        for imported in every
        if rule_is_broken(name, imported)
    ]


def test_the_imports_are_found() -> None:
    assert "modules.catalogue" in IMPORTS["ops.doctor.checks"]
    assert "reasoning.models" in IMPORTS["ops.cache.questions"]


def test_folders_import_one_way() -> None:
    assert _those(lambda name, imported: _folder(imported) not in ALLOWED[_folder(name)]) == []


def test_no_import_cycle() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_common_imports_no_group() -> None:
    def broken(name: str, imported: str) -> bool:
        return _group(name) == "ops.common" != _group(imported) and _folder(imported) == "ops"

    assert _those(broken) == []


def test_terraform_imports_no_command_group() -> None:
    below = {"ops.common", "ops.terraform"}

    def broken(name: str, imported: str) -> bool:
        return _group(name) == "ops.terraform" and (
            _folder(imported) == "ops" and _group(imported) not in below
        )

    assert _those(broken) == []


def test_only_its_own_commands_use_the_local_aws() -> None:
    def broken(name: str, imported: str) -> bool:
        return (
            _group(imported) == "ops.local"
            and _folder(name) == "ops"
            and _group(name) not in {"ops.local", "ops.serve"}
        )

    assert _those(broken) == []


def test_no_group_imports_the_commands_of_another() -> None:
    def broken(name: str, imported: str) -> bool:
        return imported.endswith(".commands") and _group(name) != _group(imported)

    assert _those(broken) == []
