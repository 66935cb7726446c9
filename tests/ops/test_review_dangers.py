"""What is dangerous."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modules.catalogue import BUCKETS, TABLE_ADDRESS
from ops.review.acceptance import Acceptances
from ops.review.dangers import LOSSES, LOWERINGS, STATELESS, Rank
from ops.review.plan import Action
from ops.review.reviewing import review
from tests.review.building import change, item, kinds, reviewed, source

# One change that each row of LOWERINGS must find; what it finds is named by its place there.
LOWERED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("aws_dynamodb_table", {"deletion_protection_enabled": True}, {}, "deletion-protection"),
    ("aws_s3_bucket", {"force_destroy": False}, {"force_destroy": True}, "deletion-protection"),
    (
        "aws_dynamodb_table",
        {"point_in_time_recovery": [{"enabled": True}]},
        {"point_in_time_recovery": [{"enabled": False}]},
        "recovery",
    ),
    ("aws_dynamodb_table", {"replica": [{"region_name": "eu-west-1"}]}, {}, "recovery"),
    ("aws_secretsmanager_secret", {}, {"recovery_window_in_days": 0}, "recovery-window"),
    (
        "aws_kms_key",
        {"deletion_window_in_days": 30},
        {"deletion_window_in_days": 7},
        "recovery-window",
    ),
    ("aws_dynamodb_table", {}, {"ttl": [{"enabled": True}]}, "ttl"),
    (
        "aws_s3_bucket_versioning",
        {"versioning_configuration": [{"status": "Enabled"}]},
        {"versioning_configuration": [{"status": "Suspended"}]},
        "versioning",
    ),
    (
        "aws_s3_bucket_lifecycle_configuration",
        {"rule": [{"id": "a", "expiration": [{"days": 90}]}]},
        {"rule": [{"id": "a", "expiration": [{"days": 30}]}]},
        "lifecycle",
    ),
    (
        "aws_s3_bucket_lifecycle_configuration",
        {"rule": [{"id": "a"}]},
        {"rule": [{"id": "a"}, {"id": "b", "expiration": [{"days": 900}]}]},
        "lifecycle",
    ),
    (
        "aws_cloudwatch_log_group",
        {"retention_in_days": 0},
        {"retention_in_days": 7},
        "log-retention",
    ),
    ("aws_cloudwatch_log_group", {"kms_key_id": "arn:a"}, {"kms_key_id": None}, "encryption"),
    (
        "aws_s3_bucket_public_access_block",
        {"block_public_policy": True},
        {"block_public_policy": False},
        "public-access",
    ),
    ("aws_iam_role", {"permissions_boundary": "arn:b"}, {}, "boundary"),
    (
        "aws_cloudwatch_metric_alarm",
        {"alarm_actions": ["a", "b"]},
        {"alarm_actions": ["a"]},
        "alarm",
    ),
    (
        "aws_wafv2_web_acl",
        {"rule": [{"name": "a", "priority": 1}, {"name": "b", "priority": 2}]},
        {"rule": [{"name": "a", "priority": 1}]},
        "waf",
    ),
    ("aws_cloudfront_distribution", {"web_acl_id": "arn:w"}, {"web_acl_id": ""}, "waf"),
    (
        "aws_cloudfront_distribution",
        {"viewer_certificate": [{"minimum_protocol_version": "TLSv1.2_2021"}]},
        {"viewer_certificate": [{"minimum_protocol_version": "TLSv1"}]},
        "tls",
    ),
]
RAISED = [
    (type_, after, before)
    for type_, before, after, kind in LOWERED
    if kind != "recovery-window" or before
]


@pytest.mark.parametrize(("type_", "before", "after", "kind"), LOWERED)
def test_a_lowered_protection_is_dangerous(
    type_: str, before: dict[str, Any], after: dict[str, Any], kind: str
) -> None:
    one = item(change(f"{type_}.one", before, after))
    assert kinds(one) == [kind]
    (judged,) = one.dangers
    assert "->" in judged.danger.cause
    assert judged.danger.loses


@pytest.mark.parametrize(("type_", "before", "after"), RAISED)
def test_a_raised_protection_is_not(
    type_: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert kinds(item(change(f"{type_}.one", before, after))) == []


@pytest.mark.parametrize("action", [Action.DELETE, Action.DELETE_THEN_CREATE, Action.FORGET])
@pytest.mark.parametrize(
    "address", [TABLE_ADDRESS, *(f"aws_s3_bucket.{bucket.id}" for bucket in BUCKETS)]
)
def test_the_loss_of_data_names_the_data(address: str, action: Action) -> None:
    (judged,) = item(change(address, {}, actions=action.value)).dangers
    expected = Rank.HIGH if action is Action.FORGET else Rank.CRITICAL
    assert judged.danger.rank is expected
    held = "cached answers" if address == TABLE_ADDRESS else "bucket of the"
    assert held in judged.danger.loses


def test_a_replacement_names_what_forces_it() -> None:
    one = item(
        change(
            "module.a.aws_dynamodb_table.other[0]",
            {"hash_key": "a"},
            {"hash_key": "b"},
            actions=["delete", "create"],
            replace_paths=[["hash_key"]],
        )
    )
    assert [judged.danger.cause for judged in one.dangers] == ['hash_key: "a" -> "b"']


def test_a_destroy_names_terraforms_reason() -> None:
    reason = "delete_because_no_resource_config"
    one = item(change("aws_kms_key.one", {}, actions=["delete"], action_reason=reason))
    assert one.dangers[0].danger.cause == "it is no longer in the configuration"


def test_the_destroy_of_an_unknown_type_is_never_silent() -> None:
    (judged,) = item(change("aws_new_thing.one", {}, actions=["delete"])).dangers
    assert (judged.danger.kind, judged.danger.rank) == ("destroy", Rank.MEDIUM)
    assert "unknown" in judged.danger.loses


def test_what_holds_nothing_may_go() -> None:
    assert kinds(item(change("aws_cloudwatch_dashboard.one", {}, actions=["delete"]))) == []


def test_an_unknown_protection_counts_as_lowered() -> None:
    one = change(
        "aws_dynamodb_table.one",
        {"deletion_protection_enabled": True},
        {},
        after_unknown={"deletion_protection_enabled": True},
    )
    assert kinds(item(one)) == ["deletion-protection"]


def test_the_worst_comes_first() -> None:
    found = reviewed(
        change("aws_new_thing.one", {}, actions=["delete"]),
        change("aws_cloudwatch_metric_alarm.one", {}, actions=["delete"]),
        change("aws_dynamodb_table.one", {}, actions=["delete"]),
    )
    assert [int(judged.danger.rank) for _, _, judged in found.dangers()] == [1, 2, 3]
    assert found.stacks[0].items[0].address == "aws_dynamodb_table.one"


def _policy(*statements: dict[str, Any]) -> dict[str, str]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})}


_ALLOWED = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "arn:aws:sns:::a"}
_TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def test_a_policy_is_compared_by_its_meaning() -> None:
    wide = {**_ALLOWED, "Action": ["sns:*", "sns:Publish"]}
    one = item(change("aws_iam_role_policy.one", _policy(_ALLOWED), _policy(wide)))
    assert one.lines == ()
    ((path, lines),) = one.rights
    assert path == "policy"
    assert "sns:*" in lines[0]
    assert one.dangers
    same = {**_ALLOWED, "Action": ["SNS:Publish"], "Resource": ["arn:aws:sns:::a"]}
    assert item(change("aws_iam_role_policy.one", _policy(_ALLOWED), _policy(same))).rights == ()


def test_a_dropped_denial_of_plain_http_is_dangerous() -> None:
    one = item(change("aws_s3_bucket_policy.one", _policy(_TLS), _policy(_ALLOWED)))
    assert any("denial" in kind for kind in kinds(one))


def test_a_new_key_may_give_its_account_all_rights_and_nobody_else() -> None:
    def rights(principal: str) -> dict[str, Any]:
        who = {"AWS": principal}
        return {"Effect": "Allow", "Principal": who, "Action": "kms:*", "Resource": "*"}

    own, everybody = (_policy(rights(who)) for who in ("arn:aws:iam::123456789012:root", "*"))
    create = ["create"]
    assert kinds(item(change("aws_kms_key.one", None, own, actions=create))) == []
    assert kinds(item(change("aws_kms_key.one", None, everybody, actions=create))) == ["public"]
    wider = item(change("aws_kms_key.one", _policy(_ALLOWED), own))
    assert kinds(wider)


def test_a_policy_that_is_known_after_apply_cannot_be_reviewed() -> None:
    one = change("aws_s3_bucket_policy.one", _policy(_TLS), {}, after_unknown={"policy": True})
    assert kinds(item(one)) == ["policy-unknown"]


def test_rows_are_not_shadowed() -> None:
    """Each type that is lost is in one row, and none is both stateful and stateless."""
    stateful = [type_ for row in LOSSES for type_ in row.types]
    assert len(stateful) == len(set(stateful))
    assert not set(stateful) & set(STATELESS)
    keys = [(row.types, row.names) for row in LOWERINGS]
    assert len(keys) == len(set(keys))


def test_an_action_that_is_invoked_must_be_accepted() -> None:
    invoked = {"address": "action.aws_lambda_invoke.later", "type": "aws_lambda_invoke"}

    found = review([source(action_invocations=[invoked])], Acceptances())

    ((_, item, judged),) = found.dangers()
    assert (item.address, judged.danger.kind) == ("action.aws_lambda_invoke.later", "action")
    assert found.exit_code == 3
