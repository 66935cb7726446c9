"""``ops bootstrap`` with its state in a workspace of the stand-in of HCP Terraform."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pytfe.models import WorkspaceLockOptions

from ops.terraform.states import parse
from testing.emulator import running_emulator
from testing.hcp.server import HcpStandIn
from tests.integration.bootstrapping import ACCOUNT, Site, copy_checkout
from tests.integration.hcp import ORGANIZATION, connected
from tests.integration.terraform import Installation

pytestmark = pytest.mark.integration

WORKSPACE = "co2-analysis-cloudy-bootstrap"
TOML = f"""\
region = "us-east-1"
account_id = "{ACCOUNT}"
retain = false
[state.hcp]
organization = "{ORGANIZATION}"
[bootstrap]
principals = ["arn:aws:iam::{ACCOUNT}:role/team/deployers"]
[table]
billing = "on-demand"
"""


@pytest.fixture(scope="module")
def hcp() -> Iterator[HcpStandIn]:
    with HcpStandIn(organization=ORGANIZATION) as running:
        yield running


@pytest.fixture(scope="module")
def site(
    installation: Installation, hcp: HcpStandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("cloudy")
    with running_emulator(home) as emulator:
        site = Site(copy_checkout(home / "checkout"), emulator, "cloudy")
        site.configure(TOML)
        config = {"TF_CLI_CONFIG_FILE": installation.installing["TF_CLI_CONFIG_FILE"]}
        site.variables = {**hcp.environment(home, config), "CO2_HCP_ADDRESS": hcp.address}
        yield site


def test_the_state_is_in_the_workspace_which_runs_nothing(site: Site, hcp: HcpStandIn) -> None:
    answer = site.run("--yes")

    assert answer.code == 0, answer.err
    assert hcp.token not in answer.out + answer.err
    with connected(hcp) as client:
        workspace = client.workspaces.read(WORKSPACE, organization=ORGANIZATION)
        state = parse(client.state_versions.download_current(workspace.id), WORKSPACE)
    assert workspace.execution_mode == "local"
    assert not workspace.locked
    assert state
    assert state.resources.keys() == site.expected()
    assert [path.name for path in site.folder.iterdir()] == ["lock"]


def test_run_again_there_is_nothing_to_do(site: Site) -> None:
    answer = site.run("--json", "--yes")

    assert answer.code == 0, answer.err
    assert [one["step"] for one in json.loads(answer.out)["steps"]] == [
        "synthesize",
        "inspect",
        "plan",
    ]


def test_a_state_that_was_lost_is_made_anew_from_what_exists(site: Site, hcp: HcpStandIn) -> None:
    with connected(hcp) as client:
        client.workspaces.delete(WORKSPACE, organization=ORGANIZATION)

    answer = site.run("--yes")

    assert answer.code == 0, answer.err
    assert "existing resources to import" in answer.err


def test_a_locked_workspace_stops_it(site: Site, hcp: HcpStandIn) -> None:
    with connected(hcp) as client:
        workspace = client.workspaces.read(WORKSPACE, organization=ORGANIZATION)
        client.workspaces.lock(workspace.id, WorkspaceLockOptions(reason="maintenance"))

    answer = site.run("--yes")

    assert answer.code == 4
    assert "is locked by" in answer.err
    assert f"workspaces/{WORKSPACE}" in answer.err
