"""All layers through the stand-in of HCP Terraform: applied, read, unchanged, destroyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import pytest

from testing.emulator import Emulator, running_emulator
from testing.hcp.server import HcpStandIn
from testing.hcp.terraform import TerraformEngine
from tests.integration.hcp import ORGANIZATION, add_workspaces
from tests.integration.inventory import found_in
from tests.integration.terraform import (
    VARIANTS,
    Installation,
    Terraform,
    side_by_side,
    synthesize,
)
from tests.integration.test_lifecycle import READ_BACK_DIFFERENTLY

MODES = ("local", "remote")

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """An account with the layers of two environments, by execution mode and in dependency order."""

    hcp: HcpStandIn
    emulator: Emulator
    layers: Mapping[str, Mapping[str, Terraform]]

    def in_each_mode(self, task: Callable[[Mapping[str, Terraform]], None]) -> None:
        side_by_side(*(partial(task, self.layers[mode]) for mode in MODES))


@pytest.fixture(scope="module")
def cloud(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home = tmp_path_factory.mktemp("hcp-lifecycle")
    attached: dict[str, Terraform] = {}
    engine = TerraformEngine(
        home / "runs",
        program=installation.program,
        environment=lambda workspace: attached[_stack_of(workspace.name)].environment,
    )
    with (
        running_emulator(home) as emulator,
        HcpStandIn(organization=ORGANIZATION, engine=engine) as hcp,
    ):
        stacks = synthesize(
            *(f"workspace-{mode}" for mode in MODES),
            settings=VARIANTS,
            output=home / "cdktf.out",
            port=emulator.ports.emulator,
        )
        by_name = {stack.name: stack for stack in stacks}
        add_workspaces(hcp, stacks)
        with installation.applying(by_name, emulator) as on_stacks:
            attached |= on_stacks
            cloud = Cloud(
                hcp=hcp,
                emulator=emulator,
                layers={
                    mode: {
                        name: replace(on, environment=hcp.environment(home, on.environment))
                        for name, on in on_stacks.items()
                        if name.startswith(f"workspace-{mode}-")
                    }
                    for mode in MODES
                },
            )
            cloud.in_each_mode(_apply)
            yield cloud


def _stack_of(workspace: str) -> str:
    return workspace.removeprefix("co2-analysis-")


def _apply(layers: Mapping[str, Terraform]) -> None:
    for terraform in layers.values():
        terraform.apply()


def _destroy(layers: Mapping[str, Terraform]) -> None:
    for terraform in reversed([*layers.values()]):
        terraform.destroy()


def test_a_second_plan_is_empty(cloud: Cloud) -> None:
    found: dict[str, str] = {}

    def plan(layers: Mapping[str, Terraform]) -> None:
        for terraform in layers.values():
            found.update(terraform.pending_changes())

    cloud.in_each_mode(plan)

    kinds = {address.partition(".")[0] for address in found}
    assert kinds <= READ_BACK_DIFFERENTLY, "\n".join(found.values())


@pytest.mark.parametrize("mode", MODES)
def test_each_layer_has_a_state_with_its_outputs(cloud: Cloud, mode: str) -> None:
    layers = cloud.layers[mode]

    assert layers[f"workspace-{mode}-compute"].outputs()["function_url"].startswith("https://")
    for name, terraform in layers.items():
        workspace = cloud.hcp.store.workspace_named(f"co2-analysis-{name}")
        assert len(terraform.run("state", "list").split()) >= workspace.resource_count > 0


@pytest.mark.parametrize("mode", MODES)
def test_runs_happen_in_remote_execution_only(cloud: Cloud, mode: str) -> None:
    runs = [
        run for run in cloud.hcp.store.runs.values() if f"workspace-{mode}-" in run.workspace.name
    ]

    assert bool(runs) is (mode == "remote")


def test_destroy_leaves_nothing(cloud: Cloud) -> None:
    cloud.in_each_mode(_destroy)

    assert {kind: names for kind, names in found_in(cloud.emulator).items() if names} == {}
    assert {one.resource_count for one in cloud.hcp.store.workspaces.values()} == {0}
