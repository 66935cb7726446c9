"""The programs that this command needs, found and checked before anything is started."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from ops.common.errors import MissingToolError
from ops.local.environment import scrubbed
from ops.local.versions import Version, parse_version

OLDEST_TERRAFORM: Version = (1, 10, 0)
OLDEST_NODE: Version = (20, 0, 0)

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The programs that were found; ``platform`` is Terraform's name of this machine's kind."""

    terraform: str
    terraform_version: str
    platform: str
    node_version: str


def find_tools(user_environment: Mapping[str, str]) -> Tools:
    """Find Terraform, Node and MiniStack.

    Raises:
        MissingToolError: One of them is missing, does not run or is too old.

    """
    if importlib.util.find_spec("ministack") is None:
        raise MissingToolError(
            "MiniStack is not installed in this Python environment",
            remedy="install the development packages of the Pipfile: pipenv sync --dev",
        )
    node = _output_of(
        "node",
        ["--version"],
        user_environment,
        remedy=f"install Node {OLDEST_NODE[0]} or newer, which cdktf runs on",
    )
    if parse_version(node) < OLDEST_NODE:
        raise MissingToolError(
            f"Node {node.strip()} is too old for cdktf",
            remedy=f"install Node {OLDEST_NODE[0]} or newer",
        )
    needed = ".".join(map(str, OLDEST_TERRAFORM[:2]))
    remedy = f"install Terraform {needed} or newer and have it on the PATH"
    told = _output_of("terraform", ["version", "-json"], user_environment, remedy=remedy)
    version, platform = parse_terraform_version(told)
    if parse_version(version) < OLDEST_TERRAFORM:
        raise MissingToolError(
            f"Terraform {version} is too old: locking a state in S3 without a table needs {needed}",
            remedy=remedy,
        )
    return Tools(
        terraform=_which("terraform", user_environment) or "terraform",
        terraform_version=version,
        platform=platform,
        node_version=node.strip().removeprefix("v"),
    )


def parse_terraform_version(told: str) -> tuple[str, str]:
    """Return version and platform out of what ``terraform version -json`` prints.

    Raises:
        MissingToolError: It printed something else, so this is no Terraform.

    """
    try:
        document = json.loads(told)
        return str(document["terraform_version"]), str(document["platform"])
    except (ValueError, KeyError, TypeError) as error:
        raise MissingToolError(
            "the terraform on the PATH does not tell its version as Terraform does",
            remedy="put HashiCorp's Terraform first on the PATH",
        ) from error


def _which(program: str, user_environment: Mapping[str, str]) -> str | None:
    return shutil.which(program, path=user_environment.get("PATH", ""))


def _output_of(
    program: str, arguments: list[str], user_environment: Mapping[str, str], *, remedy: str
) -> str:
    path = _which(program, user_environment)
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
    return result.stdout
