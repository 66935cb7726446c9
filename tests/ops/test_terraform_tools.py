"""The programs that deploying needs, and their versions."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.common.errors import MissingToolError
from ops.terraform.tools import find_tools

Tool = Callable[[str, str], None]


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """Put a program that prints a text on a PATH of its own."""

    def make(name: str, script: str) -> None:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return make


def _terraform(version: str) -> str:
    told = json.dumps({"terraform_version": version, "platform": "linux_amd64"})
    return f"echo '{told}'"


@pytest.mark.parametrize(
    ("node", "terraform"),
    [
        ("v20.1.0", "1.10.0"),
        ("v23.0.0-nightly20240522ce3c1c5b5d", "1.12.0-beta1"),
        ("v100.0.0", "1.100.0-alpha20250213"),
    ],
)
def test_finds_tools_that_are_new_enough(
    tool: Tool, tmp_path: Path, node: str, terraform: str
) -> None:
    tool("node", f"echo {node}")
    tool("terraform", _terraform(terraform))
    found = find_tools({"PATH": str(tmp_path)})
    assert (f"v{found.node_version}", found.terraform_version) == (node, terraform)
    assert found.terraform == str(tmp_path / "terraform")


@pytest.mark.parametrize(
    ("node", "terraform", "message"),
    [
        (None, None, "node is not on the PATH"),
        ("echo v18.19.0", None, "Node 18.19.0 is too old"),
        ("echo latest", None, "Node has no version: 'latest'"),
        ("echo v20.1.0", None, "terraform is not on the PATH"),
        ("echo v20.1.0", _terraform("1.9.8"), "Terraform 1.9.8 is too old"),
        ("echo v20.1.0", "echo 'no version is set' >&2; exit 1", "no version is set"),
        ("echo v20.1.0", "echo", "is not Terraform"),
        ("echo v20.1.0", "echo Terraform v1.11.4", "is not Terraform"),
        ("echo v20.1.0", "echo []", "is not Terraform"),
        ("echo v20.1.0", 'echo \'{"version": "1.11.4"}\'', "is not Terraform"),
    ],
)
def test_reports_the_missing_tool(
    tool: Tool, tmp_path: Path, node: str | None, terraform: str | None, message: str
) -> None:
    for name, script in (("node", node), ("terraform", terraform)):
        if script:
            tool(name, script)
    with pytest.raises(MissingToolError, match=message) as error:
        find_tools({"PATH": str(tmp_path)})
    assert error.value.remedy
    assert error.value.exit_code == 3
