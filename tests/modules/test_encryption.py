"""Customer-managed keys: what uses which key, and who may use a key for what."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ministack.core.iam_evaluator import (
    EvalContext,
    combine_resource_policy,
    evaluate,
    evaluate_resource_policy,
    parse_policy_document,
)

from tests.modules.terraform_json import Json, Stack, mapping, sequence

ACCOUNT = "123456789012"
REGION = "eu-central-1"
OWN_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own"
SECRET_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOPIC_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-1234abcd12ab34cd56ef1234567890ab"
COPY_KEY = SECRET_KEY.replace(REGION, "eu-west-1")
ANYTHING: dict[str, Json] = {
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "encryption.md"


def _resolved(text: str) -> str:
    """Return ``text`` with values instead of Terraform's references."""
    text = text.replace("${data.aws_caller_identity.current.account_id}", ACCOUNT)
    return re.sub(r"\$\{[a-z0-9_.]*(aws_kms_key|data_key)[a-z0-9_.]*\}", OWN_KEY, text)


def _policy(stack: Stack, address: str) -> dict[str, Json]:
    return mapping(json.loads(_resolved(str(stack.resource(address)["policy"]))))


def _key_policy(hardened: dict[str, Stack]) -> dict[str, Json]:
    return _policy(hardened["base"], "aws_kms_key.data_key")


def _context(
    action: str, *, key: str = OWN_KEY, account: str = ACCOUNT, **more: str
) -> EvalContext:
    names = {"via": "kms:viaservice", "log": "kms:encryptioncontext:aws:logs:arn"}
    return EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/role/session",
        principal_type="AssumedRole",
        principal_account=account,
        action=f"kms:{action}",
        resource_arn=key,
        region=REGION,
        service_context={names.get(name, "aws:sourcearn"): value for name, value in more.items()},
    )


def _allowed(policy: dict[str, Json], key_policy: dict[str, Json], context: EvalContext) -> bool:
    """Return what KMS decides: the key's policy must allow as well as the role's."""
    identity = evaluate(context, [parse_policy_document(policy)])
    result = combine_resource_policy(identity, context, key_policy, ACCOUNT, required=True)
    return str(result.decision) == "Allow"


def _through(service: str, region: str = REGION) -> str:
    return f"{service}.{region}.amazonaws.com"


def test_the_function_decrypts_answers_through_dynamodb_and_does_nothing_else(
    hardened: dict[str, Stack],
) -> None:
    role = _policy(hardened["compute"], "aws_iam_role_policy.reasoning_rights")
    key = _key_policy(hardened)
    assert _allowed(role, key, _context("Decrypt", via=_through("dynamodb")))
    for action, service in (
        ("Decrypt", "s3"),
        ("Encrypt", "secretsmanager"),
        ("Encrypt", "dynamodb"),
        ("CreateGrant", "dynamodb"),
        ("ScheduleKeyDeletion", "dynamodb"),
    ):
        assert not _allowed(role, key, _context(action, via=_through(service))), action
    assert not _allowed(role, key, _context("Decrypt"))


def test_the_function_decrypts_its_secret_with_an_existing_key(hardened: dict[str, Stack]) -> None:
    role = _policy(hardened["compute"], "aws_iam_role_policy.reasoning_rights")
    like_ours = _key_policy(hardened)
    through = _through("secretsmanager")
    assert _allowed(role, like_ours, _context("Decrypt", key=SECRET_KEY, via=through))
    other = SECRET_KEY.replace("1234abcd-", "4321abcd-")
    assert not _allowed(role, like_ours, _context("Decrypt", key=other, via=through))


def test_the_function_may_use_the_own_key_before_anything_is_encrypted_with_it(
    hardened: dict[str, Stack],
) -> None:
    """Here the secret has another key; base would re-encrypt it long before compute is applied."""
    role = _policy(hardened["compute"], "aws_iam_role_policy.reasoning_rights")
    context = _context("Decrypt", via=_through("secretsmanager"))
    assert _allowed(role, _key_policy(hardened), context)


def test_replication_decrypts_sources_and_encrypts_copies(hardened: dict[str, Stack]) -> None:
    role = _policy(hardened["storage"], "aws_iam_role_policy.replication_rights")
    key = _key_policy(hardened)
    elsewhere = _through("s3", "eu-west-1")
    assert _allowed(role, key, _context("Decrypt", via=_through("s3")))
    assert not _allowed(role, key, _context("Encrypt", via=_through("s3")))
    context = _context("Encrypt", key=COPY_KEY, via=elsewhere)
    assert evaluate(context, [parse_policy_document(role)]).decision == "Allow"
    context = _context("Decrypt", key=COPY_KEY, via=elsewhere)
    assert evaluate(context, [parse_policy_document(role)]).decision != "Allow"


@pytest.mark.parametrize("action", ["Decrypt", "Encrypt", "GenerateDataKey", "CreateGrant"])
def test_even_an_administrator_uses_the_key_through_services_only(
    action: str, hardened: dict[str, Stack]
) -> None:
    key = _key_policy(hardened)
    assert not _allowed(ANYTHING, key, _context(action))
    assert not _allowed(ANYTHING, key, _context(action, via=_through("ec2")))
    assert not _allowed(ANYTHING, key, _context(action, via=_through("s3", "eu-west-1")))
    assert _allowed(ANYTHING, key, _context(action, via=_through("s3")))
    assert _allowed(ANYTHING, key, _context("PutKeyPolicy")), "the key could not be managed"


def test_an_outsider_cannot_use_the_key(hardened: dict[str, Stack]) -> None:
    key = _key_policy(hardened)
    via = _through("dynamodb")
    assert not _allowed(ANYTHING, key, _context("Decrypt", via=via, account="999999999999"))
    nothing: dict[str, Json] = {"Statement": []}
    assert not _allowed(nothing, key, _context("Decrypt", via=via)), "needs a policy of its own"


