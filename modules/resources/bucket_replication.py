"""Copies of buckets in another Region, kept by S3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy

from modules.policy import Statement, policy, service
from modules.resources.bucket_lifecycle import data_rules
from modules.resources.private_bucket import PrivateBucket
from modules.settings import BucketSettings
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class Source:
    """A bucket to copy, and what the copy is called."""

    bucket: PrivateBucket
    copy_id: str
    copy_name: str


def replicate(stack: LayerStack, sources: Sequence[Source], *, region: str) -> None:
    """Copy each of ``sources`` into a bucket of its own in ``region``.

    The copies are locked and tidied up by the same rules as their sources, and nothing but S3 and
    their owner can read or write them.
    """
    copies = [_copy(stack, source, region, stack.settings.buckets) for source in sources]
    role = IamRole(
        stack,
        "replication_role",
        name=stack.naming.replication_role,
        description="S3 copies objects into another Region",
        assume_role_policy=policy(
            Statement(
                sid="AllowS3",
                principals=service("s3.amazonaws.com"),
                actions=("sts:AssumeRole",),
                conditions={"StringEquals": {"aws:SourceAccount": stack.account_id}},
            )
        ),
    )
    rights = IamRolePolicy(
        stack,
        "replication_rights",
        name=stack.naming.replication_policy,
        role=role.name,
        policy=policy(*_rights([source.bucket for source in sources], copies)),
    )
    for source, copy in zip(sources, copies, strict=True):
        source.bucket.replicate_to(copy, role_arn=role.arn, rights=rights)


def _copy(
    stack: LayerStack, source: Source, region: str, settings: BucketSettings
) -> PrivateBucket:
    lifecycle = settings.lifecycle
    copy = PrivateBucket(
        stack,
        source.copy_id,
        name=source.copy_name,
        retain=stack.settings.retain,
        versioning=True,
        lifecycle=data_rules(lifecycle, versioning=True) if lifecycle else (),
        provider=stack.provider_for(region),
    )
    if settings.object_lock and source.bucket.is_locked:
        # S3 copies from a locked bucket only into a locked one.
        copy.lock_objects(settings.object_lock)
    return copy


def _rights(sources: Sequence[PrivateBucket], copies: Sequence[PrivateBucket]) -> list[Statement]:
    locked = any(bucket.is_locked for bucket in sources)
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
