"""Rules of the house that hold inside modules/: one direction, no Node, no environment names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from modules import environments
from modules.packaging import ROOT

# From the bottom up; a room imports rooms above it in this list, and others beside it.
RANKS = (
    ("catalogue", "problems", "iam", "packaging"),
    ("schema",),
    ("naming", "settings"),
    ("adoption", "deploy_rights", "deploy_trust"),
    ("environments",),
    ("owner_warnings",),
    ("fast_import", "stack", "command"),
    ("resources",),
    ("layers",),
    ("app",),
)
_RANK = {room: number for number, rooms in enumerate(RANKS) for room in rooms}
FILES = [path for path in sorted((ROOT / "modules").rglob("*.py")) if path.parent.name != "modules"]
FILES += [path for path in sorted((ROOT / "modules").glob("*.py")) if path.stem != "__init__"]


def _imported(path: Path) -> set[str]:
    """Return the rooms that a file imports at its top, for types, or late."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts == ["modules"]:
                names |= {alias.name for alias in node.names}
            elif parts[0] == "modules":
                names.add(parts[1])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_runs_back_up(path: Path) -> None:
    room = path.relative_to(ROOT).with_suffix("").parts[1]
    late = (
        {"app"} if room == "command" else set()
    )  # started only once the input is known to be good
    for imported in _imported(path) - {room} - late:
        assert _RANK[imported] <= _RANK[room], f"{room} imports {imported}"


@pytest.mark.parametrize(
    "module", ["modules.catalogue", "modules.environments", "modules.command", "ops.cli"]
)
def test_reading_it_starts_no_node(module: str) -> None:
    code = (
        f"import sys, {module}; print([m for m in ('cdktf', 'jsii', 'boto3') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_environment_is_known_by_name(path: Path) -> None:
    names = set(environments.names())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                assert not (isinstance(side, ast.Constant) and side.value in names), node.lineno
