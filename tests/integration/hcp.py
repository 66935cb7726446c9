"""The workspaces of synthesized stacks in the stand-in of HCP Terraform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pytfe import TFEClient, TFEConfig
from pytfe.models import (
    Workspace,
    WorkspaceAddRemoteStateConsumersOptions,
    WorkspaceCreateOptions,
)

from ops.terraform.stacks import Stack
from testing.hcp.server import HcpStandIn

ORGANIZATION = "my-company"


@contextmanager
def connected(hcp: HcpStandIn) -> Iterator[TFEClient]:
    """Connect HashiCorp's client for the length of the block."""
    with TFEClient(TFEConfig(address=hcp.address, token=hcp.token)) as client:
        yield client


def add_workspaces(hcp: HcpStandIn, stacks: Sequence[Stack]) -> None:
    """Add the workspaces of stacks, with local execution."""
    workspaces: dict[str, Workspace] = {}
    with connected(hcp) as client:
        for stack in stacks:
            settings = {"name": f"co2-analysis-{stack.name}", "execution-mode": "local"}
            workspaces[stack.name] = client.workspaces.create(
                ORGANIZATION, WorkspaceCreateOptions.model_validate(settings)
            )
            for needed in stack.needs:
                client.workspaces.add_remote_state_consumers(
                    workspaces[needed].id,
                    WorkspaceAddRemoteStateConsumersOptions(workspaces=[workspaces[stack.name]]),
                )
