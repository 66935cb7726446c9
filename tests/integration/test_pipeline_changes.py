"""Pull requests that a team should stop and think about, and an apply that is killed.

Each begins and ends with an environment that is applied as its settings are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.pipelining import (
    CHANGES,
    DANGEROUS,
    HELD,
    Team,
    changed,
    dangers,
    running_team,
)
from tests.integration.terraform import Installation

OWN_KEY = '[encryption]\nown_key = true\ntable = "own"\n'
RENAMED = ("modules/naming.py", 'return self._name("cache")', 'return self._name("answers")')
WIDENED = (
    "modules/resources/cache_table.py",
    'actions=("dynamodb:PutItem", "dynamodb:UpdateItem")',
    'actions=("dynamodb:*",)',
)
TABLE = "team-storage/aws_dynamodb_table.cache"

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def applied(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    # Without Terraform and its provider, `installation` skips the tests.
    with running_team(tmp_path_factory.mktemp("team")) as team:
        while team.plan() and team.apply().code == HELD:
            pass
        yield team


@pytest.fixture
def team(applied: Team) -> Iterator[Team]:
    yield applied
    applied.configure()
    (applied.checkout / "accepted-dangers.toml").unlink(missing_ok=True)
    applied.plan()
    _accept(applied)
    assert applied.apply().code == 0


def _accept(team: Team) -> None:
    """Accept every danger of what was planned."""
    rows = [
        f"[[accepted]]\naddress = {json.dumps(name.partition('/')[2])}\nkind = {json.dumps(kind)}\n"
        'who = "Ada"\nwhy = "A test."\nuntil = "9999-12-31"\n'
        for name, kind in dangers(team.review())
    ]
    (team.checkout / "accepted-dangers.toml").write_text("\n".join(rows), encoding="utf-8")


def test_a_plan_of_a_dry_run_is_not_stored(team: Team) -> None:
    before = team.stored()
    team.configure("[cache]\nttl_days = 31\n")

    assert json.loads(team.plan("--dry-run").out)["id"] is None

    assert team.stored() == before
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
    assert team.ttl() == "60"


def test_a_widened_role_is_named_and_held(team: Team) -> None:
    with team.edited(*WIDENED):
        team.plan()
        review = team.review()
        held = team.apply()

    assert review.code == DANGEROUS
    ((name, kind),) = dangers(review)
    assert name.startswith("team-compute/aws_iam_role_policy.")
    assert kind == "service-wide-actions"
    assert "dynamodb:*" in json.dumps(changed(review)[name]["rights"])
    assert held.code == HELD
    assert f"{name}:{kind}" in held.err


def test_a_replaced_table_is_held_until_somebody_accepts_it(team: Team) -> None:
    with team.edited(*RENAMED):
        team.plan()
        review = team.review()
        held = team.apply()
        _accept(team)
        accepted = team.review()
        applied = team.apply()

    assert review.code == DANGEROUS
    assert (TABLE, "replace") in dangers(review)
    assert held.code == HELD
    assert "team-storage/aws_dynamodb_table.cache:replace" in held.err
    assert accepted.code == CHANGES
    # The name and the ARN of the table, which the next layer reads, are known only now.
    assert applied.code == HELD, applied.err
    assert "team-compute would not be changed as it was reviewed" in applied.err
    assert team.emulator.client("dynamodb").list_tables()["TableNames"] == [
        f"{team.naming.cache_table.removesuffix('cache')}answers"
    ]


def test_a_new_output_defers_the_layers_that_read_it(team: Team) -> None:
    team.configure(OWN_KEY)
    team.plan()
    review = team.review()
    waiting = {one["name"]: one["waits_because"] for one in json.loads(review.out)["stacks"]}

    _accept(team)
    held = team.apply()
    team.plan()
    _accept(team)
    done = team.apply()

    assert waiting["team-base"] is None
    assert waiting["team-storage"].startswith("team-base has no output ")
    assert held.code == HELD
    assert "team-storage was not reviewed: it had to wait for team-base" in held.err
    assert done.code == 0, done.err
    table = team.emulator.client("dynamodb").describe_table(TableName=team.naming.cache_table)
    assert table["Table"]["SSEDescription"]["SSEType"] == "KMS"


def test_a_killed_apply_goes_on(team: Team, tmp_path: Path) -> None:
    team.configure('[cache]\nttl_days = 33\n[tags]\nTeam = "climate"\n')
    never_applied = team.stored()
    team.plan()
    _accept(team)

    # Terraform outlives the command, and holds the lock of the next layer until it has ended.
    team.kill_after("team-base ", tmp_path / "errors")
    again = team.apply()

    assert again.code == 0, again.err
    base, *others = again.json()["applied"]
    assert not any(base["changes"].values())
    assert base["gone"] > 0
    assert all(one["gone"] + one["changes"]["changed"] > 0 for one in others)
    assert team.drift().code == 0
    assert team.stored() == never_applied
