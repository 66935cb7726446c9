"""The road of a team from pull requests to applies, on the emulator with real Terraform.

The tests are the chapters of one story, in their order.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.github.server import GithubStandIn
from tests.integration.pipelining import CHANGES, DRIFT, HELD, Team, changed, running_team
from tests.integration.terraform import Installation

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
    before_it_held = json.loads(held.out)["applied"]
    assert [one["stack"] for one in before_it_held] == ["team-base", "team-storage"]
    assert "team-compute was not reviewed: it had to wait for team-storage" in held.err
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
    assert team.ttl() == "90"


def test_a_changed_setting_is_reviewed_and_applied(team: Team) -> None:
    team.configure("[cache]\nttl_days = 30\n")
    team.plan()

    review = team.review()

    assert review.code == CHANGES
    assert changed(review).keys() == {"team-base/aws_ssm_parameter.cache_ttl_days"}
    shown = team.apply("--dry-run")
    assert shown.code == 0
    assert shown.json()["applied"] == []
    assert team.ttl() == "90"
    assert team.apply().code == 0
    assert team.ttl() == "30"
    assert team.stored() == []


@pytest.mark.skipif(shutil.which("gh") is None, reason="GH IS NOT INSTALLED: no comment is tested")
def test_the_pull_request_and_the_drift_have_one_text_each(team: Team) -> None:
    team.configure("[cache]\nttl_days = 30\n")
    named = ("--repository", "my-company/co2-analysis")
    with GithubStandIn(named[1]) as github:
        number = github.open("octocat", "Keep answers for a month.", pull_request=True)
        team.variables = github.environment({})
        for _ in range(2):
            assert team.review("--comment", str(number), *named).code == CHANGES
        clean = team.drift("--issue", *named)
        team.variables = {}

    assert clean.code == 0
    (comment,) = github.issues[number].comments
    assert "aws_ssm_parameter.cache_ttl_days" in (comment.body or "")
    assert github.issues.keys() == {number}


def test_drift_is_reported_until_it_is_gone(team: Team, tmp_path: Path) -> None:
    page = tmp_path / "drift.md"
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


def _namespace(team: Team) -> str:
    return f"{team.naming.parameters}/config/cache/namespace"