@pytest.mark.parametrize(
    ("service", "action", "source", "allowed"),
    [
        (
            "cloudfront",
            "Decrypt",
            {"source": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1"},
            True,
        ),
        (
            "cloudfront",
            "Encrypt",
            {"source": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1"},
            False,
        ),
        (
            "cloudfront",
            "Decrypt",
            {"source": "arn:aws:cloudfront::999999999999:distribution/E1"},
            False,
        ),
        ("cloudfront", "Decrypt", {}, False),
        (
            f"logs.{REGION}",
            "GenerateDataKey",
            {"log": "/aws/lambda/co2-analysis-hardened-reasoning-function"},
            True,
        ),
        (f"logs.{REGION}", "GenerateDataKey", {"log": "/aws/lambda/another"}, False),
        (f"logs.{REGION}", "GenerateDataKey", {}, False),
        ("s3", "Decrypt", {}, False),
    ],
)
def test_a_service_uses_the_key_for_this_environment_only(
    service: str, action: str, source: dict[str, str], allowed: bool, hardened: dict[str, Stack]
) -> None:
    if "log" in source:
        source = {"log": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{source['log']}"}
    # A service is a principal of no account.
    context = _context(action, account="000000000000", **source)
    result = evaluate_resource_policy(
        _key_policy(hardened), context, service=f"{service}.amazonaws.com"
    )
    assert (result.decision == "Allow") == allowed


def test_everything_is_encrypted_with_the_chosen_key(hardened: dict[str, Stack]) -> None:
    storage, compute = hardened["storage"], hardened["compute"]
    table = storage.resource("aws_dynamodb_table.cache")
    function = compute.resource("aws_lambda_function.reasoning")
    log_group = compute.resource("aws_cloudwatch_log_group.reasoning_log")
    secret = hardened["base"].resource("aws_secretsmanager_secret.gemini_api_key")
    topic = hardened["monitoring"].resource("aws_sns_topic.alarms")
    chosen = {
        "table": mapping(table["server_side_encryption"])["kms_key_arn"],
        "function": function["kms_key_arn"],
        "logs": log_group["kms_key_id"],
        "secret": secret["kms_key_id"],
        "topic": topic["kms_master_key_id"],
    }
    assert {what: _resolved(str(key)) for what, key in chosen.items()} == {
        "table": OWN_KEY,
        "function": OWN_KEY,
        "logs": OWN_KEY,
        "secret": SECRET_KEY,
        "topic": TOPIC_KEY,
    }
    assert "aws_kms_key" not in hardened["monitoring"].counts(), "the topic's own key has no use"


@pytest.mark.parametrize("bucket", ["static_website", "geojson"])
def test_buckets_and_their_replicas_have_a_key_in_their_region(
    bucket: str, hardened: dict[str, Stack]
) -> None:
    storage = hardened["storage"]
    for name, key in ((bucket, OWN_KEY), (f"{bucket}_replica", COPY_KEY)):
        rule = _encryption_rule(storage, name)
        default = mapping(rule["apply_server_side_encryption_by_default"])
        assert default["sse_algorithm"] == "aws:kms"
        assert _resolved(str(default["kms_master_key_id"])) == key
        assert rule["bucket_key_enabled"] is True, "else every object costs requests to KMS"
    replication = storage.resource(f"aws_s3_bucket_replication_configuration.{bucket}_replication")
    (rule,) = map(mapping, sequence(replication["rule"]))
    assert rule["source_selection_criteria"] == {"sse_kms_encrypted_objects": {"status": "Enabled"}}
    destination = mapping(rule["destination"])
    assert destination["encryption_configuration"] == {"replica_kms_key_id": COPY_KEY}


def test_access_logs_keep_s3s_own_key(hardened: dict[str, Stack]) -> None:
    """S3 delivers access logs to no bucket with another one."""
    rule = _encryption_rule(hardened["base"], "access_logs")
    assert rule == {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}


def _encryption_rule(stack: Stack, bucket: str) -> dict[str, Json]:
    address = f"aws_s3_bucket_server_side_encryption_configuration.{bucket}_encryption"
    (rule,) = map(mapping, sequence(stack.resource(address)["rule"]))
    return rule


def test_the_own_key_is_rotated_protected_and_found_by_name(hardened: dict[str, Stack]) -> None:
    key = hardened["base"].resource("aws_kms_key.data_key")
    assert key["enable_key_rotation"] is True
    assert key["deletion_window_in_days"] == 30
    assert key["lifecycle"] == {"prevent_destroy": True}
    alias = hardened["base"].resource("aws_kms_alias.data_key_alias")
    assert alias["name"] == "alias/co2-analysis-hardened-data"


def test_the_documentation_says_what_an_existing_key_must_allow(
    hardened: dict[str, Stack], everything: dict[str, Stack]
) -> None:
    data, topic = map(
        json.loads, re.findall(r"```json\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    )
    assert data == _generic(_key_policy(hardened))
    assert topic == _generic(_policy(everything["monitoring"], "aws_kms_key.alarms_key"))


def _generic(policy: dict[str, Json]) -> Json:
    """Return the statements of a key's policy without its administration, as documented."""
    statements = [
        one for one in sequence(policy["Statement"]) if mapping(one)["Sid"] != "AdministerThisKey"
    ]
    text = json.dumps(statements)
    for value, name in ((ACCOUNT, "ACCOUNT"), (REGION, "REGION"), ("hardened", "ENVIRONMENT")):
        text = text.replace(value, name)
    generic: Json = json.loads(text)
    return generic
