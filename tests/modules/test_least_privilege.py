"""No policy in any stack grants more than was decided."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modules.catalogue import BUCKETS
from modules.naming import Naming
from tests.modules.terraform_json import Json, Stack, mapping

# A service that has no narrower resource for an action; everything else must name one.
STAR_RESOURCES = {
    "SendTraces": "X-Ray takes trace segments for no particular resource",
    "AdministerThisKey": "in a key's own policy, every resource is that key",
    "FindResources": "to list resources and read metrics, AWS Backup names no resource",
    "EncryptAlarms": "in a key's own policy, every resource is that key",
    "EncryptBudgets": "in a key's own policy, every resource is that key",
    "UseThroughServices": "in a key's own policy, every resource is that key",
    "UseThroughS3": "in a key's own policy, every resource is that key",
    "EncryptLogs": "in a key's own policy, every resource is that key",
    "ServeObjects": "in a key's own policy, every resource is that key",
}


def _list(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _rights(stack: Stack) -> dict[str, tuple[set[str], list[str]]]:
    """Return the function's policy: actions and resources by statement ID."""
    policies = dict(stack.policies())
    statements = policies["aws_iam_role_policy.reasoning_rights.policy"]
    return {
        str(statement["Sid"]): (set(_list(statement["Action"])), _list(statement["Resource"]))
        for statement in statements
    }


def test_no_policy_allows_a_wildcard_action(every: dict[str, Stack]) -> None:
    for stack in every.values():
        for address, statements in stack.policies():
            for statement in statements:
                if statement["Effect"] == "Allow":
                    assert not any("*" in action for action in _list(statement["Action"])), (
                        f"{stack.name}: {address}: {statement['Sid']}"
                    )


def test_no_policy_allows_every_resource(every: dict[str, Stack]) -> None:
    for stack in every.values():
        for address, statements in stack.policies():
            for statement in statements:
                # Those of the deploy roles have their reasons in modules/deploy_rights.py.
                if stack.name.endswith("bootstrap") and address.startswith("aws_iam_policy."):
                    continue
                if statement["Effect"] == "Allow" and "*" in _list(statement.get("Resource")):
                    assert statement["Sid"] in STAR_RESOURCES, f"{stack.name}: {address}"


