"""Terraform and the real provider accept every synthesized stack."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.terraform.stacks import Stack
from tests.integration.terraform import Installation

pytestmark = pytest.mark.integration


def test_every_stack_is_valid(
    installation: Installation, stacks: dict[str, Stack], tmp_path: Path
) -> None:
    # As modules of one configuration the stacks share one start of the provider, which takes most
    # of the time. Terraform ignores the backends of modules.
    calls = {
        stack.name: {"source": os.path.relpath(stack.folder, tmp_path)} for stack in stacks.values()
    }
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": calls}), encoding="utf-8")

    with installation.running(tmp_path) as terraform:
        terraform.run("init", "-backend=false", "-input=false", "-no-color")
        printed = terraform.run("validate", "-json", accept=(0, 1))

    errors = [
        _readable(diagnostic)
        for diagnostic in json.loads(printed)["diagnostics"]
        if diagnostic["severity"] == "error"
    ]
    assert not errors, "\n".join(errors)


def _readable(diagnostic: Mapping[str, Any]) -> str:
    stack = Path(diagnostic.get("range", {}).get("filename", "?")).parent.name
    place = (diagnostic.get("snippet") or {}).get("context")
    return f"{stack}: {diagnostic['summary']} ({place}): {diagnostic.get('detail', '')}"
