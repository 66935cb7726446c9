"""A saved plan of real Terraform."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ops.common.environment import scrubbed
from tests.ops.conftest import Run

pytestmark = pytest.mark.integration
PROGRAM = shutil.which("terraform")
CONFIGURATION = {
    "resource": {"terraform_data": {"one": {"input": "a"}}},
    "output": {"one": {"value": "${terraform_data.one.input}"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a stack with a saved plan; its provider is a part of Terraform."""
    if PROGRAM is None:
        pytest.skip("NOT TESTED WITH TERRAFORM: it is missing. Remedy: install it.")
    folder = tmp_path / "dev-base"
    folder.mkdir()
    (folder / "main.tf.json").write_text(json.dumps(CONFIGURATION))
    for arguments in (["init"], ["plan", "-out=plan"]):
        subprocess.run(
            [PROGRAM, *arguments, "-input=false", "-no-color"],
            cwd=folder,
            env={**scrubbed(os.environ), "CHECKPOINT_DISABLE": "1"},
            check=True,
            capture_output=True,
        )
    return folder


def test_a_saved_plan_is_reviewed(ops: Run, folder: Path) -> None:
    answer = ops("review", str(folder / "plan"), "--json")
    assert answer.code == 2, answer.err
    (stack,) = json.loads(answer.out)["stacks"]
    assert (stack["name"], stack["counts"]["add"]) == ("dev-base", 1)
    assert [line["path"] for line in stack["outputs"]] == ["one"]
    assert ops("review", str(folder.parent)).code == 2


def test_a_broken_saved_plan_names_the_remedy(ops: Run, tmp_path: Path) -> None:
    if PROGRAM is None:
        pytest.skip("NOT TESTED WITH TERRAFORM: it is missing. Remedy: install it.")
    (tmp_path / "dev-base.tfplan").write_bytes(b"PK\x03\x04 no plan")
    answer = ops("review", str(tmp_path))
    assert answer.code == 1
    assert "terraform show -json" in answer.err
    assert "terraform init" in answer.err
