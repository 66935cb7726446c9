"""The road of a team from pull requests to applies, on the emulator with real Terraform.

The tests are the chapters of one story, in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.pipelining import CHANGES, DRIFT, HELD, Team, changed, running_team
from tests.integration.terraform import Installation

TTL = "/co2-analysis/team/config/cache/ttl-days"

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def team(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    # Without Terraform and its provider, `installation` skips the tests.
    with running_team(tmp_path_factory.mktemp("team")) as team:
        yield team


def test_a_first_deployment_holds_where_nothing_could_be_planned(team: Team) -> None:
    planned = json.loads(team.plan().out)
    assert len(team.stored()) == 1

    held = team.apply("--plan", planned["id"])

    assert held.code == HELD
    assert "team-compute was not reviewed: team-storage is not applied yet" in held.err
    assert team.plan().code == 0
    done = team.apply().json()["applied"]
    assert [one["stack"] for one in done] == ["team-base", "team-storage", "team-compute"]
    assert done[2]["changes"]["added"] > 0
    assert team.stored() == []


def test_what_was_not_reviewed_is_not_applied(team: Team) -> None:
    team.configure("[cache]\nttl_days = 30\n")

    held = team.apply()

    assert held.code == HELD
    assert "no plans are stored of what this checkout would apply to team" in held.err
    assert _ttl(team) == "90"


def test_a_changed_setting_is_reviewed_and_applied(team: Team) -> None:
    team.configure("[cache]\nttl_days = 30\n")
    team.plan()

    review = team.review()

    assert review.code == CHANGES
    assert changed(review).keys() == {"team-base/aws_ssm_parameter.cache_ttl_days"}
    shown = team.apply("--dry-run")
    assert shown.code == 0
    assert shown.json()["applied"] == []
    assert _ttl(team) == "90"
    assert team.apply().code == 0
    assert _ttl(team) == "30"
    assert team.stored() == []


def test_a_plan_of_a_dry_run_is_not_stored(team: Team) -> None:
    team.configure("[cache]\nttl_days = 31\n")

    assert json.loads(team.plan("--dry-run").out)["id"] is None

    assert team.stored() == []
    assert team.apply().code == HELD


def test_a_state_that_moved_on_is_refused_with_what_changed(team: Team) -> None:
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
    assert _ttl(team) == "60"


def test_drift_is_reported_until_it_is_gone(team: Team, tmp_path: Path) -> None:
    team.configure("[cache]\nttl_days = 60\n")
    page = tmp_path / "drift.md"
    assert team.drift().code == 0
    ssm = team.emulator.client("ssm")
    ssm.put_parameter(Name=_namespace(team), Value="another", Overwrite=True)
    dynamodb = team.emulator.client("dynamodb")
    arn = dynamodb.describe_table(TableName=team.naming.cache_table)["Table"]["TableArn"]
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "Owner", "Value": "somebody"}])

    found = team.drift("--markdown", str(page))

    assert found.code == DRIFT
    ((stack, (item,)),) = json.loads(found.out)["drift"].items()
    assert (stack, item["address"]) == ("team-storage", "aws_dynamodb_table.cache")
    drifted, owned = page.read_text("utf-8").split("Changed by their owners")
    assert 'tags.Owner: + "somebody"' in drifted
    assert "aws_ssm_parameter.cache_namespace" in owned
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["Owner"])
    assert team.drift().code == 0


def _ttl(team: Team) -> str:
    return team.emulator.client("ssm").get_parameter(Name=TTL)["Parameter"]["Value"]


def _namespace(team: Team) -> str:
    return f"{team.naming.parameters}/config/cache/namespace"
