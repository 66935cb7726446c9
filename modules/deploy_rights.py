"""What the deploy roles may do, layer by layer, and the boundary of the roles that they create.

A group of rights is a managed policy of its own, because one holds 6,144 characters. The rights
cover every setting, also those that an environment does not use today. Which names, tags and
conditions a service can authorize by is in AWS's Service Authorization Reference;
docs/deploy-roles.md explains the whole.

Every action is either recorded (tests/iam/recorded_calls.json: Terraform called it) or has a reason
in ``Right.unrecorded``; the tests fail otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from modules.catalogue import (
    ACCESS_LOGS,
    ALARMS,
    DATA_BUCKETS,
    EDGE_REGION,
    INDEX,
    PROJECT,
    Layer,
    dns_suffix,
    partition,
)
from modules.iam import Condition, Statement
from modules.naming import BOOTSTRAP_PATH, Naming

_ANY = ("*",)

# Reasons for what is allowed without a recorded call.
_TAGGED_AT_CREATION = "AWS authorizes the tags of a new resource as this action, too"
_NAMES_KEY = "the settings name a key for a log group that exists, or no longer"
_EMPTIES = "`retain = false` deletes what is in a bucket before the bucket"
_PROVIDER_6 = "version 6 of the provider calls it, and the stacks allow that version"
_FOR_THE_SERVICE = "the service calls it in the name of the caller"

# Reasons for the resource "*".
_NO_RESOURCE = "AWS supports no resource for it"
_NOT_YET = "there is none yet, and AWS chooses its id"
_NO_TAGS = "AWS chooses the ids, and they have no tags"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One environment as the policies name it.

    ``state_bucket`` and ``state_key_arn`` are None where the state is not in S3, or the bucket has
    no KMS key. ``boundary_arn`` is the permissions boundary of the roles of the layers.
    """

    naming: Naming
    region: str
    account_id: str
    boundary_arn: str
    state_bucket: str | None = None
    state_key_arn: str | None = None

    @property
    def partition(self) -> str:
        """The AWS partition of the Region."""
        return partition(self.region)

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """Return an ARN in the account; ``region`` is "" for global services and "*" for any."""
        where = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{where}:{self.account_id}:{resource}"

    def bucket_arn(self, bucket: str, key: str = "") -> str:
        """Return the ARN of a bucket, or of objects in it."""
        return f"arn:{self.partition}:s3:::{bucket}{key and '/'}{key}"

    def role_arn(self, name: str) -> str:
        """Return the ARN of a role of a layer."""
        return self.arn("iam", f"role/{name}", region="")

    @property
    def own(self) -> Condition:
        """The resource is one of this environment, by its tags."""
        return _tags(self, "aws:ResourceTag")

    @property
    def own_at_creation(self) -> Condition:
        """The request tags the resource as one of this environment."""
        return _tags(self, "aws:RequestTag")


def _tags(scope: Scope, key: str) -> Condition:
    return {
        "StringEquals": {
            f"{key}/Project": PROJECT,
            f"{key}/Environment": scope.naming.environment,
        }
    }


@dataclass(frozen=True, kw_only=True)
class Right:
    """One statement.

    ``unrecorded`` has the reason for each action that no recording contains, ``every_resource`` why
    an allowed action has the resource ``*``.
    """

    sid: str
    actions: Iterable[str]
    resources: tuple[str, ...]
    conditions: Condition = field(default_factory=dict[str, Mapping[str, str]])
    effect: str = "Allow"
    unrecorded: Mapping[str, str] = field(default_factory=dict[str, str])
    every_resource: str | None = None

    def statement(self) -> Statement:
        """Return the IAM statement."""
        return Statement(
            sid=self.sid,
            effect=self.effect,
            actions=(*self.actions, *self.unrecorded),
            resources=self.resources,
            conditions=self.conditions,
        )


def plan_rights(scope: Scope) -> Mapping[str, tuple[Statement, ...]]:
    """Return the rights of the plan role: reads, and the locks and plans of the state bucket."""
    return _statements(plan_groups(scope))


def apply_rights(scope: Scope) -> Mapping[str, tuple[Statement, ...]]:
    """Return the rights of the apply role."""
    return _statements(apply_groups(scope))


def _statements(groups: Mapping[str, Iterable[Right]]) -> dict[str, tuple[Statement, ...]]:
    return {
        group: found
        for group, rights in groups.items()
        if (found := tuple(right.statement() for right in rights))
    }


def plan_groups(scope: Scope) -> Mapping[str, tuple[Right, ...]]:
    """Return the rights of the plan role, with the reasons."""
    return {
        "state": (*_read_state(scope), *_read_older_states(scope), *_keep_plans(scope)),
        "base": tuple(_read_base(scope)),
        "storage": (*_read_storage(scope), *_read_data_buckets(scope)),
        "compute": tuple(_read_compute(scope)),
        "frontend": tuple(_read_frontend(scope)),
        "monitoring": (*_read_monitoring(scope), _use_alarms(scope, [])),
        "guard": tuple(_guard(scope)),
    }


def apply_groups(scope: Scope) -> Mapping[str, tuple[Right, ...]]:
    """Return the rights of the apply role, with the reasons; it can read what the plan role can."""
    return {
        "state": (*_read_state(scope), *_write_state(scope)),
        "base": (*_read_base(scope), *_change_base(scope)),
        "storage": (*_read_storage(scope), *_change_storage(scope)),
        "buckets": (*_read_data_buckets(scope), *_change_data_buckets(scope)),
        "compute": (*_read_compute(scope), *_change_compute(scope)),
        "frontend": (*_read_frontend(scope), *_change_frontend(scope)),
        "firewall": tuple(_change_firewall(scope)),
        "monitoring": (*_read_monitoring(scope), *_change_monitoring(scope)),
        "roles": (*_change_roles(scope), *_apply_guard(scope)),
    }


# --- State -----------------------------------------------------------------------------------


_LAYERS = tuple(layer for layer in Layer if layer is not Layer.BOOTSTRAP)


def _states(scope: Scope, bucket: str) -> tuple[str, ...]:
    """Return the states of the layers: not that of the bootstrap layer, and no other environment's.

    A layer reads the states of the layers that it depends on.
    """
    return tuple(scope.bucket_arn(bucket, scope.naming.state_key(layer)) for layer in _LAYERS)


def _locks(scope: Scope, bucket: str) -> tuple[str, ...]:
    return tuple(scope.bucket_arn(bucket, scope.naming.state_lock(layer)) for layer in _LAYERS)


def _plans(scope: Scope, bucket: str) -> tuple[str, ...]:
    return (scope.bucket_arn(bucket, f"{scope.naming.saved_plans}*"),)


