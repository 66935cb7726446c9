"""All layers with local execution through the stand-in of HCP Terraform, by Terraform itself.

`test_hcp_commands.py` does the same in remote runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from testing.emulator import Emulator, running_emulator
from testing.hcp.server import HcpStandIn
from tests.integration.hcp import ORGANIZATION, add_workspaces
from tests.integration.inventory import found_in
from tests.integration.terraform import VARIANTS, Installation, Terraform, synthesize
from tests.integration.test_lifecycle import READ_BACK_DIFFERENTLY

ENVIRONMENT = "workspace-local"

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """An account with the layers of an environment, in dependency order."""

    hcp: HcpStandIn
    emulator: Emulator
    layers: Mapping[str, Terraform]


@pytest.fixture(scope="module")
def cloud(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home = tmp_path_factory.mktemp("hcp-lifecycle")
    with running_emulator(home) as emulator, HcpStandIn(organization=ORGANIZATION) as hcp:
        stacks = synthesize(
            ENVIRONMENT,
            settings=VARIANTS,
            output=home / "cdktf.out",
            port=emulator.ports.emulator,
        )
        add_workspaces(hcp, stacks)
        with installation.applying({one.name: one for one in stacks}, emulator) as on_stacks:
            layers = {
                name: replace(on, environment=hcp.environment(home, on.environment))
                for name, on in on_stacks.items()
            }
            for terraform in layers.values():
                terraform.apply()
            yield Cloud(hcp=hcp, emulator=emulator, layers=layers)


def test_a_second_plan_is_empty(cloud: Cloud) -> None:
    found: dict[str, str] = {}
    for terraform in cloud.layers.values():
        found.update(terraform.pending_changes())

    kinds = {address.partition(".")[0] for address in found}
    assert kinds <= READ_BACK_DIFFERENTLY, "\n".join(found.values())


def test_each_layer_has_a_state_with_its_outputs(cloud: Cloud) -> None:
    function_url = cloud.layers[f"{ENVIRONMENT}-compute"].outputs()["function_url"]

    assert function_url.startswith("https://")
    for name, terraform in cloud.layers.items():
        workspace = cloud.hcp.store.workspace_named(f"co2-analysis-{name}")
        assert len(terraform.run("state", "list").split()) >= workspace.resource_count > 0


def test_local_execution_starts_no_run(cloud: Cloud) -> None:
    assert cloud.hcp.store.runs == {}


def test_destroy_leaves_nothing(cloud: Cloud) -> None:
    for terraform in reversed([*cloud.layers.values()]):
        terraform.destroy()

    assert {kind: names for kind, names in found_in(cloud.emulator).items() if names} == {}
    assert {one.resource_count for one in cloud.hcp.store.workspaces.values()} == {0}
