"""The idiom of modules/resources: typed configuration in, typed result out, nothing else read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.packaging import ROOT

FILES = sorted((ROOT / "modules" / "resources").rglob("*.py"))


def _builders(file: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("add_"):
            yield node


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_builder_takes_stack_id_and_one_configuration(file: Path) -> None:
    for builder in _builders(file):
        names = [argument.arg for argument in builder.args.args]
        assert names == ["stack", "id_", "config"], f"{file.name}: {builder.name}"
        config = ast.unparse(builder.args.args[2].annotation or builder)
        assert config.endswith("Config"), f"{builder.name} takes {config}"
        returned = ast.unparse(builder.returns or builder)
        assert returned not in {"str", "object"}, f"{builder.name} returns {returned}"
        assert not builder.args.kwonlyargs


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_resource_reads_the_settings_of_its_stack(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("stack", "settings"), f"line {node.lineno}"


def test_there_are_builders() -> None:
    assert sum(len(list(_builders(file))) for file in FILES) > 15