def _read_state(scope: Scope) -> Iterator[Right]:
    """Yield the rights of Terraform's S3 backend to read and lock the states.

    ``env:/`` is where it looks for workspaces. A state that does not exist yet is "not found" only
    for who may list the bucket, and "access denied" for others.
    """
    bucket = scope.state_bucket
    if bucket is None:
        return
    yield Right(
        sid="ListStates",
        actions=["s3:ListBucket"],
        resources=(scope.bucket_arn(bucket),),
        # If there is a prefix: AWS does not say whether S3 supplies one when it asks on account of
        # an object that is not found. A list without one shows the names of keys and no more.
        conditions={
            "StringLikeIfExists": {"s3:prefix": ["env:/", f"{scope.naming.environment}/*"]}
        },
    )
    yield Right(sid="ReadStates", actions=["s3:GetObject"], resources=_states(scope, bucket))
    yield Right(
        sid="LockStates",
        actions=["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        resources=_locks(scope, bucket),
    )
    if scope.state_key_arn:
        yield Right(
            sid="UseStateKey",
            actions=[],
            resources=(scope.state_key_arn,),
            conditions=_through_s3(scope),
            unrecorded=dict.fromkeys(("kms:Decrypt", "kms:GenerateDataKey"), _FOR_THE_SERVICE),
        )


def _through_s3(scope: Scope) -> Condition:
    # The state bucket may be in another Region.
    return {"StringLike": {"kms:ViaService": f"s3.*.{dns_suffix(scope.region)}"}}


def _read_older_states(scope: Scope) -> Iterator[Right]:
    """Yield the plan role's right to decrypt what an earlier key of the states encrypted.

    A state keeps the key that it was written with until it is written again. The apply role can
    use any key through S3.
    """
    if scope.state_bucket:
        yield Right(
            sid="ReadOlderStates",
            actions=[],
            resources=(scope.arn("kms", "key/*", region="*"),),
            conditions={**scope.own, **_through_s3(scope)},
            unrecorded={"kms:Decrypt": _FOR_THE_SERVICE},
        )


def _keep_plans(scope: Scope) -> Iterator[Right]:
    if scope.state_bucket:
        yield Right(
            sid="StorePlans",
            actions=[],
            resources=_plans(scope, scope.state_bucket),
            # It creates and never replaces: `If-None-Match: *`, the only value that S3 accepts.
            conditions={"Null": {"s3:if-none-match": "false"}},
            unrecorded={"s3:PutObject": "bundles of reviewed plans, which the apply role reads"},
        )
        yield Right(
            sid="ReadPlans",
            actions=[],
            resources=_plans(scope, scope.state_bucket),
            unrecorded={"s3:GetObject": "what it stored is reviewed"},
        )


def _write_state(scope: Scope) -> Iterator[Right]:
    if scope.state_bucket:
        yield Right(
            sid="WriteStates",
            actions=["s3:PutObject"],
            resources=_states(scope, scope.state_bucket),
        )
        yield Right(
            sid="UsePlans",
            actions=[],
            resources=_plans(scope, scope.state_bucket),
            unrecorded={
                "s3:GetObject": "the reviewed plan is what it applies",
                # The answer to a read names the version. Without a version, the call would be
                # `s3:DeleteObject`, which only hides the bundle behind a delete marker.
                "s3:DeleteObjectVersion": "a bundle is deleted after use, without a trace",
            },
        )


# --- What several layers have: parameters, keys and buckets ---------------------------------


def _read_parameters(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="ReadParameters",
        actions=["ssm:GetParameter", "ssm:ListTagsForResource"],
        resources=_parameters(scope),
    )
    # It returns names and types.
    yield Right(
        sid="FindParameters",
        actions=["ssm:DescribeParameters"],
        resources=_ANY,
        every_resource=_NO_RESOURCE,
    )


def _change_parameters(scope: Scope) -> Right:
    return Right(
        sid="ChangeParameters",
        actions=["ssm:PutParameter", "ssm:DeleteParameter", "ssm:AddTagsToResource"],
        resources=_parameters(scope),
        unrecorded={"ssm:RemoveTagsFromResource": "a tag is removed from the settings"},
    )


def _parameters(scope: Scope) -> tuple[str, ...]:
    return (scope.arn("ssm", f"parameter{scope.naming.parameters}/*"),)


def _read_keys(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="ReadKeys",
        # Of any key of the account: a setting can name one. It reads no data.
        actions=["kms:DescribeKey"],
        resources=(scope.arn("kms", "key/*", region="*"),),
    )
    yield Right(
        sid="ReadOwnKeys",
        actions=["kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"],
        resources=(scope.arn("kms", "key/*"),),
        conditions=scope.own,
    )
    yield Right(
        sid="FindAliases", actions=["kms:ListAliases"], resources=_ANY, every_resource=_NO_RESOURCE
    )


def _change_keys(scope: Scope) -> Iterator[Right]:
    """Yield the rights for the keys, whose ids nobody knows in advance, and their aliases."""
    keys = (scope.arn("kms", "key/*"),)
    yield Right(
        sid="CreateKeys",
        actions=["kms:CreateKey"],
        resources=_ANY,
        every_resource=_NOT_YET,
        conditions={
            "StringEquals": {
                **scope.own_at_creation["StringEquals"],
                "aws:RequestedRegion": scope.region,
            }
        },
    )
    yield Right(
        sid="TagNewKeys",
        actions=["kms:TagResource"],
        resources=keys,
        conditions=scope.own_at_creation,
    )
    yield Right(
        sid="ChangeOwnKeys",
        actions=[
            "kms:CreateAlias",
            "kms:DeleteAlias",
            "kms:EnableKeyRotation",
            "kms:ScheduleKeyDeletion",
            "kms:TagResource",
        ],
        resources=keys,
        conditions=scope.own,
        unrecorded={
            # Without it, a feature that has another service use the key needs an administrator.
            "kms:PutKeyPolicy": "another release lets other services use the key",
            "kms:UntagResource": "a tag is removed from the settings",
            "kms:UpdateAlias": "the alias of a key that was replaced",
            "kms:UpdateKeyDescription": "another release describes the key differently",
        },
    )
    # A call on an alias is authorized twice: for the key and for the alias.
    yield Right(
        sid="NameKeys",
        actions=["kms:CreateAlias", "kms:DeleteAlias"],
        resources=tuple(
            scope.arn("kms", alias) for alias in (scope.naming.data_key, scope.naming.alarm_key)
        ),
        unrecorded={"kms:UpdateAlias": "the alias of a key that was replaced"},
    )


_READ_BUCKET = (
    "s3:GetAccelerateConfiguration",
    "s3:GetBucketAcl",
    "s3:GetBucketCORS",
    "s3:GetBucketLogging",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketRequestPayment",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetBucketWebsite",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
)
_READ_MEASURED_BUCKET = ("s3:GetAnalyticsConfiguration", "s3:GetMetricsConfiguration")
_CHANGE_BUCKET = (
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
)
_CHANGE_DATA_BUCKET = (
    "s3:PutAnalyticsConfiguration",
    "s3:PutBucketCORS",
    "s3:PutBucketLogging",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutMetricsConfiguration",
    "s3:PutReplicationConfiguration",
)
_EMPTY_BUCKET = ("s3:DeleteObject", "s3:DeleteObjectVersion")


def _read_buckets(scope: Scope, buckets: Iterable[str], actions: Iterable[str]) -> Right:
    return Right(
        sid="ReadBuckets",
        actions=actions,
        resources=tuple(scope.bucket_arn(bucket) for bucket in buckets),
        unrecorded={"s3:GetBucketLocation": _PROVIDER_6, "s3:ListTagsForResource": _PROVIDER_6},
    )


def _change_buckets(
    scope: Scope, buckets: Iterable[str], actions: Iterable[str]
) -> Iterator[Right]:
    buckets = tuple(buckets)
    yield Right(
        sid="ChangeBuckets",
        actions=actions,
        resources=tuple(scope.bucket_arn(bucket) for bucket in buckets),
        unrecorded={
            "s3:ListBucketVersions": _EMPTIES,
            "s3:TagResource": _PROVIDER_6,
            "s3:UntagResource": _PROVIDER_6,
        },
    )
    yield Right(
        sid="EmptyBuckets",
        actions=[],
        resources=tuple(scope.bucket_arn(bucket, "*") for bucket in buckets),
        unrecorded=dict.fromkeys(_EMPTY_BUCKET, _EMPTIES),
    )


# --- Base ------------------------------------------------------------------------------------


def _read_base(scope: Scope) -> Iterator[Right]:
    naming = scope.naming
    yield Right(
        sid="FindAccount",
        actions=["sts:GetCallerIdentity"],
        resources=_ANY,
        every_resource=_NO_RESOURCE,
    )
    yield from _read_parameters(scope)
    yield from _read_keys(scope)
    yield Right(
        sid="ReadSecret",
        # Never GetSecretValue: no plan and no state holds the key of the Gemini API.
        actions=["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"],
        resources=_secret(scope),
    )
    yield _read_buckets(scope, [naming.bucket(ACCESS_LOGS)], _READ_BUCKET)


def _change_base(scope: Scope) -> Iterator[Right]:
    naming = scope.naming
    yield _change_parameters(scope)
    yield from _change_keys(scope)
    yield Right(
        sid="ChangeSecret",
        actions=[
            "secretsmanager:CreateSecret",
            "secretsmanager:DeleteSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UpdateSecret",
        ],
        resources=_secret(scope),
        unrecorded={"secretsmanager:UntagResource": "a tag is removed from the settings"},
    )
    yield from _change_buckets(scope, [naming.bucket(ACCESS_LOGS)], _CHANGE_BUCKET)
    yield _use_keys(scope)


def _secret(scope: Scope) -> tuple[str, ...]:
    # Secrets Manager appends a hyphen and six characters to the name.
    return (scope.arn("secretsmanager", f"secret:{scope.naming.gemini_secret}-??????"),)


def _use_keys(scope: Scope) -> Right:
    """Return the right to have services encrypt with a KMS key that the settings name.

    The services check it on the caller, when the resource is created or the key is changed. A key
    has its own policy, which must allow it as well, and may be in another account.
    """
    services = ("backup", "dynamodb", "lambda", "s3", "secretsmanager")
    hosts = [f"{service}.*.{dns_suffix(scope.region)}" for service in services]
    return Right(
        sid="UseKeysThroughServices",
        actions=[],
        resources=(f"arn:{scope.partition}:kms:*:*:key/*",),
        conditions={"StringLike": {"kms:ViaService": hosts}},
        unrecorded=dict.fromkeys(
            (
                "kms:CreateGrant",
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
                "kms:RetireGrant",
            ),
            _FOR_THE_SERVICE,
        ),
    )


# --- Storage ---------------------------------------------------------------------------------


def _storage_buckets(scope: Scope) -> list[str]:
    sources = [scope.naming.bucket(bucket) for bucket in DATA_BUCKETS]
    copies = map(scope.naming.replica, (*sources, scope.naming.bucket(ACCESS_LOGS)))
    return [*sources, *copies]


def _table(scope: Scope) -> str:
    # In any Region: a replica has the name of its table.
    return scope.arn("dynamodb", f"table/{scope.naming.cache_table}", region="*")


def _read_data_buckets(scope: Scope) -> Iterator[Right]:
    actions = (*_READ_BUCKET, *_READ_MEASURED_BUCKET)
    yield _read_buckets(scope, _storage_buckets(scope), actions)
    yield Right(
        sid="ReadOriginAccess",
        actions=[
            "cloudfront:GetCloudFrontOriginAccessIdentity",
            "cloudfront:GetOriginAccessControl",
        ],
        # Their ids are not known in advance, and they have no tags.
        resources=(
            scope.arn("cloudfront", "origin-access-identity/*", region=""),
            scope.arn("cloudfront", "origin-access-control/*", region=""),
        ),
    )


def _change_data_buckets(scope: Scope) -> Iterator[Right]:
    actions = (*_CHANGE_BUCKET, *_CHANGE_DATA_BUCKET)
    yield from _change_buckets(scope, _storage_buckets(scope), actions)
    yield Right(
        sid="ChangeOriginAccess",
        actions=[
            "cloudfront:CreateCloudFrontOriginAccessIdentity",
            "cloudfront:CreateOriginAccessControl",
            "cloudfront:DeleteCloudFrontOriginAccessIdentity",
            "cloudfront:DeleteOriginAccessControl",
        ],
        resources=_ANY,
        every_resource=_NO_TAGS,
        unrecorded=dict.fromkeys(
            (
                "cloudfront:UpdateCloudFrontOriginAccessIdentity",
                "cloudfront:UpdateOriginAccessControl",
            ),
            "another release describes it differently",
        ),
    )


def _read_storage(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="ReadTable",
        actions=[
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:ListTagsOfResource",
        ],
        resources=(_table(scope),),
    )
    yield Right(
        sid="FindScaling",
        actions=[
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
        ],
        resources=_ANY,
        every_resource=_NO_RESOURCE,
    )
    yield Right(
        sid="ReadScaling",
        actions=["application-autoscaling:ListTagsForResource"],
        resources=(scope.arn("application-autoscaling", "scalable-target/*"),),
    )
    yield Right(
        sid="ReadBackups",
        actions=[
            "backup:DescribeBackupVault",
            "backup:GetBackupPlan",
            "backup:GetBackupSelection",
            "backup:ListTags",
        ],
        resources=(_vault(scope), scope.arn("backup", "backup-plan:*")),
    )
    yield _read_roles(scope, scope.naming.replication_role, scope.naming.backup_role)


def _vault(scope: Scope) -> str:
    return scope.arn("backup", f"backup-vault:{scope.naming.backup}")


def _read_roles(scope: Scope, *roles: str) -> Right:
    return Right(
        sid="ReadRoles",
        actions=[
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
        ],
        resources=tuple(map(scope.role_arn, roles)),
    )


def _change_storage(scope: Scope) -> Iterator[Right]:
    yield from _change_table(scope)
    yield from _change_backups(scope)


def _change_table(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="ChangeTable",
        actions=[
            "dynamodb:CreateTable",
            "dynamodb:CreateTableReplica",
            "dynamodb:DeleteTable",
            "dynamodb:DeleteTableReplica",
            "dynamodb:TagResource",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTable",
            "dynamodb:UpdateTimeToLive",
        ],
        resources=(_table(scope),),
        unrecorded={"dynamodb:UntagResource": "a tag is removed from the settings"},
    )
    yield Right(
        sid="FillReplicas",
        actions=[],
        resources=(_table(scope),),
        unrecorded=dict.fromkeys(
            (
                "dynamodb:BatchWriteItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:Scan",
                "dynamodb:UpdateItem",
            ),
            "DynamoDB requires them of who creates a replica (Using IAM with global tables)",
        ),
    )
    targets = (scope.arn("application-autoscaling", "scalable-target/*"),)
    of_tables = {"application-autoscaling:service-namespace": "dynamodb"}
    yield Right(
        sid="CreateScaling",
        actions=["application-autoscaling:RegisterScalableTarget"],
        resources=targets,
        conditions={"StringEquals": {**scope.own_at_creation["StringEquals"], **of_tables}},
    )
    yield Right(
        sid="TagNewScaling",
        actions=["application-autoscaling:TagResource"],
        resources=targets,
        conditions=scope.own_at_creation,
    )
    yield Right(
        sid="ChangeScaling",
        actions=[
            "application-autoscaling:DeleteScalingPolicy",
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:RegisterScalableTarget",
        ],
        resources=targets,
        conditions=scope.own,
        unrecorded={
            "application-autoscaling:TagResource": "a tag is added to the settings",
            "application-autoscaling:UntagResource": "a tag is removed from the settings",
        },
    )
    yield Right(
        sid="KeepScalingAlarms",
        actions=[],
        resources=_scaling_alarms(scope),
        unrecorded=dict.fromkeys(
            ("cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"),
            "Application Auto Scaling requires them of who puts or deletes a policy",
        ),
    )


def _scaling_alarms(scope: Scope) -> tuple[str, ...]:
    """Return the alarms of Application Auto Scaling: of the table, for any metric, and its index.

    No environment's name has a capital letter or a slash, so no other table's name matches.
    """
    table = f"alarm:TargetTracking-table/{scope.naming.cache_table}"
    return tuple(
        scope.arn("cloudwatch", f"{table}{end}")
        for end in ("-Alarm*", "-ProvisionedCapacity*", f"/index/{INDEX}-*")
    )


def _change_backups(scope: Scope) -> Iterator[Right]:
    plans = (scope.arn("backup", "backup-plan:*"),)
    yield Right(
        sid="ChangeVault",
        actions=[
            "backup:CreateBackupVault",
            "backup:DeleteBackupVault",
            "backup:DeleteBackupVaultLockConfiguration",
            "backup:ListRecoveryPointsByBackupVault",
            "backup:PutBackupVaultLockConfiguration",
            "backup:TagResource",
        ],
        resources=(_vault(scope),),
        unrecorded={"backup:UntagResource": "a tag is removed from the settings"},
    )
    yield Right(
        sid="MountVault",
        actions=[],
        resources=_ANY,
        every_resource=_NO_RESOURCE,
        unrecorded={"backup-storage:MountCapsule": "AWS Backup requires it of who creates a vault"},
    )
    deletes = dict.fromkeys(
        ("backup:DeleteRecoveryPoint", "backup:DescribeRecoveryPoint"),
        "`retain = false` deletes the backups with the vault",
    )
    yield Right(
        sid="DeleteOwnBackups",
        actions=[],
        resources=(scope.arn("backup", "recovery-point:*"),),
        conditions=scope.own,  # AWS Backup copies the tags of what it backs up
        unrecorded=deletes,
    )
    # Without its advanced features, AWS Backup makes a backup of DynamoDB, which has no tags.
    table = scope.arn("dynamodb", f"table/{scope.naming.cache_table}")
    yield Right(
        sid="DeleteTableBackups",
        actions=[],
        resources=(f"{table}/backup/*",),
        unrecorded=deletes,
    )
    yield Right(
        sid="CreateBackupPlan",
        actions=["backup:CreateBackupPlan", "backup:TagResource"],
        resources=plans,
        conditions=scope.own_at_creation,
    )
    yield Right(
        sid="ChangeBackupPlan",
        actions=[
            "backup:CreateBackupSelection",
            "backup:DeleteBackupPlan",
            "backup:DeleteBackupSelection",
            "backup:TagResource",
            "backup:UpdateBackupPlan",
        ],
        resources=plans,
        conditions=scope.own,
        unrecorded={"backup:UntagResource": "a tag is removed from the settings"},
    )


# --- Compute ---------------------------------------------------------------------------------


def _function(scope: Scope) -> tuple[str, ...]:
    arn = scope.arn("lambda", f"function:{scope.naming.function}")
    return arn, f"{arn}:*"  # its versions and its alias


def _signing(scope: Scope) -> tuple[str, ...]:
    return (scope.arn("lambda", "code-signing-config:*"),)


def _packages(scope: Scope) -> tuple[str, ...]:
    # In the bucket of [function.code_signing], which is not the environment's own.
    return (scope.bucket_arn("*", f"{scope.naming.function}/*"),)


def _log_group(scope: Scope, name: str, region: str | None = None) -> tuple[str, ...]:
    arn = scope.arn("logs", f"log-group:{name}", region=region)
    return arn, f"{arn}:*"  # CloudWatch Logs authorizes some actions by one, some by the other


def _find_log_groups() -> Right:
    return Right(
        sid="FindLogGroups",
        actions=["logs:DescribeLogGroups"],
        resources=_ANY,
        every_resource="AWS authorizes it for all log groups, whatever it is asked for",
    )


def _read_compute(scope: Scope) -> Iterator[Right]:
    naming = scope.naming
    yield Right(
        sid="ReadFunction",
        actions=[
            "lambda:GetAlias",
            "lambda:GetFunction",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:GetFunctionUrlConfig",
            "lambda:GetPolicy",
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:ListVersionsByFunction",
        ],
        resources=_function(scope),
        unrecorded={"lambda:ListTags": _PROVIDER_6},
    )
    yield Right(
        sid="ReadSigning",
        actions=["lambda:GetCodeSigningConfig", "lambda:ListTags"],
        resources=_signing(scope),
    )
    yield Right(
        sid="ReadSigningJobs",
        actions=["signer:DescribeSigningJob"],
        resources=(scope.arn("signer", "/signing-jobs/*"),),
    )
    yield Right(
        sid="ReadPackage",
        actions=["s3:GetObject", "s3:GetObjectTagging"],
        resources=_packages(scope),
    )
    yield Right(
        sid="ReadLogGroup",
        actions=["logs:ListTagsForResource"],
        resources=_log_group(scope, naming.log_group),
    )
    yield _find_log_groups()
    yield _read_roles(scope, naming.execution_role)


def _change_compute(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="ChangeFunction",
        actions=[
            "lambda:CreateAlias",
            "lambda:CreateFunction",
            "lambda:CreateFunctionUrlConfig",
            "lambda:DeleteAlias",
            "lambda:DeleteFunction",
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:DeleteFunctionConcurrency",
            "lambda:DeleteFunctionUrlConfig",
            "lambda:DeleteProvisionedConcurrencyConfig",
            "lambda:GetFunctionConfiguration",
            "lambda:PublishVersion",
            "lambda:PutFunctionConcurrency",
            "lambda:PutProvisionedConcurrencyConfig",
            "lambda:TagResource",
            "lambda:UpdateAlias",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ],
        resources=_function(scope),
        unrecorded={
            "lambda:PutFunctionCodeSigningConfig": "signing is switched on for a function",
            "lambda:UntagResource": "a tag is removed from the settings",
            "lambda:UpdateFunctionUrlConfig": "another release configures the URL differently",
        },
    )
    yield Right(
        sid="CreateSigning",
        actions=["lambda:CreateCodeSigningConfig"],
        resources=_ANY,
        every_resource=_NO_RESOURCE,
        conditions=scope.own_at_creation,
    )
    yield Right(
        sid="TagNewSigning",
        actions=["lambda:TagResource"],
        resources=_signing(scope),
        conditions=scope.own_at_creation,
    )
    yield Right(
        sid="ChangeSigning",
        actions=["lambda:DeleteCodeSigningConfig"],
        resources=_signing(scope),
        conditions=scope.own,
        unrecorded={
            "lambda:PutFunctionCodeSigningConfig": "signing is switched on for a function",
            "lambda:TagResource": "a tag is added to the settings",
            "lambda:UntagResource": "a tag is removed from the settings",
            "lambda:UpdateCodeSigningConfig": "another profile signs the packages",
        },
    )
    yield Right(
        sid="SignPackages",
        actions=["signer:StartSigningJob"],
        resources=(scope.arn("signer", "/signing-profiles/*"),),  # a setting names one
    )
    yield Right(
        sid="StorePackages",
        actions=["s3:DeleteObjectVersion", "s3:GetObjectVersion", "s3:PutObject"],
        resources=_packages(scope),
        conditions={"StringEquals": {"aws:ResourceAccount": scope.account_id}},
        unrecorded={"s3:PutObjectTagging": _TAGGED_AT_CREATION},
    )
    yield Right(
        sid="FindPackages",
        actions=["s3:ListBucketVersions"],
        resources=(scope.bucket_arn("*"),),
        conditions={"StringLike": {"s3:prefix": f"{scope.naming.function}/*"}},
    )
    yield _change_log_group(scope, scope.naming.log_group)
    yield Right(
        sid="ChangeLogKey",
        actions=["logs:DisassociateKmsKey"],
        resources=_log_group(scope, scope.naming.log_group),
        unrecorded={"logs:AssociateKmsKey": _NAMES_KEY},
    )


def _change_log_group(scope: Scope, name: str, region: str | None = None) -> Right:
    return Right(
        sid="ChangeLogGroup",
        actions=[
            "logs:CreateLogGroup",
            "logs:DeleteLogGroup",
            "logs:PutRetentionPolicy",
            "logs:TagResource",
        ],
        resources=_log_group(scope, name, region),
        unrecorded={
            "logs:DeleteRetentionPolicy": "the retention is set to never expire",
            "logs:UntagResource": "a tag is removed from the settings",
        },
    )


# --- Frontend --------------------------------------------------------------------------------


def _edge(scope: Scope, *resources: str) -> tuple[str, ...]:
    return tuple(scope.arn("cloudfront", resource, region="") for resource in resources)


def _edge_functions(scope: Scope) -> tuple[str, ...]:
    edge = scope.naming.edge
    return _edge(scope, *(f"function/{edge(name)}" for name in ("spa-fallback", "strip-prefix")))


def _web_acl(scope: Scope, name: str) -> str:
    return scope.arn("wafv2", f"global/webacl/{name}/*", region=EDGE_REGION)


def _log_delivery(scope: Scope) -> tuple[str, ...]:
    name = scope.naming.distribution_logs
    return tuple(
        scope.arn("logs", f"delivery-{kind}:{name}", region=EDGE_REGION)
        for kind in ("source", "destination")
    )


def _deliveries(scope: Scope) -> tuple[str, ...]:
    return (scope.arn("logs", "delivery:*", region=EDGE_REGION),)


def _read_frontend(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="ReadDistribution",
        actions=[
            "cloudfront:GetCachePolicy",
            "cloudfront:GetDistribution",
            "cloudfront:GetOriginAccessControl",
            "cloudfront:GetResponseHeadersPolicy",
            "cloudfront:ListTagsForResource",
        ],
        # Their ids are not known in advance, and policies and access controls have no tags.
        resources=_edge(
            scope,
            "cache-policy/*",
            "distribution/*",
            "origin-access-control/*",
            "response-headers-policy/*",
        ),
    )
    yield Right(
        sid="ReadEdgeFunctions",
        actions=["cloudfront:DescribeFunction", "cloudfront:GetFunction"],
        resources=_edge_functions(scope),
    )
    yield Right(
        sid="ReadFirewall",
        actions=["wafv2:GetLoggingConfiguration", "wafv2:ListTagsForResource"],
        resources=(_web_acl(scope, scope.naming.firewall),),
    )
    yield Right(
        sid="ReadFirewalls",
        actions=["wafv2:GetWebACL"],
        resources=(_web_acl(scope, "*"),),  # `frontend.web_acl_arn` names an existing one
    )
    yield Right(
        sid="ReadLogDelivery",
        actions=[
            "logs:GetDelivery",
            "logs:GetDeliveryDestination",
            "logs:GetDeliverySource",
            "logs:ListTagsForResource",
        ],
        resources=(
            *_log_delivery(scope),
            *_deliveries(scope),
            *_log_group(scope, scope.naming.firewall_log, EDGE_REGION),
        ),
    )
    yield _find_log_groups()
    yield Right(sid="ReadInvocation", actions=["lambda:GetPolicy"], resources=_function(scope))


def _change_frontend(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="CreateDistribution",
        actions=["cloudfront:CreateDistribution"],
        resources=_ANY,
        every_resource=_NOT_YET,
        conditions=scope.own_at_creation,
    )
    yield Right(
        sid="TagNewDistribution",
        actions=["cloudfront:TagResource"],
        resources=_edge(scope, "distribution/*"),
        conditions=scope.own_at_creation,
    )
    yield Right(
        sid="ChangeDistribution",
        actions=[
            # Whoever has its logs delivered needs this right.
            "cloudfront:AllowVendedLogDeliveryForResource",
            "cloudfront:DeleteDistribution",
            "cloudfront:TagResource",
            "cloudfront:UpdateDistribution",
        ],
        resources=_edge(scope, "distribution/*"),
        conditions=scope.own,
        unrecorded={
            "cloudfront:UntagResource": "a tag is removed from the settings",
        },
    )
    yield Right(
        sid="ChangeEdgePolicies",
        actions=[
            "cloudfront:CreateCachePolicy",
            "cloudfront:CreateFunction",
            "cloudfront:CreateOriginAccessControl",
            "cloudfront:CreateResponseHeadersPolicy",
            "cloudfront:DeleteCachePolicy",
            "cloudfront:DeleteOriginAccessControl",
            "cloudfront:DeleteResponseHeadersPolicy",
            "cloudfront:UpdateCachePolicy",
            "cloudfront:UpdateResponseHeadersPolicy",
        ],
        resources=_ANY,
        every_resource=_NO_TAGS,
    )
    yield Right(
        sid="ChangeEdgeFunctions",
        actions=[
            "cloudfront:DeleteFunction",
            "cloudfront:PublishFunction",
        ],
        resources=_edge_functions(scope),
        unrecorded={"cloudfront:UpdateFunction": "another release has other code"},
    )
    yield Right(
        sid="ChangeInvocation",
        actions=["lambda:AddPermission", "lambda:RemovePermission"],
        resources=_function(scope),
        conditions={"StringEquals": {"lambda:Principal": "cloudfront.amazonaws.com"}},
    )
    yield from _change_log_delivery(scope)


def _change_firewall(scope: Scope) -> Iterator[Right]:
    acl = (_web_acl(scope, scope.naming.firewall),)
    yield Right(
        sid="ChangeFirewall",
        actions=[
            "wafv2:CreateWebACL",
            "wafv2:DeleteLoggingConfiguration",
            "wafv2:DeleteWebACL",
            "wafv2:PutLoggingConfiguration",
            "wafv2:TagResource",
            "wafv2:UpdateWebACL",
        ],
        resources=acl,
        unrecorded={"wafv2:UntagResource": "a tag is removed from the settings"},
    )
    yield Right(
        sid="UseManagedRules",
        actions=[],
        resources=(f"arn:{scope.partition}:wafv2:{EDGE_REGION}:*:global/managedruleset/*/*",),
        unrecorded=dict.fromkeys(
            ("wafv2:CreateWebACL", "wafv2:UpdateWebACL"),
            "a web ACL is authorized for each rule group in it as well",
        ),
    )
    yield _change_log_group(scope, scope.naming.firewall_log, EDGE_REGION)
    yield Right(
        sid="ChangeLogKey",
        actions=[],
        resources=_log_group(scope, scope.naming.firewall_log, EDGE_REGION),
        unrecorded=dict.fromkeys(("logs:AssociateKmsKey", "logs:DisassociateKmsKey"), _NAMES_KEY),
    )
    yield Right(
        sid="LogFirewall",
        actions=[],
        resources=_ANY,
        every_resource=_NO_RESOURCE,
        conditions={"StringEquals": {"aws:RequestedRegion": EDGE_REGION}},
        unrecorded=dict.fromkeys(
            (
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeResourcePolicies",
                "logs:PutResourcePolicy",
            ),
            "AWS WAF requires them of who logs a web ACL to CloudWatch Logs",
        ),
    )


def _change_log_delivery(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="ChangeLogDelivery",
        actions=[
            "logs:CreateDelivery",
            "logs:DeleteDeliveryDestination",
            "logs:DeleteDeliverySource",
            "logs:PutDeliveryDestination",
            "logs:PutDeliverySource",
            "logs:TagResource",
        ],
        resources=_log_delivery(scope),
        unrecorded={
            "logs:UntagResource": "a tag is removed from the settings",
            "logs:UpdateDeliveryConfiguration": "another release delivers other fields",
        },
    )
    yield Right(
        sid="CreateDelivery",
        actions=["logs:CreateDelivery", "logs:TagResource"],
        resources=_deliveries(scope),
        conditions=scope.own_at_creation,
    )
    yield Right(
        sid="ChangeDelivery",
        actions=["logs:DeleteDelivery", "logs:TagResource"],
        resources=_deliveries(scope),
        conditions=scope.own,
        unrecorded={
            "logs:UntagResource": "a tag is removed from the settings",
            "logs:UpdateDeliveryConfiguration": "another release delivers other fields",
        },
    )


# --- Monitoring ------------------------------------------------------------------------------


def _alarms(scope: Scope) -> tuple[str, ...]:
    """Return the alarms by their names: a pattern would include other environments' alarms."""
    ids = {
        alarm.id.format(bucket.key)
        for alarm in ALARMS
        for bucket in (DATA_BUCKETS if alarm.resource == "bucket" else DATA_BUCKETS[:1])
    }
    return tuple(
        scope.arn("cloudwatch", f"alarm:{scope.naming.alarm(id_)}")
        for id_ in sorted({*ids, "health"})
    )


def _topic(scope: Scope) -> tuple[str, ...]:
    arn = scope.arn("sns", scope.naming.alarm_topic)
    return arn, f"{arn}:*"  # its subscriptions


def _dashboard(scope: Scope) -> str:
    return scope.arn("cloudwatch", f"dashboard/{scope.naming.dashboard}", region="")


def _budget(scope: Scope) -> tuple[str, ...]:
    return (scope.arn("budgets", f"budget/{scope.naming.budget}", region=""),)


def _read_monitoring(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="ReadTopic",
        actions=[
            "sns:GetSubscriptionAttributes",
            "sns:GetTopicAttributes",
            "sns:ListTagsForResource",
        ],
        resources=_topic(scope),
    )
    yield Right(
        sid="FindAlarms",
        actions=["cloudwatch:DescribeAlarms"],
        resources=_ANY,
        every_resource="CloudWatch returns composite alarms for no other (its API)",
    )
    yield Right(
        sid="ReadDashboard",
        actions=["cloudwatch:GetDashboard"],
        resources=(_dashboard(scope),),
    )
    yield Right(
        sid="ReadBudget",
        actions=["budgets:ListTagsForResource", "budgets:ViewBudget"],
        resources=_budget(scope),
    )


def _use_alarms(
    scope: Scope, changes: Iterable[str], unrecorded: Mapping[str, str] | None = None
) -> Right:
    """Return the rights on the alarms: one statement, because their names are long."""
    return Right(
        sid="UseAlarms",
        actions=["cloudwatch:ListTagsForResource", *changes],
        resources=_alarms(scope),
        unrecorded=unrecorded or {},
    )


def _change_monitoring(scope: Scope) -> Iterator[Right]:
    yield Right(
        sid="ChangeTopic",
        actions=[
            "sns:CreateTopic",
            "sns:DeleteTopic",
            "sns:SetTopicAttributes",
            "sns:Subscribe",
            "sns:TagResource",
            "sns:Unsubscribe",
        ],
        resources=_topic(scope),
        unrecorded={
            "sns:SetSubscriptionAttributes": "another release subscribes differently",
            "sns:UntagResource": "a tag is removed from the settings",
        },
    )
    yield _use_alarms(
        scope,
        ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
        unrecorded={"cloudwatch:UntagResource": "a tag is removed from the settings"},
    )
    yield Right(
        sid="ChangeHealthAlarm",
        actions=["cloudwatch:PutCompositeAlarm"],
        resources=_ANY,
        every_resource="CloudWatch creates composite alarms for no other (its API)",
    )
    yield Right(
        sid="ChangeDashboard",
        actions=["cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard"],
        resources=(_dashboard(scope),),
    )
    yield Right(
        sid="ChangeBudget",
        actions=["budgets:ModifyBudget", "budgets:TagResource"],
        resources=_budget(scope),
        unrecorded={"budgets:UntagResource": "a tag is removed from the settings"},
    )


# --- Roles of the layers ---------------------------------------------------------------------


def _change_roles(scope: Scope) -> Iterator[Right]:
    """Yield the rights on the three roles of the layers.

    Whoever can write the policy of a role, and have a service run code as it, has its rights.
    So every role has the boundary, without which none can be created or changed. Who is trusted by
    a role that exists is an administrator's matter: the execution role can read the secret.
    """
    naming = scope.naming
    roles = (naming.execution_role, naming.replication_role, naming.backup_role)
    arns = tuple(map(scope.role_arn, roles))
    yield Right(
        sid="ChangeBoundedRoles",
        actions=[
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:PutRolePolicy",
        ],
        resources=arns,
        conditions={"StringEquals": {"iam:PermissionsBoundary": scope.boundary_arn}},
        unrecorded={
            "iam:PutRolePermissionsBoundary": "a role that is older than its boundary",
        },
    )
    yield Right(
        sid="ChangeRoles",
        actions=["iam:ListInstanceProfilesForRole", "iam:TagRole"],
        resources=arns,
        unrecorded={
            "iam:UntagRole": "a tag is removed from the settings",
            "iam:UpdateRole": "another release configures the role differently",
            "iam:UpdateRoleDescription": "another release describes the role differently",
        },
    )
    for sid, role, service in (
        ("PassExecutionRole", naming.execution_role, "lambda"),
        ("PassReplicationRole", naming.replication_role, "s3"),
        ("PassBackupRole", naming.backup_role, "backup"),
    ):
        yield Right(
            sid=sid,
            actions=["iam:PassRole"],
            resources=(scope.role_arn(role),),
            conditions={"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}},
        )
    services = (
        "dynamodb.application-autoscaling.amazonaws.com",
        "replication.dynamodb.amazonaws.com",
        "backup.amazonaws.com",
        "wafv2.amazonaws.com",
        "delivery.logs.amazonaws.com",
    )
    yield Right(
        sid="CreateServiceLinkedRoles",
        actions=[],
        resources=(scope.role_arn("aws-service-role/*"),),
        conditions={"StringEquals": {"iam:AWSServiceName": list(services)}},
        unrecorded={
            "iam:CreateServiceLinkedRole": "the first use in an account creates the service's role"
        },
    )


# --- What must never be ----------------------------------------------------------------------


def _guard(scope: Scope) -> Iterator[Right]:
    """Yield denials for both roles: they hold whatever else somebody attaches to the role."""
    yield Right(
        sid="NeverReadSecret",
        effect="Deny",
        actions=["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"],
        resources=_ANY,
    )
    yield Right(
        sid="NeverTouchOtherEnvironments",
        effect="Deny",
        actions=_ANY,
        resources=_ANY,
        conditions={
            "StringEquals": {"aws:ResourceTag/Project": PROJECT},
            "StringNotEquals": {"aws:ResourceTag/Environment": scope.naming.environment},
        },
    )


def _apply_guard(scope: Scope) -> Iterator[Right]:
    yield from _guard(scope)
    yield Right(
        sid="NeverTagAsOtherEnvironment",
        effect="Deny",
        actions=_ANY,
        resources=_ANY,
        conditions={
            "StringNotEquals": {"aws:RequestTag/Environment": scope.naming.environment},
            "Null": {"aws:RequestTag/Environment": "false"},  # absent is not equal, too
        },
    )
    # Own are those with this project's tag, so what carries another project's must not get it.
    yield Right(
        sid="NeverTakeFromOtherProjects",
        effect="Deny",
        actions=[
            f"{service}:TagResource"
            for service in (
                "application-autoscaling",
                "backup",
                "cloudfront",
                "kms",
                "lambda",
                "logs",
            )
        ],
        resources=(
            scope.arn("application-autoscaling", "scalable-target/*"),
            scope.arn("backup", "backup-plan:*"),
            *_edge(scope, "distribution/*"),
            scope.arn("kms", "key/*"),
            *_signing(scope),
            *_deliveries(scope),
        ),
        conditions={
            "StringNotEquals": {"aws:ResourceTag/Project": PROJECT},
            "Null": {"aws:ResourceTag/Project": "false"},  # absent is not equal, too
        },
    )
    yield Right(
        sid="NeverChangeOwnRights",
        effect="Deny",
        actions=["iam:*"],
        resources=(
            scope.arn("iam", f"role{BOOTSTRAP_PATH}*", region=""),
            scope.arn("iam", f"policy{BOOTSTRAP_PATH}*", region=""),
            scope.boundary_arn,
        ),
    )
    yield Right(
        sid="NeverDropBoundary",
        effect="Deny",
        actions=["iam:DeleteRolePermissionsBoundary"],
        resources=_ANY,
    )
    yield Right(
        sid="NeverMakePrincipals",
        effect="Deny",
        actions=[
            "iam:AddUserToGroup",
            "iam:AttachRolePolicy",
            "iam:*AccessKey*",
            "iam:*Group*",
            "iam:*LoginProfile",
            "iam:*OpenIDConnectProvider*",
            "iam:*SAMLProvider*",
            "iam:*User*",
            "iam:CreatePolicy*",
            "iam:SetDefaultPolicyVersion",
            "sts:AssumeRole*",
        ],
        resources=_ANY,
    )
    yield from _keep_state_key(scope)
    bucket = scope.state_bucket
    if bucket:
        yield Right(
            sid="NeverTouchStateOfBootstrap",
            effect="Deny",
            actions=["s3:*"],
            resources=(scope.bucket_arn(bucket, f"{scope.naming.environment}/bootstrap/*"),),
        )
        yield Right(
            sid="NeverChangeStateBucket",
            effect="Deny",
            actions=["s3:DeleteBucket*", "s3:PutBucket*", "s3:Put*n"],
            resources=(scope.bucket_arn(bucket), scope.bucket_arn(bucket, "*")),
        )
        yield Right(
            sid="NeverDeleteStates",
            effect="Deny",
            actions=["s3:DeleteObject", "s3:DeleteObjectVersion"],
            # Of all environments and workspaces. A lock has another end, and plans have none.
            resources=(scope.bucket_arn(bucket, "*.tfstate"),),
        )


def _keep_state_key(scope: Scope) -> Iterator[Right]:
    """Yield denials to change the key of the states; S3 can still use it for the role.

    The bootstrap layer's key has the tags of the environment, as the data key has, and the tag of
    that layer. A key that a setting names is protected by its ARN: it could be tagged as own.
    """
    changes = (
        "kms:*Alias",
        "kms:*Grant",
        "kms:CancelKeyDeletion",
        "kms:Delete*",
        "kms:Disable*",
        "kms:Enable*",
        "kms:ImportKeyMaterial",
        "kms:PutKeyPolicy",
        "kms:ReplicateKey",
        "kms:RotateKeyOnDemand",
        "kms:ScheduleKeyDeletion",
        "kms:TagResource",
        "kms:UntagResource",
        "kms:Update*",
    )
    yield Right(
        sid="NeverChangeKeyOfBootstrap",
        effect="Deny",
        actions=changes,
        resources=(f"arn:{scope.partition}:kms:*:*:key/*",),
        conditions={"StringEquals": {"aws:ResourceTag/Layer": Layer.BOOTSTRAP.tag}},
    )
    if scope.state_key_arn:
        yield Right(
            sid="NeverChangeStateKey",
            effect="Deny",
            actions=changes,
            resources=(scope.state_key_arn,),
        )


# --- The boundary ----------------------------------------------------------------------------


def boundary(scope: Scope) -> tuple[Statement, ...]:
    """Return the permissions boundary of the roles of the layers.

    It is the union of what the three roles can ever be given, and nothing of IAM or STS: a role
    that somebody gives more has no more.
    """
    return tuple(right.statement() for right in boundary_rights(scope))


def boundary_rights(scope: Scope) -> Iterator[Right]:
    """Yield the statements of the boundary, with the reasons."""
    naming = scope.naming
    table = scope.arn("dynamodb", f"table/{naming.cache_table}")
    sources = [naming.bucket(bucket) for bucket in DATA_BUCKETS]
    copies = [naming.replica(source) for source in sources]
    # What the function may do, and after that what S3 replication and AWS Backup may.
    yield Right(
        sid="UseTable",
        actions=[
            "dynamodb:CreateBackup",
            "dynamodb:DeleteBackup",
            "dynamodb:DescribeBackup",
            "dynamodb:DescribeTable",
            "dynamodb:GetItem",
            "dynamodb:ListTagsOfResource",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:StartAwsBackupJob",
            "dynamodb:UpdateItem",
        ],
        resources=(table, f"{table}/index/{INDEX}", f"{table}/backup/*"),
    )
    yield Right(
        sid="ReadConfiguration",
        actions=["ssm:GetParameter", "ssm:GetParameters"],
        resources=(scope.arn("ssm", f"parameter{naming.parameters}/*"),),
    )
    yield Right(
        sid="ReadSecret", actions=["secretsmanager:GetSecretValue"], resources=_secret(scope)
    )
    yield Right(
        sid="WriteLog",
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=(scope.arn("logs", f"log-group:{naming.log_group}:*"),),
    )
    yield Right(
        sid="ReadSources",
        actions=[
            "s3:GetBucketAcl",
            "s3:GetBucketLocation",
            "s3:GetBucketNotification",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetInventoryConfiguration",
            "s3:GetObject",
            "s3:GetObjectAcl",
            "s3:GetObjectLegalHold",
            "s3:GetObjectRetention",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionForReplication",
            "s3:GetObjectVersionTagging",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:PutBucketNotification",
            "s3:PutInventoryConfiguration",
        ],
        resources=(
            *(scope.bucket_arn(bucket) for bucket in sources),
            *(scope.bucket_arn(bucket, "*") for bucket in sources),
        ),
    )
    yield Right(
        sid="WriteCopies",
        actions=["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
        resources=tuple(scope.bucket_arn(bucket, "*") for bucket in copies),
    )
    yield Right(
        sid="FollowBucketChanges",
        actions=[
            "events:DeleteRule",
            "events:DescribeRule",
            "events:DisableRule",
            "events:EnableRule",
            "events:ListTargetsByRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
        ],
        resources=(scope.arn("events", "rule/AwsBackupManagedRule*"),),
    )
    yield Right(
        sid="TraceAndFind",
        actions=[
            "cloudwatch:GetMetricData",
            "events:ListRules",
            "s3:ListAllMyBuckets",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
        resources=_ANY,
        every_resource=_NO_RESOURCE,
    )
    yield Right(
        sid="KeepBackups",
        actions=["backup:CopyFromBackupVault", "backup:TagResource"],
        resources=(scope.arn("backup", "recovery-point:*", region="*"),),
    )
    yield Right(
        sid="CopyBackups",
        actions=["backup:CopyIntoBackupVault", "backup:DescribeBackupVault"],
        # `backup.copy_to_vault_arn` names one, of any account; its own policy must allow it, too.
        resources=(f"arn:{scope.partition}:backup:*:*:backup-vault:*",),
    )
    yield Right(
        sid="UseKeys",
        actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
        resources=(f"arn:{scope.partition}:kms:*:*:key/*",),
        conditions={
            "StringLike": {
                "kms:ViaService": [
                    f"{service}.*.{dns_suffix(scope.region)}"
                    for service in ("dynamodb", "s3", "secretsmanager")
                ]
            }
        },
    )
    yield Right(
        sid="FindKeys",
        actions=["kms:DescribeKey"],
        resources=(scope.arn("kms", "key/*", region="*"),),
    )
    yield Right(
        sid="LetServicesUseKeys",
        actions=["kms:CreateGrant"],
        resources=(scope.arn("kms", "key/*", region="*"),),
        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
