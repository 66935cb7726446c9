"""Synthesize the environments and run checkov and tf-nag on them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from modules.packaging import ROOT
from ops.common.environment import scrubbed
from ops.common.errors import OperatorError
from policy.findings import Report, Stacks, read_checkov, read_tf_nag
from policy.plan import plan
from policy.programs import run

# Variants that use every setting, and every protection.
_VARIANTS = ("everything", "hardened")
_VARIANT_FOLDER = ROOT / "tests" / "integration" / "environments"
_TOOLS = ROOT / "build" / "policy" / "bin"


def synthesize(folder: Path) -> Stacks:
    """Synthesize every environment in AWS, and the variants, to ``folder``."""
    variants = [f"--env={name}" for name in _VARIANTS]
    for name, options in (
        ("shipped", []),
        ("variants", [f"--settings={_VARIANT_FOLDER}", *variants]),
    ):
        output = f"--output={folder / name}"
        run(
            [sys.executable, "main.py", output, *options],
            folder=ROOT,
            variables=scrubbed(os.environ),
        )
    return {
        file.parent.name: json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("*/stacks/*/cdk.tf.json"))
    }


def checkov(stacks: Stacks, folder: Path) -> Report:
    """Run checkov on the synthesized JSON in ``folder``."""
    document = run(
        [
            *(_tool("checkov"), "-d", str(folder), "--framework", "terraform_json"),
            *("--skip-download", "--compact", "--soft-fail", "-o", "json"),
        ],
        folder=folder,
        variables=_without_configuration(folder),
    )
    return read_checkov(json.loads(document), stacks)


def tf_nag(stacks: Stacks, folder: Path) -> Report:
    """Run tf-nag on a plan that is made in ``folder``.

    Raises:
        MissingToolError: Terraform is missing or too old.

    """
    file = plan(stacks, folder)
    found = run(
        [
            *(_tool("tf-nag"), "scan", "--plan-json", str(file)),
            *("--format", "json", "--fail-on", "never"),
        ],
        folder=folder,
        variables=_without_configuration(folder),
    )
    return read_tf_nag(json.loads(found), json.loads(file.read_text(encoding="utf-8")), stacks)


def _without_configuration(home: Path) -> dict[str, str]:
    """Return an environment without the user's configuration of checkov, which may skip checks."""
    return scrubbed(os.environ) | {"HOME": str(home)}


def _tool(name: str) -> str:
    program = _TOOLS / name
    if not program.exists():
        raise OperatorError(f"{program} is missing", remedy="run `make policy`")
    return str(program)
