"""State in HCP Terraform: one workspace for each environment and layer.

`test_validate.py` validates these stacks, and `test_hcp_lifecycle.py` applies such to a stand-in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ops.terraform.stacks import Stack

pytestmark = pytest.mark.integration


def _remote_states(stack: Stack) -> list[Mapping[str, Any]]:
    return list(stack.document.get("data", {}).get("terraform_remote_state", {}).values())


@pytest.mark.parametrize("layer", ["base", "storage", "compute"])
@pytest.mark.parametrize("environment", ["hcp", "hcp-plain"])
def test_each_layer_of_each_environment_has_its_workspace(
    stacks: dict[str, Stack], environment: str, layer: str
) -> None:
    terraform = stacks[f"{environment}-{layer}"].document["terraform"]

    assert terraform["cloud"]["organization"] == "my-company"
    assert terraform["cloud"]["workspaces"]["name"] == f"co2-analysis-{environment}-{layer}"
    assert "backend" not in terraform


def test_host_and_project_are_the_configured_ones(stacks: dict[str, Stack]) -> None:
    chosen = stacks["hcp-storage"].document["terraform"]["cloud"]
    default = stacks["hcp-plain-storage"].document["terraform"]["cloud"]

    assert chosen["hostname"] == "tfe.example.org"
    assert chosen["workspaces"]["project"] == "co2-analysis"
    assert default["hostname"] == "app.terraform.io"
    assert "project" not in default["workspaces"]


@pytest.mark.parametrize(
    ("environment", "host"), [("hcp", "tfe.example.org"), ("hcp-plain", "app.terraform.io")]
)
def test_a_layer_reads_the_workspace_of_its_dependency(
    stacks: dict[str, Stack], environment: str, host: str
) -> None:
    (read,) = _remote_states(stacks[f"{environment}-compute"])

    assert read["backend"] == "remote"
    assert read["config"] == {
        "hostname": host,
        "organization": "my-company",
        "workspaces": {"name": f"co2-analysis-{environment}-storage"},
    }
