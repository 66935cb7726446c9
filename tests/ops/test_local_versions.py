"""Versions and constraints as Terraform writes them, and what the tools tell of theirs."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.common.errors import MissingToolError
from ops.local.tools import find_tools, parse_terraform_version
from ops.local.versions import parse_version, satisfies

Tool = Callable[[str, str], None]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.11.4", (1, 11, 4)),
        ("v20.20.2\n", (20, 20, 2)),
        ("1.12.0-beta1", (1, 12, 0)),
        ("1.10", (1, 10, 0)),
        ("2", (2, 0, 0)),
    ],
)
def test_reads_versions(text: str, version: tuple[int, int, int]) -> None:
    assert parse_version(text) == version


def test_refuses_what_is_no_version() -> None:
    with pytest.raises(ValueError, match="no version"):
        parse_version("latest")


@pytest.mark.parametrize(
    ("version", "constraint", "expected"),
    [
        ("5.100.0", ">= 5.100.0, < 7.0.0", True),
        ("6.25.0", ">= 5.100.0, < 7.0.0", True),
        ("5.99.1", ">= 5.100.0, < 7.0.0", False),
        ("7.0.0", ">= 5.100.0, < 7.0.0", False),
        ("6.25.0", "6.25.0", True),
        ("6.25.1", "6.25.0", False),
        ("5.0.0", "!=5.0.0", False),
        ("5.0.1", "> 5.0.0, <= 5.0.1", True),
    ],
)
def test_compares_by_number_not_by_text(version: str, constraint: str, expected: bool) -> None:
    assert satisfies(version, constraint) is expected


def test_does_not_guess_unknown_constraints() -> None:
    with pytest.raises(ValueError, match="no version constraint"):
        satisfies("5.0.0", "about 5")


@pytest.mark.parametrize("told", ["", "Terraform v1.11.4", "[]", '{"version": "1.11.4"}'])
def test_something_else_called_terraform(told: str) -> None:
    with pytest.raises(MissingToolError) as error:
        parse_terraform_version(told)
    assert error.value.remedy


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


def test_finds_tools_that_are_new_enough(tool: Tool, tmp_path: Path) -> None:
    tool("node", "echo v20.1.0")
    tool("terraform", _terraform("1.10.0"))
    found = find_tools({"PATH": str(tmp_path)})
    assert (found.terraform_version, found.platform) == ("1.10.0", "linux_amd64")
    assert found.terraform == str(tmp_path / "terraform")


@pytest.mark.parametrize(
    ("node", "terraform", "message"),
    [
        (None, None, "node is not on the PATH"),
        ("echo v18.19.0", None, "Node v18.19.0 is too old"),
        ("echo v20.1.0", None, "terraform is not on the PATH"),
        ("echo v20.1.0", _terraform("1.9.8"), "Terraform 1.9.8 is too old"),
        ("echo v20.1.0", "echo 'no version is set' >&2; exit 1", "no version is set"),
    ],
)
def test_says_which_tool_is_missing(
    tool: Tool, tmp_path: Path, node: str | None, terraform: str | None, message: str
) -> None:
    for name, script in (("node", node), ("terraform", terraform)):
        if script:
            tool(name, script)
    with pytest.raises(MissingToolError, match=message) as error:
        find_tools({"PATH": str(tmp_path)})
    assert error.value.remedy
    assert error.value.exit_code == 3
