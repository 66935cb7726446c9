"""The road of a team whose states and runs are in HCP Terraform, with real Terraform in the runs.

The machine that calls the pipeline has no credentials of AWS.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import app
from testing.hcp.model import Workspace
from testing.hcp.server import HcpStandIn
from testing.hcp.terraform import TerraformEngine
from tests.integration.hcp import ORGANIZATION
from tests.integration.pipelining import CHANGES, DRIFT, HELD, Team, changed, running_team
from tests.integration.terraform import Installation, synthesize

STATE = f'[state.hcp]\norganization = "{ORGANIZATION}"\nterraform_version = "1.11.4"\n'
OWN_KEY = '[encryption]\nown_key = true\ntable = "own"\n'

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Company:
    """A team, and its organization in HCP Terraform."""

    team: Team
    hcp: HcpStandIn

    def runs(self, layer: str, verb: str) -> list[str]:
        """Return the statuses of the runs that the pipeline started in a workspace."""
        workspace = self.hcp.store.workspace_named(f"co2-analysis-team-{layer}")
        return [
            one.status
            for one in self.hcp.store.runs_of(workspace)
            if (one.settings.message or "").startswith(f"ops pipeline {verb} ")
        ]

    def sync(self) -> None:
        """Set up the workspaces as the settings say."""
        settings = {"CO2_SETTINGS": str(self.team.checkout / "environments")}
        arguments = ["hcp", "sync", "--env", self.team.name, "--yes"]
        done = CliRunner().invoke(app, arguments, env={**self.team.variables, **settings})
        assert done.exit_code == 0, done.output


@pytest.fixture
def company(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    home = tmp_path_factory.mktemp("company")
    attached: dict[str, dict[str, str]] = {}

    def environment(workspace: Workspace) -> dict[str, str]:
        return attached[workspace.name]

    engine = TerraformEngine(home / "runs", program=installation.program, environment=environment)
    (home / "team").mkdir()
    with (
        running_team(home / "team") as team,
        HcpStandIn(organization=ORGANIZATION, engine=engine) as hcp,
        ExitStack() as providers,
    ):
        key = {
            "AWS_ACCESS_KEY_ID": team.emulator.key.id,
            "AWS_SECRET_ACCESS_KEY": team.emulator.key.secret,
        }
        with_key = dataclasses.replace(
            installation, environment={**installation.environment, **key}
        )
        team.settings = team.settings.replace("[state.s3]\n", STATE)
        team.configure()
        folder = team.checkout / "environments"
        # The providers look there for the package of the function.
        for stack in synthesize("team", settings=folder, output=home / "cdktf.out"):
            terraform = providers.enter_context(
                with_key.running(stack.folder, endpoint=team.emulator.ports.endpoint)
            )
            attached[f"co2-analysis-{stack.name}"] = {**terraform.environment, **key}
        team.variables = {
            "CO2_HCP_ADDRESS": hcp.address,
            "TF_TOKEN_app_terraform_io": hcp.token,
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        }
        company = Company(team=team, hcp=hcp)
        company.sync()
        yield company


def test_the_story(company: Company, tmp_path: Path) -> None:
    """One test: its chapters need each other, and slow tests are distributed one by one."""
    _a_first_deployment_holds_where_nothing_could_be_planned(company)
    _what_was_not_reviewed_is_not_applied(company.team)
    _a_changed_setting_is_reviewed_and_applied(company)
    _a_state_that_moved_on_is_refused_with_what_changed(company.team)
    _drift_is_reported_until_it_is_gone(company, tmp_path)
    _a_new_output_defers_the_layers_that_read_it(company)


def _a_first_deployment_holds_where_nothing_could_be_planned(company: Company) -> None:
    team = company.team
    planned = json.loads(team.plan().out)

    held = team.apply("--plan", planned["id"])

    assert held.code == HELD
    assert "team-compute was not reviewed: it had to wait for team-storage" in held.err
    assert team.plan().code == 0
    done = team.apply().json()["applied"]
    assert [one["stack"] for one in done] == ["team-base", "team-storage", "team-compute"]
    assert done[2]["changes"]["added"] > 0
    assert company.runs("compute", "plan") == ["discarded"]
    assert company.runs("compute", "apply") == ["discarded", "applied"]


def _what_was_not_reviewed_is_not_applied(team: Team) -> None:
    team.configure("[cache]\nttl_days = 30\n")

    held = team.apply()

    assert held.code == HELD
    assert "no plans are stored of what this checkout would apply to team" in held.err
    assert team.ttl() == "90"


def _a_changed_setting_is_reviewed_and_applied(company: Company) -> None:
    team = company.team
    team.configure("[cache]\nttl_days = 30\n")
    team.plan()

    review = team.review()

    assert review.code == CHANGES
    assert changed(review).keys() == {"team-base/aws_ssm_parameter.cache_ttl_days"}
    assert team.apply("--dry-run").code == 0
    assert team.ttl() == "90"
    assert team.apply().code == 0
    assert team.ttl() == "30"
    assert company.runs("base", "plan")[-1] == "discarded"
    # It reads the state that has changed, so it was planned anew, and had nothing to do.
    assert company.runs("storage", "apply")[-1] == "planned_and_finished"
    assert team.apply().code == HELD


def _a_state_that_moved_on_is_refused_with_what_changed(team: Team) -> None:
    team.configure("[cache]\nttl_days = 45\n")
    team.plan()
    team.configure("[cache]\nttl_days = 60\n")
    team.plan()
    assert team.apply().code == 0
    team.configure("[cache]\nttl_days = 45\n")

    held = team.apply()

    assert held.code == HELD
    address = "aws_ssm_parameter.cache_ttl_days"
    assert f"{address}: insecure_value: it was changed since the review" in held.err
    assert "its state moved on from serial" in held.err
    assert held.err.rpartition("(changed: ")[2].count(address) == 1
    assert team.ttl() == "60"


def _drift_is_reported_until_it_is_gone(company: Company, tmp_path: Path) -> None:
    team = company.team
    team.configure("[cache]\nttl_days = 60\n")
    saved = company.runs("storage", "plan")
    dynamodb = team.emulator.client("dynamodb")
    arn = dynamodb.describe_table(TableName=team.naming.cache_table)["Table"]["TableArn"]
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "Owner", "Value": "somebody"}])
    page = tmp_path / "drift.md"

    found = team.drift("--markdown", str(page))

    assert found.code == DRIFT, found.err
    (item,) = json.loads(found.out)["drift"]["team-storage"]
    assert item["address"] == "aws_dynamodb_table.cache"
    assert 'tags.Owner: + "somebody"' in page.read_text("utf-8")
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["Owner"])
    assert "team-storage" not in json.loads(team.drift().out)["drift"]
    assert company.runs("storage", "plan") == saved


def _a_new_output_defers_the_layers_that_read_it(company: Company) -> None:
    team = company.team
    team.configure(f"[cache]\nttl_days = 60\n{OWN_KEY}")
    team.plan()
    review = team.review()
    waiting = {one["name"]: one["waits_because"] for one in json.loads(review.out)["stacks"]}

    not_shared = team.apply()
    company.sync()
    held = team.apply()
    team.plan()
    done = team.apply()

    assert not_shared.code == 1
    assert "python -m ops hcp sync --env team lets it read that state" in not_shared.err
    assert waiting["team-base"] is None
    assert waiting["team-storage"].startswith("team-base has no output ")
    assert held.code == HELD
    assert "team-storage was not reviewed: it had to wait for team-base" in held.err
    assert done.code == 0, done.err
    table = team.emulator.client("dynamodb").describe_table(TableName=team.naming.cache_table)
    assert table["Table"]["SSEDescription"]["SSEType"] == "KMS"
