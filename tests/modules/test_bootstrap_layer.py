"""The bootstrap layer: the bucket of the Terraform states."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modules import environments
from modules.catalogue import Layer
from modules.naming import Naming
from modules.schema.reader import structure
from modules.settings import Settings
from tests.modules.conftest import SHIPPED
from tests.modules.terraform_json import Json, Stack, mapping, sequence

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
# Those with a bootstrap layer: a new environment need not have one.
BOOTSTRAPPED = sorted(
    one.naming.environment for one in environments.load(SHIPPED) if Layer.BOOTSTRAP in one.layers
)


def _rules(stack: Stack) -> Iterator[dict[str, Json]]:
    lifecycle = stack.resource("aws_s3_bucket_lifecycle_configuration.state_lifecycle")
    return map(mapping, sequence(lifecycle["rule"]))


def _prefix(rule: dict[str, Json]) -> str:
    (filter_,) = map(mapping, sequence(rule["filter"]))
    return str(filter_["prefix"])


@pytest.mark.parametrize("environment", BOOTSTRAPPED)
def test_the_state_lies_in_the_bucket_that_the_stack_creates(
    shipped: dict[str, Stack], environment: str
) -> None:
    stack = shipped[f"{environment}-bootstrap"]
    backend = mapping(stack.at("terraform", "backend", "s3"))
    bucket = stack.resource("aws_s3_bucket.state")

    assert backend["bucket"] == bucket["bucket"]
    assert backend["key"] == f"{environment}/bootstrap/terraform.tfstate"
    assert backend["region"] == stack.provider()["region"]
    assert backend["use_lockfile"] is True


@pytest.mark.parametrize("environment", BOOTSTRAPPED)
def test_no_environment_loses_its_states(shipped: dict[str, Stack], environment: str) -> None:
    """Even where everything else is deleted by a destroy."""
    stack = shipped[f"{environment}-bootstrap"]
    bucket = stack.resource("aws_s3_bucket.state")
    versioning = stack.resource("aws_s3_bucket_versioning.state_versioning")

    assert mapping(bucket["lifecycle"])["prevent_destroy"] is True
    assert bucket["force_destroy"] is False
    assert mapping(versioning["versioning_configuration"])["status"] == "Enabled"
    states = {f"{environment}/{layer.key}/terraform.tfstate" for layer in Layer}
    for rule in _rules(stack):
        if "days" in str(rule.get("expiration")):
            assert not any(state.startswith(_prefix(rule)) for state in states)


def test_the_newest_replaced_states_are_kept_however_old(shipped: dict[str, Stack]) -> None:
    (rule,) = (
        one for one in _rules(shipped["prod-bootstrap"]) if one["id"] == "expire-replaced-states"
    )

    assert _prefix(rule) == ""
    (replaced,) = map(mapping, sequence(rule["noncurrent_version_expiration"]))
    assert replaced == {"noncurrent_days": 365, "newer_noncurrent_versions": 10}


def test_what_each_lock_leaves_is_deleted(shipped: dict[str, Stack]) -> None:
    """A lock is a version and a delete marker; S3 deletes a marker that hides no version."""
    stack = shipped["dev-bootstrap"]
    for layer in Layer:
        lock = f"dev/{layer.key}/terraform.tfstate.tflock"
        matching = [rule for rule in _rules(stack) if lock.startswith(_prefix(rule))]
        days = [
            mapping(one)
            for rule in matching
            for one in sequence(rule.get("noncurrent_version_expiration", []))
        ]
        assert {"noncurrent_days": 1} in days, layer
        assert any("expired_object_delete_marker" in str(rule) for rule in matching)
        state = lock.removesuffix(".tflock")
        assert not [rule for rule in matching if _prefix(rule) and state.startswith(_prefix(rule))]


def test_a_plan_that_nobody_applies_expires_and_leaves_nothing(shipped: dict[str, Stack]) -> None:
    stack = shipped["prod-bootstrap"]
    (rule,) = (one for one in _rules(stack) if one["id"] == "expire-plans")
    prefix = _prefix(rule)

    assert prefix == Naming(environment="prod").saved_plans
    assert sequence(rule["expiration"]) == [{"days": 30}]
    assert sequence(rule["noncurrent_version_expiration"]) == [{"noncurrent_days": 1}]
    assert any(
        {"expired_object_delete_marker": True} in sequence(one.get("expiration", []))
        for one in _rules(stack)
        if prefix.startswith(_prefix(one))
    )


def test_an_own_key_encrypts_the_states(hardened: dict[str, Stack]) -> None:
    bootstrap = hardened["bootstrap"]
    (rule,) = map(
        mapping,
        sequence(
            bootstrap.resource(
                "aws_s3_bucket_server_side_encryption_configuration.state_encryption"
            )["rule"]
        ),
    )
    chosen = mapping(rule["apply_server_side_encryption_by_default"])

    assert chosen["sse_algorithm"] == "aws:kms"
    assert chosen["kms_master_key_id"] == "${aws_kms_key.state_key.arn}"
    key = bootstrap.resource("aws_kms_key.state_key")
    assert mapping(key["lifecycle"])["prevent_destroy"] is True
    for stack in hardened.values():
        backend = mapping(stack.at("terraform", "backend", "s3"))
        # It would ask for S3's own key, whatever the bucket says.
        assert "encrypt" not in backend, stack.name


def test_without_a_key_terraform_asks_for_encryption(shipped: dict[str, Stack]) -> None:
    for name, stack in shipped.items():
        if not name.startswith("local"):
            assert mapping(stack.at("terraform", "backend", "s3"))["encrypt"] is True


def test_a_named_bucket_is_not_created(everything: dict[str, Stack]) -> None:
    """It exists, and may hold the states of other systems."""
    assert not [
        one for one in everything["bootstrap"].resources() if one.startswith("aws_s3_bucket")
    ]


@pytest.mark.parametrize("role", ["plan", "apply"])
def test_a_deploy_role_has_the_policies_of_the_stack_and_no_others(
    hardened: dict[str, Stack], role: str
) -> None:
    resources = hardened["bootstrap"].resources()
    policies = {
        address: f"arn:aws:iam::123456789012:policy{one['path']}{one['name']}"
        for address, one in resources.items()
        if address.startswith(f"aws_iam_policy.{role}_")
    }
    attachments = {
        str(one["policy_arn"]): sequence(one["depends_on"])
        for address, one in resources.items()
        if address.startswith(f"aws_iam_role_policy_attachment.{role}_")
    }
    exclusive = resources[f"aws_iam_role_policy_attachments_exclusive.{role}_policies"]
    inline = resources[f"aws_iam_role_policies_exclusive.{role}_inline_policies"]

    # AWS attaches ten policies to a role, unless the account has another quota.
    assert 0 < len(policies) <= 10
    assert attachments == {arn: [address] for address, arn in policies.items()}
    assert sorted(map(str, sequence(exclusive["policy_arns"]))) == sorted(policies.values())
    assert inline["policy_names"] == []
    assert resources[f"aws_iam_role.{role}_role"]["path"] == "/co2-analysis/bootstrap/"


def test_without_anybody_to_trust_there_are_no_roles(shipped: dict[str, Stack]) -> None:
    for name, stack in shipped.items():
        if name.endswith("-bootstrap"):
            assert not [one for one in stack.resources() if one.startswith("aws_iam")]


@pytest.mark.parametrize(
    ("state", "bootstrap", "field", "reason"),
    [
        ({"local": {}}, {}, "bootstrap", "local files"),
        ({"hcp": {"organization": "ours"}}, {"kms_key": KEY}, "bootstrap.kms_key", "creates none"),
        ({"s3": {"bucket": "ours"}}, {"kms_key": "own"}, "bootstrap.kms_key", "creates none"),
        ({"s3": {"bucket": "ours"}}, {"access_logs_bucket": "logs"}, "bootstrap.access_logs_bucket",
         "creates none"),
        ({"s3": {"region": "eu-west-1"}}, {"kms_key": KEY}, "bootstrap.kms_key", "in eu-west-1"),
    ],
)  # fmt: skip
def test_contradictions_with_the_backend_are_reported(
    state: dict[str, object], bootstrap: dict[str, object], field: str, reason: str
) -> None:
    _, problems = structure(
        Settings,
        {
            "region": "us-east-1",
            "retain": False,
            "state": state,
            "table": {"billing": "on-demand"},
            "bootstrap": bootstrap,
        },
    )

    (problem,) = problems
    assert problem.field == field
    assert reason in problem.reason
