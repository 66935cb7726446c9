"""`ops hcp` sets up the workspaces of all layers, applies them in remote runs and destroys them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.hcp.context import HcpContext
from testing.emulator import running_emulator
from testing.hcp.server import HcpStandIn
from testing.hcp.terraform import TerraformEngine
from tests.integration.hcp import ORGANIZATION
from tests.integration.inventory import found_in
from tests.integration.terraform import VARIANTS, Installation, Terraform, synthesize

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ENVIRONMENT = "workspace-remote"
LAYERS = ("base", "storage", "compute", "frontend", "monitoring")

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def command(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Command]:
    """Run a command on an account with nothing in it, and return its JSON."""
    home = tmp_path_factory.mktemp("hcp-commands")
    attached: dict[str, Terraform] = {}
    with (
        running_emulator(home) as emulator,
        HcpStandIn(
            organization=ORGANIZATION,
            engine=TerraformEngine(
                home / "runs",
                program=installation.program,
                environment=lambda workspace: (
                    attached[workspace.name.removeprefix("co2-analysis-")].environment
                ),
                emulator=emulator,
            ),
        ) as hcp,
    ):
        port = emulator.ports.emulator
        stacks = synthesize(ENVIRONMENT, settings=VARIANTS, output=home / "cdktf.out", port=port)
        variables = {
            "CO2_SETTINGS": str(VARIANTS),
            "CO2_LOCAL_PORT": str(port),
            "CO2_HCP_ADDRESS": hcp.address,
            "TF_TOKEN_app_terraform_io": hcp.token,
        }

        def run(name: str, *options: str, code: int = 0) -> Any:
            arguments = ["hcp", name, "--env", ENVIRONMENT, "--json", *options]
            done = CliRunner().invoke(app, arguments, env=variables)
            assert done.exit_code == code, f"{done.exception!r}\n{done.stdout}{done.stderr}"
            assert hcp.token not in done.stdout + done.stderr
            return json.loads(done.stdout)

        with (
            installation.applying({one.name: one for one in stacks}, emulator) as on_stacks,
            pytest.MonkeyPatch.context() as patch,
        ):
            attached |= on_stacks
            # Those without the endpoints, which take the provider long to validate.
            patch.setattr(HcpContext, "stacks", stacks)
            yield run
        assert {kind: names for kind, names in found_in(emulator).items() if names} == {}


def _outcomes(document: Any) -> dict[str, str]:
    return {
        one["layer"].removeprefix(f"{ENVIRONMENT}-"): one["outcome"] for one in document["layers"]
    }


def test_from_nothing_to_applied_layers_and_back(command: Command) -> None:
    assert command("status", code=1)["workspaces"][0]["exists"] is False
    assert command("sync", "--yes")["changed"]
    assert command("sync", "--yes")["changes"] == []

    # Only what reads no state can be planned before anything is applied.
    first = _outcomes(command("run"))
    assert first["base"] == "planned"
    assert first["compute"] == "deferred"

    applied = _outcomes(command("run", "--apply", "--yes"))
    assert applied == dict.fromkeys(LAYERS, "applied")
    assert _outcomes(command("run"))["base"] == "unchanged"
    assert all(one["serial"] for one in command("status")["workspaces"])

    destroyed = _outcomes(command("run", "--apply", "--destroy", "--yes"))
    assert list(destroyed) == list(reversed(LAYERS))
    assert set(destroyed.values()) == {"applied"}
