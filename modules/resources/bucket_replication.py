"""Copies of buckets in another Region, kept by S3 replication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.s3_bucket_replication_configuration import (
    S3BucketReplicationConfigurationA,
    S3BucketReplicationConfigurationRule,
    S3BucketReplicationConfigurationRuleDeleteMarkerReplication,
    S3BucketReplicationConfigurationRuleDestination,
    S3BucketReplicationConfigurationRuleFilter,
    S3BucketReplicationConfigurationRuleSourceSelectionCriteria,
)
from cdktf_cdktf_provider_aws.s3_bucket_replication_configuration import (
    S3BucketReplicationConfigurationRuleDestinationEncryptionConfiguration as _CopyEncryption,
)
from cdktf_cdktf_provider_aws.s3_bucket_replication_configuration import (
    S3BucketReplicationConfigurationRuleSourceSelectionCriteriaSseKmsEncryptedObjects as _EncryptedObjects,  # noqa: E501 - the bindings' name
)

from modules.iam import Statement
from modules.resources.access_log_bucket import AccessLogBucketConfig, add_access_log_bucket
from modules.resources.encryption_key import use_keys
from modules.resources.private_bucket import (
    Delivery,
    PrivateBucket,
    PrivateBucketConfig,
    add_private_bucket,
)
from modules.resources.service_role import ServiceRoleConfig, add_service_role
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class BucketReplicationConfig:
    """The buckets to copy, and the Region of the copies.

    ``key_arn`` is their KMS key in that Region, which they need where the sources have one.
    ``access_logs`` is the bucket for the access logs of the copies, to be added in their Region.
    """

    sources: Sequence[PrivateBucket]
    region: str
    key_arn: str | None
    access_logs: AccessLogBucketConfig | None
    permissions_boundary: str | None


def add_bucket_replication(stack: LayerStack, id_: str, config: BucketReplicationConfig) -> None:
    """Copy each source into a bucket of its own: new objects and deletions from now on.

    Objects that exist already need S3 Batch Replication, once. A copy has the lifecycle and the
    Object Lock of its source; only S3 and its owner can read or write it.
    """
    sources = config.sources
    logs = (
        add_access_log_bucket(stack, f"{id_}_access_logs", config.access_logs)
        if config.access_logs
        else None
    )
    copies = [
        add_private_bucket(stack, f"{source.id}_replica", _copy(stack, source, config, logs))
        for source in sources
    ]
    role = add_service_role(
        stack,
        id_,
        ServiceRoleConfig(
            name=stack.naming.replication_role,
            description="S3 replicates objects to another Region",
            service="s3",
            trust_sid="AllowS3",
            trust_conditions={"StringEquals": {"aws:SourceAccount": stack.account_id}},
            policy_name=stack.naming.replication_policy,
            statements=[*_rights(sources, copies), *_key_rights(stack, config)],
            permissions_boundary=config.permissions_boundary,
        ),
    )
    for source, copy in zip(sources, copies, strict=True):
        S3BucketReplicationConfigurationA(
            stack,
            f"{source.id}_replication",
            bucket=source.name,
            role=role.arn,
            rule=[_everything(copy)],
            # S3 checks both buckets' versioning, and the role.
            depends_on=[source.last, copy.last, role.rights],
        )


def _copy(
    stack: LayerStack,
    source: PrivateBucket,
    config: BucketReplicationConfig,
    logs: PrivateBucket | None,
) -> PrivateBucketConfig:
    return PrivateBucketConfig(
        name=stack.naming.replica(source.config.name),
        retain=source.config.retain,
        versioning=True,
        lifecycle=source.config.lifecycle,
        # S3 replicates a bucket with Object Lock only into another one.
        object_lock=source.config.object_lock,
        access_logs=Delivery(bucket=logs.name, prefix=f"{source.id}/") if logs else None,
        provider=stack.provider_for(config.region),
        key_arn=config.key_arn,
    )


def _everything(copy: PrivateBucket) -> S3BucketReplicationConfigurationRule:
    key_arn = copy.config.key_arn
    return S3BucketReplicationConfigurationRule(
        id="everything",
        status="Enabled",
        priority=0,
        filter=S3BucketReplicationConfigurationRuleFilter(prefix=""),
        delete_marker_replication=S3BucketReplicationConfigurationRuleDeleteMarkerReplication(
            status="Enabled"
        ),
        # Without both, S3 does not replicate objects that a KMS key encrypts.
        source_selection_criteria=S3BucketReplicationConfigurationRuleSourceSelectionCriteria(
            sse_kms_encrypted_objects=_EncryptedObjects(status="Enabled")
        )
        if key_arn
        else None,
        destination=S3BucketReplicationConfigurationRuleDestination(
            bucket=copy.arn,
            encryption_configuration=_CopyEncryption(replica_kms_key_id=key_arn)
            if key_arn
            else None,
        ),
    )


def _rights(sources: Sequence[PrivateBucket], copies: Sequence[PrivateBucket]) -> list[Statement]:
    locked = any(source.config.object_lock for source in sources)
    retention = ("s3:GetObjectRetention", "s3:GetObjectLegalHold") if locked else ()
    return [
        Statement(
            sid="ReadSourceBuckets",
            actions=("s3:GetReplicationConfiguration", "s3:ListBucket"),
            resources=tuple(bucket.arn for bucket in sources),
        ),
        Statement(
            sid="ReadSourceObjects",
            actions=(
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
                *retention,
            ),
            resources=tuple(f"{bucket.arn}/*" for bucket in sources),
        ),
        Statement(
            sid="WriteCopies",
            actions=("s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"),
            resources=tuple(f"{copy.arn}/*" for copy in copies),
        ),
    ]


def _key_rights(stack: LayerStack, config: BucketReplicationConfig) -> list[Statement]:
    source_key = config.sources[0].config.key_arn  # all of them have the same
    if not source_key or not config.key_arn:
        return []
    return [
        use_keys("DecryptSources", [source_key], "kms:Decrypt", through="s3", region=stack.region),
        use_keys(
            "EncryptCopies",
            [config.key_arn],
            "kms:Encrypt",
            "kms:GenerateDataKey",
            through="s3",
            region=config.region,
        ),
    ]