def test_bucket_policies_deny_plain_http_and_old_tls(every: dict[str, Stack]) -> None:
    for stack in every.values():
        for address, statements in stack.policies():
            if not address.startswith("aws_s3_bucket_policy"):
                continue
            denied = {
                str(statement["Sid"]): statement["Condition"]
                for statement in statements
                if statement["Effect"] == "Deny"
                and statement["Principal"] == "*"
                and statement["Action"] == ["s3:*"]
                and len(_list(statement["Resource"])) == 2  # the bucket and its objects
            }
            assert list(denied.values()) == [
                {"Bool": {"aws:SecureTransport": "false"}},
                {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
            ], f"{stack.name}: {address}"


def test_data_buckets_are_read_by_cloudfront_alone(shipped: dict[str, Stack]) -> None:
    for bucket in ("static_website", "geojson"):
        policies = dict(shipped["prod-storage"].policies())
        statements = policies[f"aws_s3_bucket_policy.{bucket}_policy.policy"]
        allowed = {s["Sid"]: s for s in statements if s["Effect"] == "Allow"}
        assert set(allowed) == {"AllowOriginAccessControl", "AllowOriginAccessIdentity"}
        control = allowed["AllowOriginAccessControl"]
        assert control["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert set(mapping(control["Condition"])) == {"ArnLike", "StringEquals"}, (
            "any account's distribution could"
        )
        for statement in allowed.values():
            assert statement["Action"] == ["s3:GetObject"]


ACCOUNT = "${data.aws_caller_identity.current.account_id}"
LOGGED = [
    f"arn:aws:s3:::{Naming(environment='prod').bucket(bucket)}"
    for bucket in BUCKETS
    if bucket.logged
]


@pytest.mark.parametrize(
    ("sid", "writer", "folder", "source"),
    [
        ("AllowLogDelivery", "logging.s3.amazonaws.com", "*", LOGGED),
        (
            "AllowEdgeLogDelivery",
            "delivery.logs.amazonaws.com",
            "distribution/*",
            f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-source:co2-analysis-prod-distribution-logs",
        ),
        ("AllowAnalyticsReports", "s3.amazonaws.com", "analytics/*", LOGGED),
    ],
)
def test_log_delivery_is_limited_to_one_service_and_source(
    sid: str, writer: str, folder: str, source: object, shipped: dict[str, Stack]
) -> None:
    policies = dict(shipped["prod-base"].policies())
    statements = policies["aws_s3_bucket_policy.access_logs_policy.policy"]
    allowed = {s["Sid"]: s for s in statements if s["Effect"] == "Allow"}
    assert set(allowed) == {"AllowLogDelivery", "AllowEdgeLogDelivery", "AllowAnalyticsReports"}
    deliver = allowed[sid]
    assert deliver["Principal"] == {"Service": writer}
    assert deliver["Action"] == ["s3:PutObject"]
    assert deliver["Resource"] == [f"arn:aws:s3:::co2-analysis-prod-access-logs/{folder}"]
    condition = mapping(deliver["Condition"])
    assert mapping(condition["ArnLike"]) == {"aws:SourceArn": source}
    assert mapping(condition["StringEquals"])["aws:SourceAccount"] == ACCOUNT


def test_the_function_may_do_what_it_calls_and_query_the_table(shipped: dict[str, Stack]) -> None:
    rights = _rights(shipped["dev-compute"])
    assert {sid: actions for sid, (actions, _) in rights.items()} == {
        "ReadCachedAnswers": {"dynamodb:GetItem"},
        "QueryCachedAnswers": {"dynamodb:Query"},
        "WriteCachedAnswers": {"dynamodb:PutItem", "dynamodb:UpdateItem"},
        "ReadConfiguration": {"ssm:GetParameter", "ssm:GetParameters"},
        "ReadGeminiKey": {"secretsmanager:GetSecretValue"},
        "WriteOwnLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
    }
    account = "${data.aws_caller_identity.current.account_id}"
    assert rights["ReadConfiguration"][1] == [
        f"arn:aws:ssm:us-east-1:{account}:parameter/co2-analysis/dev/*"
    ]
    assert rights["ReadGeminiKey"][1] == [
        f"arn:aws:secretsmanager:us-east-1:{account}:secret:co2-analysis-dev-gemini-api-key-??????"
    ]
    (log,) = rights["WriteOwnLog"][1]
    assert log == (
        f"arn:aws:logs:us-east-1:{account}"
        ":log-group:/aws/lambda/co2-analysis-dev-reasoning-function:*"
    )


def test_the_function_accesses_one_table_and_its_index(shipped: dict[str, Stack]) -> None:
    rights = _rights(shipped["dev-compute"])
    (table,) = rights["ReadCachedAnswers"][1]
    assert table.startswith("${data.terraform_remote_state.")
    assert rights["WriteCachedAnswers"][1] == [table]
    assert rights["QueryCachedAnswers"][1] == [table, f"{table}/index/cached-at-index"]


def test_only_lambda_may_assume_the_role(shipped: dict[str, Stack]) -> None:
    policies = dict(shipped["dev-compute"].policies())
    (statement,) = policies["aws_iam_role.reasoning_role.assume_role_policy"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole"]


def test_every_role_has_the_permissions_boundary(
    everything: dict[str, Stack], hardened: dict[str, Stack], shipped: dict[str, Stack]
) -> None:
    def boundaries(stacks: dict[str, Stack]) -> dict[str, Json]:
        return {
            address: role.get("permissions_boundary")
            for stack in stacks.values()
            for address, role in stack.resources().items()
            if address.startswith("aws_iam_role.")
        }

    boundary = "arn:aws:iam::123456789012:policy/team/workload-boundary"
    roles = boundaries(everything)
    assert {
        "aws_iam_role.reasoning_role",
        "aws_iam_role.replication_role",
        "aws_iam_role.backup_role",
    } <= set(roles)
    deploys = {"aws_iam_role.plan_role", "aws_iam_role.apply_role"}
    assert {roles.pop(one) for one in deploys} == {boundary.replace("workload", "deploy")}
    assert set(roles.values()) == {boundary}
    assert set(boundaries(shipped).values()) == {None}

    own = "arn:aws:iam::123456789012:policy/co2-analysis/bootstrap/co2-analysis-hardened-boundary"
    of_hardened = boundaries(hardened)
    assert {of_hardened.pop(one) for one in deploys} == {None}
    assert set(of_hardened.values()) == {own}
    created = hardened["bootstrap"].resource("aws_iam_policy.boundary")
    assert own.endswith(f":policy{created['path']}{created['name']}")


def test_tracing_adds_xray_permissions(
    synthesized: Callable[..., dict[str, Stack]],
) -> None:
    stacks = synthesized(
        {
            "region": "us-east-1",
            "retain": False,
            "state": {"local": {}},
            "table": {"billing": "on-demand"},
            "function": {"tracing": True},
        }
    )
    actions, resources = _rights(stacks["compute"])["SendTraces"]
    assert actions == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    assert resources == ["*"]
    function = stacks["compute"].resource("aws_lambda_function.reasoning")
    assert function["tracing_config"] == {"mode": "Active"}
