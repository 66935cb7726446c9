"""The programs that deploying needs: found and checked before anything is started."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import Version

from ops.common.environment import scrubbed
from ops.common.errors import MissingToolError

_OLDEST_TERRAFORM = Version("1.10")
_OLDEST_NODE = Version("20")
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The path of Terraform, and the versions of Terraform and Node."""

    terraform: str
    terraform_version: str
    node_version: str


def find_emulator() -> None:
    """Find MiniStack.

    Raises:
        MissingToolError: It is missing.

    """
    if importlib.util.find_spec("ministack") is None:
        raise MissingToolError(
            "MiniStack is not installed in this Python environment",
            remedy="install the development packages of the Pipfile: pipenv sync --dev",
        )


def find_tools(user_environment: Mapping[str, str]) -> Tools:
    """Find Terraform and Node.

    Raises:
        MissingToolError: One of them is missing, fails to run, or is too old.

    """
    remedy = f"install Node {_OLDEST_NODE} or newer, which cdktf needs"
    _, printed = _run("node", ["--version"], user_environment, remedy=remedy)
    node = _checked("Node", printed, _OLDEST_NODE, remedy=remedy)
    remedy = (
        f"install Terraform {_OLDEST_TERRAFORM} or newer, which locks an S3 state without a"
        " DynamoDB table, and put it first on the PATH"
    )
    path, printed = _run("terraform", ["version", "-json"], user_environment, remedy=remedy)
    try:
        version = str(json.loads(printed)["terraform_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise MissingToolError(f"{path} is not Terraform", remedy=remedy) from error
    terraform = _checked("Terraform", version, _OLDEST_TERRAFORM, remedy=remedy)
    return Tools(terraform=path, terraform_version=terraform, node_version=node)


def _checked(name: str, printed: str, oldest: Version, *, remedy: str) -> str:
    version = printed.strip().removeprefix("v")
    try:
        # A pre-release counts as its release; Node's nightly builds are not PEP 440 versions.
        too_old = Version(version.partition("-")[0]) < oldest
    except ValueError as error:
        raise MissingToolError(f"{name} has no version: {version!r}", remedy=remedy) from error
    if too_old:
        raise MissingToolError(f"{name} {version} is too old", remedy=remedy)
    return version


def _run(
    program: str, arguments: list[str], user_environment: Mapping[str, str], *, remedy: str
) -> tuple[str, str]:
    """Run a program; return its path and its output."""
    path = shutil.which(program, path=user_environment.get("PATH", ""))
    if path is None:
        raise MissingToolError(f"{program} is not on the PATH", remedy=remedy)
    try:
        result = subprocess.run(
            [path, *arguments],
            env={**scrubbed(user_environment), "CHECKPOINT_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingToolError(f"{path} does not run: {error}", remedy=remedy) from error
    if result.returncode:
        raise MissingToolError(
            f"{path} fails with exit code {result.returncode}: {result.stderr.strip()[:300]}",
            remedy=remedy,
        )
    return path, result.stdout
