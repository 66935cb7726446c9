"""What is dangerous, as rows: the loss of a resource, and the lowering of a protection.

Terraform's ``prevent_destroy`` is in no plan: where it is on, planning a destroy fails, and where
it was removed, the plan does not say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import lru_cache

from modules.catalogue import BUCKETS, TABLE_ADDRESS
from ops.review.attributes import ABSENT, UNKNOWN, AttributeChange, Value
from ops.review.plan import Action, ResourceChange


class Rank(IntEnum):
    """How bad it is; each must be accepted."""

    CRITICAL = 1  # data is lost
    HIGH = 2  # a protection is lowered, or nobody is told any more
    MEDIUM = 3  # what is lost is not known

    @property
    def label(self) -> str:
        """The rank in a report."""
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class Danger:
    """A dangerous change: what causes it, and what will be lost."""

    kind: str
    rank: Rank
    cause: str
    loses: str


@dataclass(frozen=True)
class Loss:
    """What a type of resource loses when it is destroyed, replaced or forgotten."""

    types: tuple[str, ...]
    rank: Rank
    loses: str


_C, _H = Rank.CRITICAL, Rank.HIGH

LOSSES = (
    Loss(("aws_dynamodb_table",), _C, "all items of the table, and its recovery points"),
    Loss(("aws_dynamodb_table_replica",), _C, "the copy of the table in that Region"),
    Loss(("aws_s3_bucket",), _C, "all objects of the bucket, and its name"),
    Loss(("aws_s3_object", "aws_s3_bucket_object"), _C, "the object"),
    Loss(("aws_secretsmanager_secret",), _C, "the secret and all its versions"),
    Loss(("aws_secretsmanager_secret_version",), _H, "this version of the secret"),
    Loss(("aws_kms_key", "aws_kms_replica_key"), _C, "everything that the key has encrypted"),
    Loss(("aws_cloudwatch_log_group",), _C, "the logs of the group"),
    Loss(("aws_backup_vault",), _C, "the backups in the vault"),
    Loss(("aws_db_*", "aws_rds_*", "aws_docdb_*", "aws_neptune_*"), _C, "the database"),
    Loss(("aws_efs_file_system", "aws_fsx_*", "aws_ebs_volume"), _C, "the files"),
    Loss(("aws_sqs_queue", "aws_kinesis_stream"), _C, "the messages that were not read yet"),
    Loss(("aws_cognito_user_pool",), _C, "the users of the pool"),
    Loss(("aws_route53_zone",), _C, "the records of the zone, and its name servers"),
    Loss(("aws_ecr_repository",), _C, "the images of the repository"),
    Loss(("aws_ssm_parameter",), _H, "the parameter's value and history"),
    Loss(
        ("aws_iam_openid_connect_provider",),
        _C,
        "the sign-in of every pipeline that uses the provider",
    ),
    Loss(("aws_signer_signing_profile",), _H, "the validity of what the profile has signed"),
    Loss(("aws_cloudfront_distribution",), _H, "the host name of the distribution"),
    Loss(("aws_lambda_function_url",), _H, "the host name of the function"),
    Loss(("aws_s3_bucket_versioning",), _H, "overwritten and deleted objects, from now on"),
    Loss(("aws_s3_bucket_public_access_block",), _H, "the barrier against public access"),
    Loss(
        ("aws_s3_bucket_server_side_encryption_configuration",),
        _H,
        "the choice of how objects are encrypted",
    ),
    Loss(("aws_s3_bucket_policy",), _H, "what the policy denies, such as access without TLS"),
    Loss(("aws_s3_bucket_object_lock_configuration",), _H, "the retention of new objects"),
    Loss(("aws_s3_bucket_ownership_controls",), _H, "the ban on access control lists"),
    Loss(("aws_s3_bucket_replication_configuration",), _H, "copies of new objects elsewhere"),
    Loss(("aws_s3_bucket_logging", "aws_cloudtrail"), _H, "the record of who read what"),
    Loss(("aws_backup_plan", "aws_backup_selection"), _H, "backups from now on"),
    Loss(
        ("aws_backup_vault_lock_configuration",), _H, "the protection of the backups from deletion"
    ),
    Loss(
        ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm"),
        _H,
        "the alarm: nobody is told",
    ),
    Loss(("aws_sns_topic", "aws_sns_topic_subscription"), _H, "a way by which somebody is told"),
    Loss(("aws_budgets_budget",), _H, "the warning of high costs"),
    Loss(("aws_wafv2_*", "aws_shield_protection"), _H, "protection from hostile requests"),
    Loss(("aws_lambda_code_signing_config",), _H, "the refusal of unsigned code"),
)

# Named resources of this system: what their data is.
_HELD = {
    TABLE_ADDRESS: "all cached answers, and the table's recovery points",
    **{
        f"aws_s3_bucket.{bucket.id}": f"the bucket of the {bucket.holds}, with its objects"
        for bucket in BUCKETS
    },
}

# What can be created again and holds nothing.
STATELESS = (
    "aws_appautoscaling_*",
    "aws_cloudfront_cache_policy",
    "aws_cloudfront_function",
    "aws_cloudfront_monitoring_subscription",
    "aws_cloudfront_origin_*",
    "aws_cloudfront_response_headers_policy",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_event_*",
    "aws_cloudwatch_log_metric_filter",
    "aws_cloudwatch_query_definition",
    "aws_iam_*policy*",
    "aws_iam_role",
    "aws_kms_alias",
    "aws_lambda_alias",
    "aws_lambda_function",
    "aws_lambda_function_event_invoke_config",
    "aws_lambda_permission",
    "aws_route53_record",
    "aws_s3_bucket_cors_configuration",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_metric",
    "aws_s3_bucket_notification",
    "aws_s3_bucket_website_configuration",
    "aws_sns_topic_policy",
    "null_resource",
    "random_*",
    "terraform_data",
    "time_*",
)

Test = Callable[[Value, Value], bool]


def _is_off(value: Value) -> bool:
    return value is None or value is ABSENT or value in ("", 0, False, [], {})


def _turned_off(before: Value, after: Value) -> bool:
    return not _is_off(before) and (_is_off(after) or after is UNKNOWN)


def _turned_on(before: Value, after: Value) -> bool:
    return _is_off(before) and (after is UNKNOWN or not _is_off(after))


def _removed(before: Value, after: Value) -> bool:
    return not _is_off(before) and _is_off(after)


def _changed(before: Value, after: Value) -> bool:
    return not _is_off(before) and before != after


def _number(value: Value, default: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isinstance(value, int | float) else default


def _shortened(before: Value, after: Value) -> bool:
    """Return whether something ends earlier; without a number, or with 0, it never ends."""
    never = float("inf")
    return (_number(after, never) or never) < (_number(before, never) or never)


def _less(default: float) -> Test:
    return lambda before, after: _number(after, default) < _number(before, default)


def _left(*values: str) -> Test:
    return lambda before, after: before in values and after not in values


def _became(*values: str) -> Test:
    return lambda before, after: after in values and before not in values


@dataclass(frozen=True)
class Lowering:
    """An attribute, named by its path without places in lists, whose change is dangerous."""

    kind: str
    types: str
    names: str
    test: Test
    loses: str
    rank: Rank = Rank.HIGH


_TABLE = "aws_dynamodb_table"
_LIFECYCLE = "aws_s3_bucket_lifecycle_configuration"
_LOCK = "aws_s3_bucket_object_lock_configuration"
_EXPIRES = "objects, earlier than before"
_CLOUDFRONT = "aws_cloudfront_distribution"

LOWERINGS = (
    Lowering(
        "deletion-protection",
        "*",
        "deletion_protection*",
        _turned_off,
        "the protection from deletion, by Terraform or by hand",
    ),
    Lowering(
        "deletion-protection",
        "*",
        "force_destroy",
        _turned_on,
        "the refusal to delete it while something is in it",
    ),
    Lowering(
        "recovery", _TABLE, "point_in_time_recovery.enabled", _turned_off, "all recovery points"
    ),
    Lowering(
        "recovery",
        _TABLE,
        "point_in_time_recovery.recovery_period_in_days",
        _less(35),
        "the oldest recovery points",
    ),
    Lowering("recovery", _TABLE, "replica.region_name", _removed, "the copy in that Region"),
    Lowering(
        "recovery-window",
        "aws_secretsmanager_secret",
        "recovery_window_in_days",
        _less(30),
        "the time in which a deleted secret can be restored",
    ),
    Lowering(
        "recovery-window",
        "aws_kms_*key",
        "deletion_window_in_days",
        _less(30),
        "the time in which the deletion of the key can be cancelled",
    ),
    Lowering("recovery", "aws_*", "backup_retention_period", _less(0), "the oldest backups"),
    Lowering("recovery", "aws_*", "skip_final_snapshot", _turned_on, "the snapshot at deletion"),
    Lowering(
        "recovery", "aws_backup_plan", "rule.lifecycle.delete_after", _shortened, "older backups"
    ),
    Lowering("recovery", "aws_backup_plan", "rule.rule_name", _removed, "backups from now on"),
    Lowering(
        "retention-lock",
        "aws_backup_vault_lock_configuration",
        "min_retention_days",
        _less(0),
        "the protection of the backups from deletion",
    ),
    Lowering("retention-lock", _LOCK, "rule.default_retention.days", _less(0), "days of retention"),
    Lowering(
        "retention-lock", _LOCK, "rule.default_retention.years", _less(0), "years of retention"
    ),
    Lowering(
        "retention-lock",
        _LOCK,
        "rule.default_retention.mode",
        _left("COMPLIANCE"),
        "the protection from administrators",
    ),
    Lowering("ttl", _TABLE, "ttl.enabled", _turned_on, "items, once their time is over"),
    Lowering(
        "ttl", _TABLE, "ttl.attribute_name", _changed, "items, by the time in another attribute"
    ),
    Lowering(
        "versioning",
        "aws_s3_bucket_versioning",
        "versioning_configuration.status",
        _left("Enabled"),
        "overwritten and deleted objects, from now on",
    ),
    Lowering("lifecycle", _LIFECYCLE, "rule.expiration.days", _shortened, _EXPIRES, _C),
    Lowering("lifecycle", _LIFECYCLE, "rule.expiration.date", _turned_on, _EXPIRES, _C),
    Lowering(
        "lifecycle",
        _LIFECYCLE,
        "rule.noncurrent_version_expiration.n*",
        _shortened,
        "old versions of objects, earlier than before",
        _C,
    ),
    Lowering("lifecycle", _LIFECYCLE, "rule.status", _became("Enabled"), _EXPIRES),
    Lowering(
        "log-retention",
        "aws_cloudwatch_log_group",
        "retention_in_days",
        _shortened,
        "the logs that are older",
        _C,
    ),
    Lowering("encryption", "*", "*kms_*key*", _removed, "the encryption with a key of one's own"),
    Lowering("encryption", "*", "*encryption.enabled", _turned_off, "the encryption"),
    Lowering("encryption", "*", "storage_encrypted", _turned_off, "the encryption"),
    Lowering(
        "encryption",
        "aws_s3_bucket_server_side_encryption_configuration",
        "rule.apply_server_side_encryption_by_default.sse_algorithm",
        _left("aws:kms", "aws:kms:dsse"),
        "the encryption with a key of one's own",
    ),
    Lowering("key", "aws_kms_key", "is_enabled", _turned_off, "use of all that it has encrypted"),
    Lowering("key", "aws_kms_key", "enable_key_rotation", _turned_off, "the rotation of the key"),
    Lowering(
        "public-access",
        "aws_s3_*public_access_block",
        "*public*",
        _turned_off,
        "the barrier against public access",
    ),
    Lowering(
        "public-access",
        "aws_s3_bucket_ownership_controls",
        "rule.object_ownership",
        _left("BucketOwnerEnforced"),
        "the ban on access control lists",
    ),
    Lowering(
        "public-access",
        "aws_s3_bucket_acl",
        "acl",
        _became("public-read", "public-read-write", "authenticated-read"),
        "the privacy of the objects",
    ),
    Lowering("public-access", "*", "publicly_accessible", _turned_on, "the network barrier"),
    Lowering(
        "public-access",
        "aws_lambda_function_url",
        "authorization_type",
        _became("NONE"),
        "the need to sign requests",
    ),
    Lowering(
        "boundary", "aws_iam_*", "permissions_boundary", _removed, "the limit of the role's rights"
    ),
    Lowering(
        "alarm",
        "aws_cloudwatch_*_alarm",
        "actions_enabled",
        _turned_off,
        "messages of the alarm",
    ),
    Lowering("alarm", "aws_cloudwatch_*_alarm", "*_actions", _removed, "a receiver of the alarm"),
    Lowering(
        "waf", "aws_wafv2_web_acl", "default_action.block*", _removed, "the refusal by default"
    ),
    Lowering("waf", "aws_wafv2_*", "rule.name", _removed, "what the rule blocks"),
    Lowering("waf", "aws_wafv2_*", "rule.action.block*", _removed, "what the rule blocks"),
    Lowering(
        "waf", "aws_wafv2_*", "rule.override_action.count*", _turned_on, "what the rules block"
    ),
    Lowering("waf", "*", "web_acl_id", _removed, "protection from hostile requests"),
    Lowering(
        "tls",
        _CLOUDFRONT,
        "viewer_certificate.minimum_protocol_version",
        _became("SSLv3", "TLSv1", "TLSv1_2016", "TLSv1.1_2016"),
        "the refusal of old TLS versions",
    ),
    Lowering("tls", _CLOUDFRONT, "*viewer_protocol_policy", _became("allow-all"), "the use of TLS"),
    Lowering(
        "code-signing",
        "aws_lambda_function",
        "code_signing_config_arn",
        _removed,
        "the refusal of unsigned code",
    ),
    Lowering("logging", "*", "*logging*.bucket", _removed, "the record of who read what"),
)

_ENDS = {
    Action.DELETE: "destroy",
    Action.DELETE_THEN_CREATE: "replace",
    Action.CREATE_THEN_DELETE: "replace",
    Action.CREATE_THEN_FORGET: "forget",
    Action.FORGET: "forget",
}


def of_resource(change: ResourceChange, cause: str) -> Iterator[Danger]:
    """Yield the danger of destroying, replacing or forgetting a resource."""
    kind = _ENDS.get(change.change.action)
    if kind is None or change.mode != "managed":
        return
    loss = next((one for one in LOSSES if _is_any(change.type, one.types)), None)
    if loss is None:
        if not _is_any(change.type, STATELESS):
            loses = f"unknown: {change.type} is not among the types that this command knows"
            yield Danger(kind=kind, rank=Rank.MEDIUM, cause=cause, loses=loses)
        return
    loses = _HELD.get(change.address, loss.loses)
    rank = loss.rank
    if kind == "forget":
        loses, rank = f"it stays in AWS, and Terraform no longer protects {loses}", Rank.HIGH
    yield Danger(kind=kind, rank=rank, cause=cause, loses=loses)


def of_attributes(
    type_: str, changes: Iterable[AttributeChange], describe: Callable[[AttributeChange], str]
) -> Iterator[tuple[AttributeChange, Danger]]:
    """Yield the changes that lower a protection."""
    for change in changes:
        for row in _rows(type_, ".".join(change.names)):
            if row.test(change.before, change.after):
                yield (
                    change,
                    Danger(kind=row.kind, rank=row.rank, cause=describe(change), loses=row.loses),
                )
                break


@lru_cache(maxsize=65_536)
def _rows(type_: str, names: str) -> tuple[Lowering, ...]:
    """Return the rows about an attribute."""
    return tuple(
        row for row in LOWERINGS if fnmatchcase(type_, row.types) and fnmatchcase(names, row.names)
    )


def _is_any(type_: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(type_, pattern) for pattern in patterns)
