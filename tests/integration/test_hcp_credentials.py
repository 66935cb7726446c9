"""Dynamic credentials of remote runs, with the emulator's STS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytfe.models import CategoryType, VariableCreateOptions, WorkspaceCreateOptions

from modules.settings.local_aws import LocalAws
from ops.common.local_address import REGION
from testing.emulator import Emulator, running_emulator
from testing.hcp.server import HcpStandIn
from testing.hcp.terraform import TerraformEngine
from tests.integration.hcp import ORGANIZATION, connected
from tests.integration.terraform import Installation, Terraform

WORKSPACE = "co2-analysis-dev-base"
PROVIDER = "arn:aws:iam::000000000000:oidc-provider/app.terraform.io"

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@dataclass(frozen=True, kw_only=True)
class Place:
    hcp: HcpStandIn
    terraform: Terraform


@pytest.fixture
def place(installation: Installation, tmp_path: Path) -> Iterator[Place]:
    with running_emulator(tmp_path) as emulator:
        engine = TerraformEngine(
            tmp_path / "runs",
            program=installation.program,
            environment=lambda _: {
                **installation.installing,
                "AWS_ENDPOINT_URL": emulator.ports.endpoint,
            },
            emulator=emulator,
        )
        with HcpStandIn(organization=ORGANIZATION, engine=engine) as hcp:
            _add_workspace(hcp, {phase: _add_role(emulator, phase) for phase in ("plan", "apply")})
            folder = tmp_path / "configuration"
            folder.mkdir()
            (folder / "main.tf.json").write_text(json.dumps(_document()), encoding="utf-8")
            environment = hcp.environment(tmp_path, installation.installing)
            terraform = Terraform(
                program=installation.program, folder=folder, environment=environment
            )
            terraform.run("init", "-input=false", "-no-color")
            yield Place(hcp=hcp, terraform=terraform)


def _add_role(emulator: Emulator, phase: str) -> str:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": PROVIDER},
    }
    role = emulator.client("iam").create_role(
        RoleName=f"{phase}-role",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    return str(role["Role"]["Arn"])


def _add_workspace(hcp: HcpStandIn, roles: dict[str, str]) -> None:
    variables = {
        "TFC_AWS_PROVIDER_AUTH": "true",
        **{f"TFC_AWS_{phase.upper()}_ROLE_ARN": arn for phase, arn in roles.items()},
    }
    with connected(hcp) as client:
        workspace = client.workspaces.create(
            ORGANIZATION, WorkspaceCreateOptions.model_validate({"name": WORKSPACE})
        )
        for key, value in variables.items():
            client.variables.create(
                workspace.id, VariableCreateOptions(key=key, value=value, category=CategoryType.ENV)
            )


def _document() -> dict[str, Any]:
    """Return a configuration whose plan and apply ask who they are, as local stacks would."""
    return {
        "terraform": {
            "cloud": {"organization": ORGANIZATION, "workspaces": {"name": WORKSPACE}},
            "required_providers": {"aws": {"source": "hashicorp/aws"}},
        },
        "provider": {
            "aws": {
                "region": REGION,
                "profile": LocalAws.profile,
                "shared_credentials_files": [f"../../../{LocalAws.credentials_file}"],
                "skip_credentials_validation": True,
                "skip_metadata_api_check": "true",
            }
        },
        "resource": {"terraform_data": {"thing": {"input": "x"}}},
        "data": {
            "aws_caller_identity": {
                "planning": {},
                "applying": {"depends_on": ["terraform_data.thing"]},
            }
        },
        "output": {
            name: {"value": f"${{data.aws_caller_identity.{name}.arn}}"}
            for name in ("planning", "applying")
        },
    }


def test_each_phase_assumes_its_role(place: Place) -> None:
    printed = place.terraform.run("apply", "-input=false", "-no-color", "-auto-approve")

    outputs = place.terraform.outputs()
    assert "assumed-role/plan-role/run-" in outputs["planning"], printed
    assert "assumed-role/apply-role/run-" in outputs["applying"]
    (run,) = place.hcp.store.runs.values()
    scope = f"organization:{ORGANIZATION}:project:Default Project:workspace:{WORKSPACE}"
    assert run.subjects == {
        "plan": f"{scope}:run_phase:plan",
        "apply": f"{scope}:run_phase:apply",
    }
